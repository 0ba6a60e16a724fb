//! Reads the few things we want of a certificate: who signed it for whom, and for how long.

/// Tags of DER (X.690) that stand on the way to the validity (RFC 5280, 4.1).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// What a certificate says of itself (RFC 5280, 4.1), unproven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// Who signed it, and whom it is for: names, in DER.
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// Its validity, in seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl<'a> Certificate<'a> {
    /// `der` as a certificate; `None` when it isn't one.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (body, _) = element(certificate, SEQUENCE)?;
        // The version is left out of certificates of version 1.
        let body = element(body, VERSION).map_or(body, |(_, rest)| rest);
        let (_serial, body) = any_element(body).map(|(_, value, rest)| (value, rest))?;
        let (_algorithm, body) = element(body, SEQUENCE)?;
        let (issuer, body) = element(body, SEQUENCE)?;
        let (validity, body) = element(body, SEQUENCE)?;
        let (subject, _) = element(body, SEQUENCE)?;
        let (tag, not_before, rest) = any_element(validity)?;
        let not_before = moment(tag, std::str::from_utf8(not_before).ok()?)?;
        let (tag, not_after, _) = any_element(rest)?;
        let not_after = moment(tag, std::str::from_utf8(not_after).ok()?)?;
        Some(Self { issuer, subject, not_before, not_after })
    }
}

/// The end of validity (`notAfter`), in seconds since 1970, of a certificate in
/// DER; `None` when it isn't one.
#[must_use]
pub fn certificate_end(der: &[u8]) -> Option<i64> {
    Certificate::read(der).map(|certificate| certificate.not_after)
}

/// The contents of the first element, which must have that tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = any_element(der)?;
    (found == tag).then_some((value, rest))
}

/// Tag and contents of the first element, and what follows it.
fn any_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // The long form: so many bytes of length follow.
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if length.len() > 4 {
            return None;
        }
        (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// `YYMMDDHHMMSSZ` (years from 1950 to 2049) or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i32 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2).and_then(|two| two.parse::<u8>().ok());
    let month = time::Month::try_from(part(0)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, part(2)?).ok()?;
    let moment = date.with_hms(part(4)?, part(6)?, part(8)?).ok()?;
    Some(moment.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use proptest::prelude::*;

    /// Made by `openssl req -x509 -newkey ed25519 -days 3650 -subj /CN=localhost`.
    const CERTIFICATE: &str = "\
         MIIBPDCB76ADAgECAhQKegql0GbuI8h3PxK8piU9t2uK8zAFBgMrZXAwFDESMBAGA1UEAwwJbG9j\
         YWxob3N0MB4XDTI2MTEyMzE2NTYwMVoXDTM2MTEyMDE2NTYwMVowFDESMBAGA1UEAwwJbG9jYWxo\
         b3N0MCowBQYDK2VwAyEArIpHtCsyUUyrY0thT2UzqcCU6fNA8/b86V0DTur+KaujUzBRMB0GA1Ud\
         DgQWBBTyWJ2ZlL52D3YY4eKlzwOS81vvijAfBgNVHSMEGDAWgBTyWJ2ZlL52D3YY4eKlzwOS81vv\
         ijAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAA+VEbck2jCkTQXByf9U/CnJrUzlQIL8spTCqmQi\
         lcxsBGrIWiR+9l8ldyshVNJ7rZ/vJPltDEMTcRiNoK9pIQA=";

    fn certificate() -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(CERTIFICATE).expect("is base64")
    }

    #[test]
    fn a_real_certificate_is_read() {
        let der = certificate();
        let read = Certificate::read(&der).expect("is one");
        assert_eq!((read.not_before, read.not_after), (1_795_452_961, 2_110_812_961));
        assert!(read.issuer == read.subject && read.subject.ends_with(b"localhost"));
    }

    #[test]
    fn the_bundled_roots_are_all_read() {
        // Some hundred certificates of version 1 and 3, with either form of time.
        for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let end = certificate_end(root).expect("is a certificate");
            assert!((1_700_000_000..4_000_000_000).contains(&end), "{end}");
        }
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(moment(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(moment(UTC_TIME, "500101000000Z"), Some(-631_152_000));
        assert_eq!(moment(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for no in ["", "Z", "20500101000000", "2050010100000Z", "20501301000000Z", "ÄÄÄÄÄÄÄZ"]
        {
            assert_eq!(moment(GENERALIZED_TIME, no), None, "{no}");
        }
    }

    #[test]
    fn a_cut_certificate_is_none() {
        let whole = certificate();
        for end in 0..whole.len() {
            assert_eq!(certificate_end(&whole[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(der in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = certificate_end(&der);
        }

        #[test]
        fn a_damaged_certificate_never_panics(at in 0usize..300, byte: u8) {
            let mut der = certificate();
            let at = at % der.len();
            der[at] = byte;
            let _ = certificate_end(&der);
        }
    }
}
