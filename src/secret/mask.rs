//! The mask: secrets told of and secrets known by their shape, however they are written.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use zeroize::Zeroizing;

use super::Secret;
use super::view::View;

/// What stands where a secret stood.
const MASK: &str = "***";

/// The shortest secret that is looked for; shorter ones are in every text.
const SHORTEST: usize = 4;

/// Prefixes of secrets that are masked even when nobody told us of them, the
/// fewest characters that follow, and whether it must begin a word, because it
/// also stands within some (`task-1`).
const SHAPES: [(&str, usize, bool); 16] = [
    ("sk_live_", 1, false),
    ("sk_test_", 1, false),
    ("rk_live_", 1, false),
    ("rk_test_", 1, false),
    ("whsec_", 6, false),
    ("rsolv_", 6, false),
    ("github_pat_", 6, false),
    ("ghp_", 6, false),
    ("gho_", 6, false),
    ("ghs_", 6, false),
    ("ghu_", 6, false),
    ("ghr_", 6, false),
    ("rk_", 6, true),
    ("sk-", 6, true),
    ("akia", 12, true),
    ("asia", 12, true),
];

/// What may follow `bearer` in prose.
const PROSE: [&str; 18] = [
    "token",
    "tokens",
    "auth",
    "authentication",
    "authorization",
    "authorisation",
    "realm",
    "scheme",
    "credentials",
    "header",
    "is",
    "was",
    "not",
    "required",
    "expected",
    "missing",
    "invalid",
    "error",
];

/// `text` with every one of `known` (at least 4 characters long), everything shaped
/// like a secret and every bearer token replaced by `***`: written plainly, with the
/// escapes of JSON, URLs or HTML, in hexadecimal or base64, in either case.
#[must_use]
pub fn mask(text: &str, known: &[Secret]) -> String {
    let mut spans = Vec::new();
    for view in View::all_of(text) {
        for secret in known.iter().filter(|secret| secret.expose().len() >= SHORTEST) {
            let forms = secret.forms();
            for plain in &forms.plain {
                view.find(plain.as_bytes(), &mut |span| spans.push(span));
            }
            for core in &forms.base64 {
                let mut wide = |span| spans.push(whole_run(text, span));
                view.find_exactly(core.as_bytes(), &mut wide);
            }
        }
        for (prefix, least, begins) in SHAPES {
            view.find_shape(prefix, least, begins, &mut |span| spans.push(span));
        }
        for core in SHAPES_IN_BASE64.iter() {
            view.find_exactly(core.as_bytes(), &mut |span| spans.push(whole_run(text, span)));
        }
        view.find_bearer(&PROSE, &mut |span| spans.push(span));
    }
    covered(text, spans)
}

/// The ways of writing a secret that are looked for, wiped when dropped.
#[derive(Clone)]
pub(super) struct Forms {
    /// In lower case: itself, and in hexadecimal.
    plain: Vec<Zeroizing<String>>,
    /// What base64 makes of it.
    base64: Vec<Zeroizing<String>>,
}

impl Forms {
    pub(super) fn of(secret: &str) -> Self {
        let plain = [secret.to_ascii_lowercase(), hex::encode(secret)];
        let base64 = base64_cores(secret.as_bytes());
        let wiped = |texts: Vec<String>| texts.into_iter().map(Zeroizing::new).collect();
        Self { plain: wiped(plain.into()), base64: wiped(base64) }
    }
}

/// The longer prefixes in base64: what is only shaped like a secret may stand so too.
static SHAPES_IN_BASE64: LazyLock<Vec<String>> = LazyLock::new(|| {
    let long = SHAPES.iter().filter(|(prefix, ..)| prefix.len() > 5);
    long.flat_map(|(prefix, ..)| base64_cores(prefix.as_bytes())).collect()
});

/// `text` with `spans` of it masked.
fn covered(text: &str, mut spans: Vec<(usize, usize)>) -> String {
    spans.sort_unstable();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in spans {
        if end <= done {
            continue;
        }
        if start > done || masked.is_empty() || !masked.ends_with(MASK) {
            masked.push_str(text.get(done..start.max(done)).unwrap_or_default());
            masked.push_str(MASK);
        }
        done = end;
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    masked
}

/// What base64 makes of `secret` whatever stands before and after it: the digits
/// that it alone decides, at each of the three alignments, in both alphabets.
fn base64_cores(secret: &[u8]) -> Vec<String> {
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

/// The whole run of base64 digits that `span` is in: those at its ends hold parts
/// of the secret too.
fn whole_run(text: &str, (start, end): (usize, usize)) -> (usize, usize) {
    let digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let start = before.trim_end_matches(digit).len();
    (start, end + (after.len() - after.trim_start_matches(digit).len()))
}
