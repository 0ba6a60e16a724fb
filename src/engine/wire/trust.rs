//! Verifies a server's certificates as rustls does, and keeps what its refusals leave out.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::certificate::Certificate;

/// A verifier that accepts exactly what rustls' own does.
#[derive(Debug)]
pub(super) struct Verifier(Arc<WebPkiServerVerifier>);

/// Certificates that were refused.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: CertificateError,
    pub(super) why: Why,
}

/// What can be seen of them beyond the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The server's own is signed by itself.
    SelfSigned,
    /// The server sent none but its own.
    Alone,
    /// It isn't the server's own that has ended or not begun.
    Another,
}

impl Verifier {
    /// # Errors
    /// When there is no authority to trust.
    pub(super) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::client::VerifierBuilderError> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map(Self)
    }
}

/// What the certificates say for a refusal for `error`.
fn why(
    error: &CertificateError,
    own: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> Option<Why> {
    let own = Certificate::read(own)?;
    let differs = |time: UnixTime, its: i64| i64::try_from(time.as_secs()) != Ok(its);
    let self_signed = own.issuer == own.subject;
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            differs(*not_after, own.not_after).then_some(Why::Another)
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            differs(*not_before, own.not_before).then_some(Why::Another)
        }
        // Such as an authority's own.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if self_signed => {
            Some(Why::SelfSigned)
        }
        CertificateError::UnknownIssuer if others.is_empty() => Some(Why::Alone),
        _ => None,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_server_cert(own, others, name, ocsp, now).map_err(|error| match error {
            Error::InvalidCertificate(error) => Error::InvalidCertificate(
                why(&error, own, others)
                    .map(|why| Refused { error: error.clone(), why })
                    .map_or(error, |refused| {
                        CertificateError::Other(OtherError(Arc::new(refused)))
                    }),
            ),
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {}
