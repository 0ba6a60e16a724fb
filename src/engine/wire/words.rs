//! What went wrong on the way, each in a sentence that says what to do.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

use super::distrust::certificate_trouble;
use crate::engine::platform;
use crate::engine::transport::Failure;
use crate::units::Nanos;

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

/// [`tls_words`] of the client that sends all but load; `None`, too: it doesn't know to whom.
pub(crate) fn tls_words_of(error: &reqwest::Error) -> Option<String> {
    let url = error.url()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    tls_words(error, host, url.port_or_known_default()?)
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
        rustls::Error::AlertReceived(alert) => alert_trouble(*alert, host, at),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => other_version(at),
        other => format!("TLS with {at} failed: {other}"),
    }
}

/// A server that ended TLS, and said why.
fn alert_trouble(alert: AlertDescription, host: &str, at: &str) -> String {
    match alert {
        AlertDescription::ProtocolVersion => other_version(at),
        AlertDescription::HandshakeFailure => format!(
            "{at} ended the TLS handshake (alert HandshakeFailure): it shares no cipher or curve \
             with load-gate, or wants a client certificate, of which load-gate has none; its log \
             and its TLS settings tell which"
        ),
        AlertDescription::UnrecognisedName => format!(
            "{at} knows no host of the name {host} (alert UnrecognisedName): use the name in the \
             URL that it serves"
        ),
        alert if is_on_client(alert) => no_client_certificate(&format!("{alert:?}")),
        alert => format!(
            "{at} ended the TLS handshake with the alert {alert:?}: see what its log says of it"
        ),
    }
}

fn other_version(at: &str) -> String {
    format!(
        "{at} speaks no version of TLS that load-gate does, which are 1.2 and 1.3: switch one of \
         them on there"
    )
}

/// Whether a server says this of its client's certificate. Ours has none.
fn is_on_client(alert: AlertDescription) -> bool {
    CLIENT_ALERTS.contains(&alert)
}

const CLIENT_ALERTS: [AlertDescription; 8] = [
    AlertDescription::CertificateRequired,
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateExpired,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

fn no_client_certificate(alert: &str) -> String {
    format!(
        "the server wants a client certificate (alert {alert}), and load-gate has none to show: \
         use a URL that wants none, such as the service's own behind the proxy that asks for it"
    )
}

/// What to say of an error that comes of a server that wants a client certificate; `None`:
/// another one. In TLS 1.3 the server says so when the handshake is over for its client.
pub(crate) fn wants_certificate(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        // Others hand on no more than its text.
        let text = cause.to_string();
        let said = text.split_once("received fatal alert: ").map(|(_, said)| said);
        let mut alerts = CLIENT_ALERTS.iter().map(|alert| format!("{alert:?}"));
        let alert = alerts.find(|alert| said.is_some_and(|said| said.starts_with(alert)));
        if let Some(alert) = alert {
            return Some(no_client_certificate(&alert));
        }
        next = cause.source();
    }
    None
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

    fn said(error: rustls::Error, host: &str) -> String {
        tls_words(&io::Error::other(io::Error::other(error)), host, 443).expect("is one of TLS")
    }

    #[test]
    fn each_trouble_of_tls_has_its_sentence() {
        let alerts = [
            AlertDescription::ProtocolVersion,
            AlertDescription::HandshakeFailure,
            AlertDescription::UnrecognisedName,
            AlertDescription::CertificateRequired,
            AlertDescription::InternalError,
        ];
        let mut all: Vec<String> =
            alerts.map(|alert| said(rustls::Error::AlertReceived(alert), "api.test")).into();
        for other in [
            rustls::Error::InvalidCertificate(rustls::CertificateError::Revoked),
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
        ] {
            all.push(said(other, "::1"));
        }
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn who_wants_a_client_certificate_is_known_by_the_alert_or_its_text() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let text = alert.to_string();
        for error in [io::Error::other(alert), io::Error::other(text)] {
            let said = wants_certificate(&error).expect("is one");
            assert!(said.contains("(alert CertificateRequired)"), "{said}");
        }
        let other = rustls::Error::AlertReceived(AlertDescription::InternalError);
        assert_eq!(wants_certificate(&io::Error::other(other)), None);
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
