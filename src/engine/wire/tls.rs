//! Whom to trust: the system's authorities where there are any, the bundled ones elsewhere, and one's own.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::input;

/// The largest `ca_file` that is read, in bytes: ten times what a system trusts.
const MOST_PEM: u64 = 4 << 20;

/// Why the authorities to trust could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// `ca_file` is missing, unreadable, or holds no certificate.
    #[error("ca_file `{file}`: {reason}; it must hold one or more certificates in PEM")]
    CaFile {
        /// As the config has it.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `SSL_CERT_FILE` or `SSL_CERT_DIR` lead nowhere.
    #[error(
        "the certificate authorities to trust can't be read: {0}; mend or unset SSL_CERT_FILE and SSL_CERT_DIR"
    )]
    System(String),
    /// TLS can't be set up at all.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// A client's TLS: trusts the system's authorities (`SSL_CERT_FILE` and
/// `SSL_CERT_DIR` in their place, where set), the bundled ones where it has none,
/// and those of `ca_file` besides.
///
/// # Errors
/// When an authority that was asked for can't be read.
pub fn client_tls(ca_file: Option<&str>) -> Result<ClientConfig, RootsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // An unreadable file among the system's own is its affair; one that somebody
    // named is not.
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|n| std::env::var_os(n).is_some());
    if let Some(error) = system.errors.first().filter(|_| named || system.certs.is_empty()) {
        return Err(RootsError::System(error.to_string()));
    }
    if named && system.certs.is_empty() {
        return Err(RootsError::System("no certificate is there".to_owned()));
    }
    if system.certs.is_empty() {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
        roots.add_parsable_certificates(bundled);
    } else {
        roots.add_parsable_certificates(system.certs);
    }
    if let Some(file) = ca_file {
        let wrong = |reason: String| RootsError::CaFile { file: file.to_owned(), reason };
        let mut added = 0;
        let pem = input::read(Path::new(file), MOST_PEM).map_err(|e| wrong(e.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
            roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(wrong("no certificate is in it".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| RootsError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
