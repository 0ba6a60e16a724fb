//! Whom to trust: the system's authorities where there are any, the bundled ones elsewhere, and one's own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::CertificateResult;

use super::trust::Verifier;
use crate::input;

/// The largest file of certificates that somebody names, in bytes: ten times what a system
/// trusts.
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
    /// `SSL_CERT_FILE` or `SSL_CERT_DIR` lead nowhere, or to no certificate.
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
    let [file, dirs] = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
    let mut roots = match Named::by(file.as_deref(), dirs.as_deref()) {
        Some(named) => named.roots()?,
        None => usual()?,
    };
    if let Some(file) = ca_file {
        add_all(&mut roots, Path::new(file))
            .map_err(|reason| RootsError::CaFile { file: file.to_owned(), reason })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let cannot = |why: String| RootsError::Tls(why);
    let verifier =
        Verifier::new(roots, Arc::clone(&provider)).map_err(|why| cannot(why.to_string()))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| cannot(why.to_string()))?
        // "Dangerous" is what rustls calls any verifier: this one accepts what its own does.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Where authorities are, in place of the system's.
struct Named {
    file: Option<PathBuf>,
    dirs: Vec<PathBuf>,
}

impl Named {
    /// As `SSL_CERT_FILE` and `SSL_CERT_DIR` have it; `None`: both are blank or unset.
    fn by(file: Option<&OsStr>, dirs: Option<&OsStr>) -> Option<Self> {
        let said = |path: &PathBuf| !path.to_string_lossy().trim().is_empty();
        let file = file.map(PathBuf::from).filter(said);
        let dirs =
            dirs.into_iter().flat_map(std::env::split_paths).filter(said).collect::<Vec<_>>();
        (file.is_some() || !dirs.is_empty()).then_some(Self { file, dirs })
    }

    fn roots(&self) -> Result<RootCertStore, RootsError> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.file {
            let certificates = read_pem(file).and_then(some).map_err(|why| wrong(file, &why))?;
            add_readable(&mut roots, certificates).map_err(|why| wrong(file, &why))?;
        }
        let mut certificates = Vec::new();
        for dir in &self.dirs {
            read_dir(dir, &mut certificates)?;
        }
        // Most are there a second time, by a link that is named for their hash.
        certificates.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        certificates.dedup();
        if !certificates.is_empty() {
            add_readable(&mut roots, certificates)
                .map_err(|why| RootsError::System(format!("SSL_CERT_DIR: {why}")))?;
        }
        if roots.is_empty() {
            return Err(RootsError::System("no certificate is there".to_owned()));
        }
        Ok(roots)
    }
}

fn wrong(path: &Path, why: &str) -> RootsError {
    RootsError::System(format!("`{}`: {why}", path.display()))
}

/// Adds what the files in `dir` hold, those in folders below it left out.
fn read_dir(dir: &Path, into: &mut Vec<CertificateDer<'static>>) -> Result<(), RootsError> {
    let entries = std::fs::read_dir(dir).map_err(|why| wrong(dir, &why.to_string()))?;
    for entry in entries {
        let path = entry.map_err(|why| wrong(dir, &why.to_string()))?.path();
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => {
                into.extend(read_pem(&path).map_err(|why| wrong(&path, &why))?);
            }
            Ok(_) => {}
            // A link that leads nowhere.
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
            Err(why) => return Err(wrong(&path, &why.to_string())),
        }
    }
    Ok(())
}

/// The system's authorities, or the bundled ones.
fn usual() -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    let found = system();
    if let Some(error) = found.errors.first().filter(|_| found.certs.is_empty()) {
        return Err(RootsError::System(error.to_string()));
    }
    // What can't be read among them is the system's affair.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
        roots.add_parsable_certificates(bundled);
    }
    Ok(roots)
}

/// The system's own, whether or not a blank variable stands in its place.
#[cfg(all(unix, not(target_os = "macos")))]
fn system() -> CertificateResult {
    let places = openssl_probe::probe();
    let mut found = rustls_native_certs::load_certs_from_paths(places.cert_file.as_deref(), None);
    for dir in &places.cert_dir {
        let more = rustls_native_certs::load_certs_from_paths(None, Some(dir));
        found.certs.extend(more.certs);
        found.errors.extend(more.errors);
    }
    found.certs.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    found.certs.dedup();
    found
}

/// The same: a blank variable is a file that isn't there to the library, so that the
/// bundled ones are trusted.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system() -> CertificateResult {
    let mut found = rustls_native_certs::load_native_certs();
    if std::env::var_os("SSL_CERT_FILE").is_some() {
        found.errors.clear();
    }
    found
}

/// The certificates in the file at `path`; an error in words.
fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = input::read(path, MOST_PEM).map_err(|why| why.to_string())?;
    CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|why| match why {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("the line `-----END {}-----` is missing", String::from_utf8_lossy(&end_marker))
        }
        pem::Error::IllegalSectionStart { .. } => "a line of dashes begins no section".to_owned(),
        pem::Error::Base64Decode(_) => "what stands in a section is not base64".to_owned(),
        other => other.to_string(),
    })
}

fn some(
    certificates: Vec<CertificateDer<'static>>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    if certificates.is_empty() {
        Err("no certificate is in it".to_owned())
    } else {
        Ok(certificates)
    }
}

/// Adds each certificate in the file at `path`; an error in words.
fn add_all(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    for (n, certificate) in (1..).zip(read_pem(path).and_then(some)?) {
        roots.add(certificate).map_err(|_| format!("certificate {n} in it can't be read"))?;
    }
    Ok(())
}

/// Adds what can be read of `certificates`, as bundles hold odd ones; an error in words
/// when that is none.
fn add_readable(
    roots: &mut RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
) -> Result<(), String> {
    let all = certificates.len();
    match roots.add_parsable_certificates(certificates) {
        (0, _) if all == 1 => Err("the one certificate can't be read".to_owned()),
        (0, _) => Err(format!("none of {all} certificates can be read")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = include_str!("certificates/root.pem");
    /// Well formed as PEM, and nothing inside.
    const NONE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    /// How many authorities `file` and `dirs` give, or what is wrong with them.
    fn by(file: &str, dirs: &str) -> Option<Result<usize, String>> {
        let named = Named::by(Some(file.as_ref()), Some(dirs.as_ref()))?;
        Some(named.roots().map(|roots| roots.len()).map_err(|wrong| wrong.to_string()))
    }

    #[test]
    fn a_blank_variable_names_nothing() {
        assert!(Named::by(None, None).is_none());
        assert!(by("", " ").is_none() && by(" ", "").is_none());
        assert!(usual().is_ok_and(|roots| !roots.is_empty()));
    }

    #[test]
    fn what_is_named_holds_an_authority() {
        let dir = tempfile::tempdir().expect("can be made");
        let path = |name: &str| dir.path().join(name).display().to_string();
        for (name, text) in [
            ("good", ROOT.to_owned()),
            ("mixed", format!("{NONE}{ROOT}")),
            ("none", NONE.to_owned()),
            ("nones", format!("{NONE}{NONE}")),
            ("empty", String::new()),
            ("cut", ROOT.replace("-----END CERTIFICATE-----", "")),
            ("odd", NONE.replace("AAAA", "!!!!")),
            ("large", " ".repeat(MOST_PEM as usize + 1)),
        ] {
            std::fs::write(path(name), text).expect("is written");
        }
        for (dir, file) in [("dir", "none"), ("good-dir", "good"), ("empty-dir", "")] {
            std::fs::create_dir(path(dir)).expect("is made");
            if !file.is_empty() {
                std::fs::copy(path(file), format!("{}/a.pem", path(dir))).expect("is copied");
                std::fs::copy(path(file), format!("{}/b.0", path(dir))).expect("is copied");
            }
        }
        for (file, dirs) in [("good", ""), ("mixed", ""), ("good", "empty-dir"), ("", "good-dir")] {
            let named = |name: &str| if name.is_empty() { String::new() } else { path(name) };
            assert_eq!(by(&named(file), &named(dirs)), Some(Ok(1)), "{file} {dirs}");
        }
        let said = ["none", "nones", "empty", "cut", "odd", "large", "dir", "gone"]
            .map(|file| by(&path(file), "").expect("is named").expect_err(file));
        let of_dirs = ["dir", "empty-dir", "gone"]
            .map(|dir| by("", &path(dir)).expect("is named").expect_err(dir));
        let own = ["none", "empty"].map(|file| {
            let added = add_all(&mut RootCertStore::empty(), Path::new(&path(file)));
            added.expect_err(file)
        });
        let said = [said.as_slice(), &of_dirs, &own].concat().join("\n");
        insta::assert_snapshot!(said.replace(&path(""), "/"));
    }

    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_refused() {
        let said = by("/dev/zero", "").expect("is named").expect_err("isn't read");
        assert!(said.contains("`/dev/zero`: it is no regular file but a device; mend"), "{said}");
    }
}
