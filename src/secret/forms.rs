//! The ways in which a secret may be written.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use zeroize::Zeroizing;

/// The fewest base64 digits that are looked for.
const SHORTEST: usize = 4;

/// The ways of writing a secret that are looked for, wiped when dropped.
#[derive(Clone)]
pub(super) struct Forms {
    /// In lower case: itself, and in hexadecimal.
    pub(super) plain: Vec<Zeroizing<String>>,
    /// What base64 makes of it, of that once more, and of it as UTF-16.
    pub(super) base64: Vec<Zeroizing<String>>,
}

impl Forms {
    pub(super) fn of(secret: &str) -> Self {
        let plain = [secret.to_ascii_lowercase(), hex::encode(secret)];
        let utf16 =
            Zeroizing::new(secret.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        let mut base64 = base64_cores(secret.as_bytes());
        let twice: Vec<String> =
            base64.iter().flat_map(|once| base64_cores(once.as_bytes())).collect();
        base64.extend(twice);
        base64.extend(base64_cores(&utf16));
        let wiped = |texts: Vec<String>| texts.into_iter().map(Zeroizing::new).collect();
        Self { plain: wiped(plain.into()), base64: wiped(base64) }
    }
}

/// What base64 makes of `secret` whatever stands before and after it: the digits
/// that it alone decides, at each of the three alignments, in both alphabets.
pub(super) fn base64_cores(secret: &[u8]) -> Vec<String> {
    let mut cores = Vec::new();
    for alphabet in [alphabet::STANDARD, alphabet::URL_SAFE] {
        let engine = GeneralPurpose::new(&alphabet, NO_PAD);
        for before in 0..3_usize {
            let mut bytes = Zeroizing::new(vec![0; before]);
            bytes.extend_from_slice(secret);
            let digits = Zeroizing::new(engine.encode(&bytes));
            let core = digits.get((before * 8).div_ceil(6)..bytes.len() * 8 / 6).unwrap_or("");
            if core.len() >= SHORTEST && !cores.iter().any(|known| known == core) {
                cores.push(core.to_owned());
            }
        }
    }
    cores
}
