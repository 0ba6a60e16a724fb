//! Files written whole or not at all: a temporary file beside them, fsync, rename.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file or directory couldn't be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The directory can't be made.
    #[error("failed to make the directory {}: {source}; name another one", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing can be written there.
    #[error("{} can't be written to: {source}; mend its permissions or name another directory", path.display())]
    Unwritable {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file can't be written.
    #[error("failed to write {}: {source}; what else could be saved was saved", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Makes `dir` if need be, tries to write there, and removes the files of
/// `names` that an earlier run left.
///
/// # Errors
/// When the directory can't be made or written to.
pub fn prepare<N: AsRef<str>>(dir: &Path, names: &[N]) -> Result<(), FileError> {
    std::fs::create_dir_all(dir)
        .map_err(|source| FileError::Directory { path: dir.to_owned(), source })?;
    let unwritable = |source| FileError::Unwritable { path: dir.to_owned(), source };
    let mut probe = tempfile::NamedTempFile::new_in(dir).map_err(unwritable)?;
    probe.write_all(b"load-gate").map_err(unwritable)?;
    for name in names {
        match std::fs::remove_file(dir.join(name.as_ref())) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(unwritable(source));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes `content` to `path`, whole or not at all.
///
/// # Errors
/// When the disk is full, the directory is gone, or the file is somebody else's.
pub fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_whole(path, content).map_err(|source| FileError::Write { path: path.to_owned(), source })
}

fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".load-gate-").tempfile_in(dir)?;
    open_to_all(&file)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(dir);
    Ok(())
}

/// Temporary files are private; a report is for whoever may enter the directory.
#[cfg(unix)]
fn open_to_all(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
fn open_to_all(_file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

/// Makes the rename itself last; not every file system lets a directory be synced.
fn sync_directory(dir: &Path) {
    #[cfg(unix)]
    if let Ok(dir) = std::fs::File::open(dir) {
        let _ = dir.sync_all();
    }
    #[cfg(not(unix))]
    let _ = dir;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("suite.json");
        write(&path, b"old and longer").expect("writes");
        write(&path, b"new").expect("writes");
        assert_eq!(std::fs::read(&path).expect("reads"), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[test]
    fn preparing_makes_the_directory_and_removes_old_names_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("a/b");
        prepare(&inner, &["suite.json"]).expect("makes it");
        write(&inner.join("suite.json"), b"old").expect("writes");
        write(&inner.join("webhook-2025-10-30_17-44-12.txt"), b"kept").expect("writes");
        prepare(&inner, &["suite.json"]).expect("prepares it");
        let left: Vec<_> = std::fs::read_dir(&inner).expect("lists").collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_directory_that_is_a_file_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("results");
        write(&file, b"").expect("writes");
        let error = prepare::<&str>(&file, &[]).expect_err("not a directory").to_string();
        assert!(error.contains("results") && error.contains("name another"), "{error}");
        let error = write(&file.join("x"), b"").expect_err("no such directory").to_string();
        assert!(error.starts_with("failed to write"), "{error}");
    }
}
