//! Why a certificate is not accepted, in sentences that say what to do.

use std::net::IpAddr;

use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::trust::{Refused, Why};
use crate::units::{Timestamp, count};

/// What to set so that an authority of one's own is trusted.
const TRUST: &str =
    "`[engine] ca_file = \"ca.pem\"`, or SSL_CERT_FILE or SSL_CERT_DIR in the environment";
/// The most names of a certificate that are told.
const MOST_NAMES: usize = 4;

/// Why the certificates that `host` shows are not accepted.
pub(super) fn certificate_trouble(error: &CertificateError, host: &str) -> String {
    let CertificateError::Other(other) = error else { return trouble(error, None, host) };
    match other.0.downcast_ref::<Refused>() {
        Some(refused) => trouble(&refused.error, Some(refused.why), host),
        None => trouble(error, None, host),
    }
}

fn trouble(error: &CertificateError, why: Option<Why>, host: &str) -> String {
    let whose = if why == Some(Why::Another) {
        format!("a certificate in the chain of {host}, not its own,")
    } else {
        format!("the certificate of {host}")
    };
    match error {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "{whose} expired at {}, it is {} now: {}",
            day(*not_after),
            day(*time),
            if why == Some(Why::Another) {
                "have the server send the chain that its authority gives today"
            } else {
                "renew it"
            }
        ),
        CertificateError::Expired => format!("{whose} expired: renew it"),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "{whose} is not valid yet: it will be from {} on, and this machine's clock says {}; \
             set the clock right, or install one that is valid already",
            day(*not_before),
            day(*time)
        ),
        CertificateError::NotValidYet => format!("{whose} is not valid yet: is the clock right?"),
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(presented, host),
        CertificateError::NotValidForName => {
            format!("the certificate is not for {host}: use the name it is for, or install another")
        }
        CertificateError::UnknownIssuer => unknown_issuer(&whose, why),
        CertificateError::Revoked => format!("{whose} was revoked: install a new one"),
        CertificateError::BadEncoding => {
            format!("{whose}, or one in its chain, is none that can be read: install another")
        }
        CertificateError::BadSignature => format!(
            "{whose}, or one in its chain, has a signature that doesn't hold, or is signed with \
             a key that is too short (RSA under 2,048 bits): install one whose chain verifies"
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => format!(
            "{whose}, or one in its chain, is signed in a way that isn't trusted, such as with \
             SHA-1: install one signed with SHA-256 or better"
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!(
                "{whose} is not for servers by its extended key usage: issue one with serverAuth"
            )
        }
        CertificateError::Other(other) => other_trouble(&format!("{:?}", other.0), why, host),
        other => format!("{whose} is not accepted ({other}): install another"),
    }
}

/// What the library has no kind of its own for, by the name that it gives it.
fn other_trouble(name: &str, why: Option<Why>, host: &str) -> String {
    let whose = format!("the certificate of {host}");
    match name {
        "CaUsedAsEndEntity" if why == Some(Why::SelfSigned) => format!(
            "{whose} is self-signed, an authority's own, which no server may show: issue a \
             certificate for {host} with it (CA:FALSE), and trust the authority by {TRUST}"
        ),
        "CaUsedAsEndEntity" => format!(
            "{whose} is an authority's (CA:TRUE), which no server may show: issue one for {host} \
             with it (CA:FALSE)"
        ),
        "EndEntityUsedAsCa" => format!(
            "{whose} is signed by one that is no authority's (CA:FALSE): have it issued by an \
             authority, and the server send that one's certificate"
        ),
        "NameConstraintViolation" => format!(
            "{whose} is for names that its authority may not issue for (name constraints): have \
             another authority issue it"
        ),
        "PathLenConstraintViolated" => format!(
            "the chain of {host} is longer than an authority in it allows: have its certificate \
             issued by one nearer to the root"
        ),
        "UnsupportedCertVersion" => {
            format!("{whose}, or one in its chain, is older than version 3: issue a new one")
        }
        other => format!("{whose} is not accepted ({other}): install another"),
    }
}

fn unknown_issuer(whose: &str, why: Option<Why>) -> String {
    match why {
        Some(Why::SelfSigned) => format!(
            "{whose} is self-signed, no authority vouches for it: if it is one of your own, \
             trust it by {TRUST}"
        ),
        Some(Why::Alone) => format!(
            "{whose} has an issuer that this machine doesn't know, and the server sent no other \
             certificate: if the issuer is an intermediate, have the server send the whole chain; \
             if it is an authority of your own, trust it by {TRUST}"
        ),
        _ => format!(
            "{whose} has an issuer that this machine doesn't know; if it is an authority of your \
             own, trust it by {TRUST}"
        ),
    }
}

fn wrong_name(presented: &[String], host: &str) -> String {
    let names: Vec<String> = presented.iter().filter_map(|name| plain(name)).collect();
    if names.is_empty() {
        return format!(
            "the certificate names no host (it has no subject alternative name, and the common \
             name doesn't count): install one for {host}"
        );
    }
    let more = match names.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {} more", count(more as u64)),
    };
    let told: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let which = if names.len() == 1 { "that name" } else { "one of these names" };
    format!(
        "the certificate is not for {host}, it is for {}{more}: use {which} in the URL, or \
         install a certificate for {host}",
        told.join(", ")
    )
}

/// A name as the library writes it, `DnsName("other.test")` or `IpAddress(10.1.2.3)`, as
/// people do; `None`: no host's.
fn plain(name: &str) -> Option<String> {
    if let Some(dns) = name.strip_prefix("DnsName(\"") {
        return Some(dns.trim_end_matches("\")").to_owned());
    }
    let address = name.strip_prefix("IpAddress(")?.trim_end_matches(')');
    // Its zeros at the end are left out.
    let ip = address.parse().or_else(|_| format!("{address}::").parse::<IpAddr>());
    Some(ip.map_or_else(|_| address.to_owned(), |ip| ip.to_string()))
}

fn day(unix: UnixTime) -> String {
    let unix_millis = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000);
    Timestamp { unix_millis }.human()
}

#[cfg(test)]
mod tests {
    use std::error::Error as StdError;
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{OtherError, RootCertStore};

    use super::super::trust::Verifier;
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn named(presented: &[&str]) -> CertificateError {
        let expected = ServerName::try_from("api.test").expect("a name");
        let presented = presented.iter().map(|name| (*name).to_owned()).collect();
        CertificateError::NotValidForNameContext { expected, presented }
    }

    /// What the library calls a refusal that it has no kind for.
    #[derive(Debug, thiserror::Error)]
    #[error("{self:?}")]
    enum Odd {
        EndEntityUsedAsCa,
        NameConstraintViolation,
        CaUsedAsEndEntity,
        SomethingElse,
    }

    fn odd(error: impl StdError + Send + Sync + 'static) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(error)))
    }

    #[test]
    fn each_refusal_has_its_sentence() {
        let said: Vec<String> = [
            CertificateError::ExpiredContext {
                time: at(1_800_000_000),
                not_after: at(1_790_000_000),
            },
            CertificateError::NotValidYetContext {
                time: at(1_790_000_000),
                not_before: at(1_800_000_000),
            },
            named(&["DnsName(\"other.test\")"]),
            named(&["IpAddress(2001:db8)", "IpAddress(0::1)", "IpAddress(10.1.2.3)"]),
            named(&["UniformResourceIdentifier(\"spiffe://a\")"]),
            CertificateError::UnknownIssuer,
            CertificateError::Revoked,
            CertificateError::BadSignature,
            CertificateError::InvalidPurpose,
            odd(Odd::EndEntityUsedAsCa),
            odd(Odd::NameConstraintViolation),
            odd(Odd::CaUsedAsEndEntity),
            odd(Odd::SomethingElse),
        ]
        .iter()
        .map(|error| certificate_trouble(error, "api.test"))
        .collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn of_many_names_a_few_are_told() {
        let names: Vec<String> = (0..700).map(|n| format!("DnsName(\"h{n}.test\")")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let said = certificate_trouble(&named(&names), "api.test");
        assert!(
            said.contains("it is for h0.test, h1.test, h2.test, h3.test and 696 more: "),
            "{said}"
        );
    }

    /// Made for this, valid from 2020 to 2040, the two old ones to 2025.
    macro_rules! certificate {
        ($name:literal) => {
            CertificateDer::from_pem_slice(include_bytes!(concat!("certificates/", $name, ".pem")))
                .expect("is one")
        };
    }

    #[test]
    fn what_certificates_show_of_themselves_is_told() {
        let mut roots = RootCertStore::empty();
        roots.add(certificate!("root")).expect("is an authority's");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(roots, provider).expect("has a root");
        let name = ServerName::try_from("api.test").expect("a name");
        let verified = |own: &CertificateDer<'_>, others: &[CertificateDer<'_>]| {
            verifier.verify_server_cert(own, others, &name, &[], at(1_800_000_000))
        };
        let intermediate = certificate!("intermediate");
        let of_intermediate = certificate!("of-intermediate");
        assert!(verified(&of_intermediate, &[intermediate]).is_ok());
        let old = certificate!("old-intermediate");
        let said: Vec<String> = [
            (certificate!("self-signed"), vec![]),
            (certificate!("self-signed-authority"), vec![]),
            (of_intermediate.clone(), vec![]),
            (of_intermediate, vec![certificate!("root")]),
            (certificate!("of-root-expired"), vec![]),
            (certificate!("of-old-intermediate"), vec![old]),
        ]
        .iter()
        .map(|(own, others)| match verified(own, others) {
            Err(rustls::Error::InvalidCertificate(error)) => {
                certificate_trouble(&error, "api.test")
            }
            other => panic!("{other:?}"),
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
