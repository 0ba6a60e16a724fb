//! Files from outside: regular ones only, and no more of them than their reader asks for.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Why a file isn't read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The system says no.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// A directory, a device, a pipe, a socket.
    #[error("it is no regular file but {0}")]
    Irregular(&'static str),
    /// It is a link, where none is followed.
    #[error("it is a link")]
    Link,
    /// It is larger than its reader takes, in bytes.
    #[error("it is larger than {0}")]
    TooLarge(Size),
    /// It is no text.
    #[error("it is not UTF-8")]
    NoText,
}

/// A number of bytes, as people say it: `1 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            n if n >= 1 << 20 && n % (1 << 20) == 0 => write!(f, "{} MiB", n >> 20),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{n} bytes"),
        }
    }
}

/// The bytes of the regular file at `path`, links followed, if there are at most `most`.
///
/// # Errors
/// It is something else, larger, or can't be read.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    let found = std::fs::metadata(path)?;
    let kind = found.file_type();
    if !kind.is_file() {
        return Err(Unread::Irregular(what(kind)));
    }
    if found.len() > most {
        return Err(Unread::TooLarge(Size(most)));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read, or not know its length (/proc).
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Unread::TooLarge(Size(most)));
    }
    Ok(bytes)
}

/// [`read`], of a text.
///
/// # Errors
/// As [`read`], or it isn't UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String, Unread> {
    String::from_utf8(read(path, most)?).map_err(|_| Unread::NoText)
}

/// [`read_text`] of a file that is no link: what lies in a stranger's folder could
/// lead anywhere.
///
/// # Errors
/// As [`read_text`], or it is a link.
pub fn read_text_unlinked(path: &Path, most: u64) -> Result<String, Unread> {
    if std::fs::symlink_metadata(path)?.is_symlink() {
        return Err(Unread::Link);
    }
    read_text(path, most)
}

#[cfg(unix)]
fn what(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn what(kind: std::fs::FileType) -> &'static str {
    if kind.is_dir() { "a directory" } else { "something else" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_was_asked_for() {
        let dir = tempfile::tempdir().expect("can be made");
        let file = dir.path().join("file");
        std::fs::write(&file, "12345").expect("is written");
        assert_eq!(read_text(&file, 5).expect("reads"), "12345");
        let said = |read: Result<String, Unread>| read.expect_err("isn't read").to_string();
        assert_eq!(said(read_text(&file, 4)), "it is larger than 4 bytes");
        assert_eq!(said(read_text(dir.path(), 5)), "it is no regular file but a directory");
        std::fs::write(&file, b"\xff").expect("is written");
        assert_eq!(said(read_text(&file, 4)), "it is not UTF-8");
        let gone = said(read_text(&dir.path().join("gone"), 4));
        assert!(gone.contains("os error 2"), "{gone}");
        let sizes = [Size(1 << 20), Size(8 << 20), Size(4096), Size(1000)];
        assert_eq!(sizes.map(|s| s.to_string()), ["1 MiB", "8 MiB", "4 KiB", "1000 bytes"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_not_begun() {
        let endless = read(Path::new("/dev/zero"), 1 << 20).expect_err("isn't read");
        assert_eq!(endless.to_string(), "it is no regular file but a device");
        let dir = tempfile::tempdir().expect("can be made");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("is made");
        assert!(matches!(read(&link, 9), Err(Unread::Irregular("a device"))));
        assert!(matches!(read_text_unlinked(&link, 9), Err(Unread::Link)));
    }
}
