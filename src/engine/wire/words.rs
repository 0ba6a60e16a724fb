//! What went wrong on the way, each in a sentence that says what to do.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, InvalidMessage};

use crate::engine::platform;
use crate::engine::transport::Failure;
use crate::units::{Nanos, Timestamp};

/// What to set so that an authority of one's own is trusted.
const TRUST: &str =
    "`[engine] ca_file = \"ca.pem\"`, or SSL_CERT_FILE or SSL_CERT_DIR in the environment";

/// `host:port` as it stands in a URL: of IPv6 in brackets.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Why no connection could be opened to `host`, or why it was lost.
pub(super) fn unconnected(error: &io::Error, host: &str, port: u16) -> Failure {
    if let Some(local) = platform::local_trouble(error) {
        return Failure::Local(local);
    }
    let at = address(host, port);
    Failure::Connect(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!(
                "{at} refused the connection ({error}): nothing listens there, or a firewall says no"
            )
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("no route to {at} ({error}): is the network, the VPN or the address another?")
        }
        io::ErrorKind::TimedOut => format!("{at} did not answer to the connection ({error})"),
        _ => format!("no connection to {at}: {error}"),
    })
}

/// Why a name led nowhere.
pub(super) fn unresolved(error: &io::Error, host: &str) -> Failure {
    if let Some(local) = platform::local_trouble(error) {
        return Failure::Local(local);
    }
    Failure::Connect(format!(
        "the name {host} can't be resolved ({error}): is it written right, and does this \
         machine's DNS know it?"
    ))
}

/// Why a TLS handshake failed.
pub(super) fn no_handshake(error: &io::Error, host: &str, port: u16) -> Failure {
    if let Some(local) = platform::local_trouble(error) {
        return Failure::Local(local);
    }
    let at = address(host, port);
    Failure::Connect(match tls_error(error) {
        Some(tls) => tls_trouble(tls, host, &at),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("{at} closed the connection during the TLS handshake")
        }
        None => format!("the TLS handshake with {at} failed: {error}"),
    })
}

/// Whether a handshake that failed did so with one who speaks TLS.
pub(super) fn speaks_tls(error: &io::Error) -> bool {
    matches!(
        tls_error(error),
        Some(
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::AlertReceived(_)
                | rustls::Error::PeerIncompatible(_)
        )
    )
}

/// A handshake that was given up.
pub(super) fn handshake_too_long(host: &str, port: u16, tcp: Nanos, took: Nanos) -> String {
    format!(
        "the TLS handshake with {} was given up after {took}: the connection was open after \
         {tcp}, and what came then is no end of it; is this the port that speaks TLS?",
        address(host, port)
    )
}

/// The sentence for an error somewhere below which there is one of TLS; `None`:
/// there is none.
pub(crate) fn tls_words(error: &(dyn StdError + 'static), host: &str, port: u16) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let tls = cause
            .downcast_ref::<rustls::Error>()
            .or_else(|| tls_error(cause.downcast_ref::<io::Error>()?));
        if let Some(tls) = tls {
            return Some(tls_trouble(tls, host, &address(host, port)));
        }
        next = cause.source();
    }
    None
}

/// The error of TLS that an error of I/O carries.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| tls_error(inner.downcast_ref::<io::Error>()?))
}

fn tls_trouble(error: &rustls::Error, host: &str, at: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_trouble(certificate, host),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => format!(
            "{at} doesn't speak TLS, it answered in plain text: use an http:// URL, or the port \
             that speaks TLS"
        ),
        rustls::Error::AlertReceived(alert) => {
            format!("{at} ended the TLS handshake with the alert {alert:?}")
        }
        other => format!("TLS with {at} failed: {other}"),
    }
}

fn certificate_trouble(error: &CertificateError, host: &str) -> String {
    let day = |unix: rustls::pki_types::UnixTime| {
        let unix_millis = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000);
        Timestamp { unix_millis }.human()
    };
    let whose = format!("the certificate of {host}");
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("{whose} expired at {}, it is {} now: renew it", day(*not_after), day(*time))
        }
        CertificateError::Expired => format!("{whose} expired: renew it"),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "{whose} is not valid yet: it will be from {} on, and this machine's clock says {}; \
             set the clock right, or install one that is valid already",
            day(*not_before),
            day(*time)
        ),
        CertificateError::NotValidYet => format!("{whose} is not valid yet: is the clock right?"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            // As the library writes them: `DnsName("other.test")`.
            let names: Vec<&str> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name.as_str()))
                .collect();
            let names =
                if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            format!(
                "the certificate is not for {host}, it is for {names}: use that name in the URL, \
                 or install a certificate for {host}"
            )
        }
        CertificateError::NotValidForName => {
            format!("the certificate is not for {host}: use the name it is for, or install another")
        }
        CertificateError::UnknownIssuer => format!(
            "{whose} has an issuer that this machine doesn't know; if it is an authority of your \
             own, trust it by {TRUST}"
        ),
        CertificateError::Revoked => format!("{whose} was revoked: install a new one"),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => format!(
            "{whose} is self-signed, an authority's own, which no server may show: issue a \
             certificate for {host} with it (CA:FALSE), and trust the authority by {TRUST}"
        ),
        other => format!("{whose} is not accepted: {other}"),
    }
}

/// The innermost causes of an error, without the URL and without the client's
/// wrapping: `connection reset by peer (os error 104)`.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    // The outermost say only "client error"; the last two hold what happened.
    let from = texts.len().saturating_sub(2);
    let text = texts[from..].join(": ");
    if text.is_empty() { "the request failed".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::{ServerName, UnixTime};
    use std::time::Duration;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn each_trouble_of_tls_has_its_sentence() {
        let expected = ServerName::try_from("api.test").expect("a name");
        let certificate = [
            CertificateError::ExpiredContext {
                time: at(1_800_000_000),
                not_after: at(1_790_000_000),
            },
            CertificateError::NotValidYetContext {
                time: at(1_790_000_000),
                not_before: at(1_800_000_000),
            },
            CertificateError::NotValidForNameContext {
                expected,
                presented: vec![
                    "DnsName(\"other.test\")".into(),
                    "DnsName(\"www.other.test\")".into(),
                ],
            },
            CertificateError::UnknownIssuer,
            CertificateError::Revoked,
        ];
        let mut said: Vec<String> = certificate
            .into_iter()
            .map(|error| {
                let error = rustls::Error::InvalidCertificate(error);
                tls_words(&io::Error::other(error), "api.test", 443).expect("is one of TLS")
            })
            .collect();
        let plain = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        said.push(
            tls_words(&io::Error::other(io::Error::other(plain)), "::1", 443).expect("is one"),
        );
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn an_error_of_nobody_elses_is_none_of_tls() {
        assert_eq!(tls_words(&io::Error::other("no"), "api.test", 443), None);
    }

    #[test]
    fn what_the_target_can_do_nothing_for_is_local() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(
            matches!(unconnected(&refused, "::1", 80), Failure::Connect(text) if text.starts_with("[::1]:80 refused"))
        );
        #[cfg(unix)]
        for errno in
            [rustix::io::Errno::MFILE, rustix::io::Errno::NOBUFS, rustix::io::Errno::ADDRNOTAVAIL]
        {
            assert!(matches!(unconnected(&io::Error::from(errno), "a", 1), Failure::Local(_)));
        }
    }
}
