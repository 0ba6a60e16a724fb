//! Checks a `Stripe-Signature` header against the raw body.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// How far `t` may lie from the server's clock, in seconds.
const TOLERANCE: u64 = 300;
/// The longest header and the most signatures that are looked at.
const LONGEST: usize = 4_096;
const MOST_SIGNATURES: usize = 16;

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadSignature {
    /// There is no header.
    Missing,
    /// The header is malformed, repeated, or signs something else.
    Invalid,
    /// Rightly signed, but more than 300 s away from the server's clock.
    Expired,
}

/// Checks that one of `headers` (there must be exactly one) signs `body` with
/// `secret` at a moment near `now` (seconds since 1970): HMAC-SHA256 over
/// `<t>.<body>`, in lower-case hex, keyed by the secret as it stands.
pub(super) fn verify(
    secret: &Secret,
    headers: &[&[u8]],
    body: &[u8],
    now: u64,
) -> Result<(), BadSignature> {
    let header = match headers {
        [] => return Err(BadSignature::Missing),
        [only] if only.len() <= LONGEST => {
            std::str::from_utf8(only).map_err(|_| BadSignature::Invalid)?
        }
        _ => return Err(BadSignature::Invalid),
    };
    if header.is_empty() {
        return Err(BadSignature::Missing);
    }
    let (moment, signatures) = parse(header).ok_or(BadSignature::Invalid)?;
    let sent: u64 = moment.parse().map_err(|_| BadSignature::Invalid)?;
    let signed = |signature: &[u8; 32]| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
            return false;
        };
        mac.update(moment.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.verify_slice(signature).is_ok()
    };
    // The signature first: a stranger isn't told anything about the clock.
    if !signatures.iter().any(signed) {
        return Err(BadSignature::Invalid);
    }
    if now.abs_diff(sent) > TOLERANCE { Err(BadSignature::Expired) } else { Ok(()) }
}

/// The text of `t` and the bytes of every `v1`; none where the header is not
/// `t=<digits>,v1=<64 lower-case hex digits>`, in any order, `v1` repeated while
/// a secret is being rotated, parts of other schemes passed over.
fn parse(header: &str) -> Option<(&str, Vec<[u8; 32]>)> {
    let mut moment = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        let (scheme, value) = part.split_once('=')?;
        match scheme {
            "t" => {
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                if !digits || moment.replace(value).is_some() {
                    return None;
                }
            }
            "v1" => {
                let lower = value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let mut bytes = [0; 32];
                if !lower || signatures.len() == MOST_SIGNATURES {
                    return None;
                }
                hex::decode_to_slice(value, &mut bytes).ok()?;
                signatures.push(bytes);
            }
            _ if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {}
            _ => return None,
        }
    }
    if signatures.is_empty() { None } else { Some((moment?, signatures)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with Python: hmac.new(SECRET, b"1761846252." + BODY, sha256).hexdigest().
    const SECRET: &str = "whsec_test_secret_for_load_gate";
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event","type":"invoice.payment_succeeded"}"#;
    const T: u64 = 1_761_846_252;
    const HEX: &str = "f055885d01720d39130c2f9f1e351ca3bb3f2343c2ede6c9420e98502f6001ba";

    fn check(header: &str, body: &[u8], now: u64) -> Result<(), BadSignature> {
        verify(&Secret::new(SECRET), &[header.as_bytes()], body, now)
    }

    #[test]
    fn known_answers() {
        let good = format!("t={T},v1={HEX}");
        assert_eq!(check(&good, BODY, T), Ok(()));
        let umlaut =
            "t=1700000000,v1=6c7bcd3bd9e9d0318a95fcc9b132d2038345cb4df3535512ba0cd1693c5001e0";
        let body = "{\"name\":\"é\"}".as_bytes();
        let secret = Secret::new("whsec_x");
        assert_eq!(verify(&secret, &[umlaut.as_bytes()], body, 1_700_000_000), Ok(()));
        // The prefix is part of the key.
        let stripped = Secret::new("x");
        let wrong = verify(&stripped, &[umlaut.as_bytes()], body, 1_700_000_000);
        assert_eq!(wrong, Err(BadSignature::Invalid));
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        let good = format!("t={T},v1={HEX}");
        for (now, answer) in [
            (T + 300, Ok(())),
            (T - 300, Ok(())),
            (T + 301, Err(BadSignature::Expired)),
            (T - 301, Err(BadSignature::Expired)),
        ] {
            assert_eq!(check(&good, BODY, now), answer, "{now}");
        }
        // A wrong one isn't told that it is late as well.
        assert_eq!(check(&good, b"other", T + 301), Err(BadSignature::Invalid));
    }

    #[test]
    fn other_schemes_and_a_second_v1_are_no_harm() {
        let zero = "0".repeat(64);
        assert_eq!(check(&format!("t={T},v1={zero},v1={HEX},v0={zero}"), BODY, T), Ok(()));
        assert_eq!(check(&format!("v1={HEX},t={T}"), BODY, T), Ok(()));
        assert_eq!(check(&format!("t={T},v0={HEX}"), BODY, T), Err(BadSignature::Invalid));
    }

    #[test]
    fn anything_malformed_is_invalid() {
        let good = format!("t={T},v1={HEX}");
        for header in [
            "t=1".to_owned(),
            format!("v1={HEX}"),
            format!("t={T}, v1={HEX}"),
            format!(" t={T},v1={HEX}"),
            format!("t={T};v1={HEX}"),
            format!("t={T},t={T},v1={HEX}"),
            format!("t=,v1={HEX}"),
            format!("t=+{T},v1={HEX}"),
            format!("t=-{T},v1={HEX}"),
            format!("t=99999999999999999999999,v1={HEX}"),
            format!("t={T},v1={}", HEX.to_uppercase()),
            format!("t={T},v1={}", &HEX[1..]),
            format!("t={T},v1={HEX}00"),
            format!("t={T},v1="),
            format!("t={T},v1={HEX},"),
            format!("t={T},v1={}", "z".repeat(64)),
            "nonsense".to_owned(),
            format!("t={T}{}", format!(",v1={HEX}").repeat(17)),
        ] {
            assert_eq!(check(&header, BODY, T), Err(BadSignature::Invalid), "{header}");
        }
        let twice = [good.as_bytes(), good.as_bytes()];
        assert_eq!(verify(&Secret::new(SECRET), &twice, BODY, T), Err(BadSignature::Invalid));
        assert_eq!(
            verify(&Secret::new(SECRET), &[b"t=1\xff"], BODY, T),
            Err(BadSignature::Invalid)
        );
        assert_eq!(verify(&Secret::new(SECRET), &[], BODY, T), Err(BadSignature::Missing));
        assert_eq!(check("", BODY, T), Err(BadSignature::Missing));
    }
}
