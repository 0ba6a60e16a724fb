//! Files written whole or not at all: a temporary file beside them, fsync, rename.

use std::io::{self, BufWriter, Write};
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
    /// Another run writes there.
    #[error("another run of load-gate is writing to {}: wait for its end, or name another directory", path.display())]
    Held {
        /// Which directory.
        path: PathBuf,
    },
    /// It isn't the directory any more that was taken.
    #[error("{} was removed and made anew since this run took it: nothing is written there, it may be another run's", path.display())]
    Replaced {
        /// Which directory.
        path: PathBuf,
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

/// A directory that one process alone writes to, until this is dropped or its process
/// has ended, however it ends.
#[derive(Debug)]
pub struct Hold {
    held: Option<std::fs::File>,
    path: PathBuf,
}

impl Hold {
    /// Whether what stands at the path is what was taken, as far as the system tells. A
    /// path where nothing stands is nobody else's.
    ///
    /// # Errors
    /// When another directory stands there by now, which this process may not write to.
    #[cfg(unix)]
    pub fn is_ours(&self) -> Result<(), FileError> {
        use std::os::unix::fs::MetadataExt;
        let same = |held: &std::fs::File| {
            let (held, there) = (held.metadata().ok()?, std::fs::metadata(&self.path).ok()?);
            Some((held.dev(), held.ino()) == (there.dev(), there.ino()))
        };
        match self.held.as_ref().and_then(same) {
            Some(false) => Err(FileError::Replaced { path: self.path.clone() }),
            _ => Ok(()),
        }
    }

    /// The same: a directory with an open file in it can't be removed here.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(unix))]
    pub fn is_ours(&self) -> Result<(), FileError> {
        let _ = (&self.held, &self.path);
        Ok(())
    }
}

/// Takes `dir`, which is there, for this process. A file system that knows no locks
/// gives it to everybody.
///
/// # Errors
/// When another process holds it.
pub fn hold(dir: &Path) -> Result<Hold, FileError> {
    let held = match lock(dir) {
        Ok(held) => Some(held),
        Err(Locked::ByAnother) => return Err(FileError::Held { path: dir.to_owned() }),
        Err(Locked::Never) => None,
    };
    Ok(Hold { held, path: dir.to_owned() })
}

/// Why there is no lock.
enum Locked {
    ByAnother,
    Never,
}

/// The directory itself is locked: so no file of the lock's is left in it.
#[cfg(unix)]
fn lock(dir: &Path) -> Result<std::fs::File, Locked> {
    use rustix::fs::{FlockOperation, flock};
    let held = std::fs::File::open(dir).map_err(|_| Locked::Never)?;
    match flock(&held, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(held),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Locked::ByAnother),
        Err(_) => Err(Locked::Never),
    }
}

/// A file that nobody else may open, gone with its last handle.
#[cfg(windows)]
fn lock(dir: &Path) -> Result<std::fs::File, Locked> {
    use std::os::windows::fs::OpenOptionsExt;
    const DELETE_ON_CLOSE: u32 = 0x0400_0000;
    const SHARING_VIOLATION: i32 = 32;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).share_mode(0).custom_flags(DELETE_ON_CLOSE);
    options.open(dir.join(".load-gate-running")).map_err(|error| {
        if error.raw_os_error() == Some(SHARING_VIOLATION) {
            Locked::ByAnother
        } else {
            Locked::Never
        }
    })
}

#[cfg(not(any(unix, windows)))]
fn lock(_: &Path) -> Result<std::fs::File, Locked> {
    Err(Locked::Never)
}

/// Where else than in the place that `TMPDIR` names there may be room.
const ELSEWHERE: [&str; 2] = ["/tmp", "/var/tmp"];

/// Writes `content` to a file `name` in a new directory among the system's temporary
/// ones; where it is.
///
/// # Errors
/// When there is no room there either: that of the first place.
pub fn write_aside(name: &str, content: &[u8]) -> io::Result<PathBuf> {
    write_into(&std::env::temp_dir(), name, content).or_else(|first| {
        let others = ELSEWHERE.iter().filter(|_| cfg!(unix));
        let mut kept = others.filter_map(|place| write_into(Path::new(place), name, content).ok());
        kept.next().ok_or(first)
    })
}

fn write_into(place: &Path, name: &str, content: &[u8]) -> io::Result<PathBuf> {
    let dir = tempfile::Builder::new().prefix("load-gate-").tempdir_in(place)?;
    let path = dir.path().join(name);
    write_whole(&path, Care::Lasting, |file| file.write_all(content))?;
    let _ = dir.keep();
    Ok(path)
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
    write_by(path, |file| file.write_all(content))
}

/// [`write()`] for whoever has little time: the file is there whole or not at all, and
/// the system brings it to the disk when it does.
///
/// # Errors
/// As [`write()`].
pub fn write_quickly(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_whole(path, Care::Quick, |file| file.write_all(content))
        .map_err(|source| FileError::Write { path: path.to_owned(), source })
}

/// Writes what `fill` gives to `path`, whole or not at all.
///
/// # Errors
/// As [`write()`], and those of `fill`.
pub fn write_by(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    write_whole(path, Care::Lasting, fill)
        .map_err(|source| FileError::Write { path: path.to_owned(), source })
}

/// Whether the disk is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    Lasting,
    Quick,
}

fn write_whole(
    path: &Path,
    care: Care,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // A device or a pipe takes what is written. Renamed over it would be gone, for everybody.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let mut there = BufWriter::new(std::fs::OpenOptions::new().write(true).open(path)?);
        fill(&mut there)?;
        return there.flush();
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".load-gate-").tempfile_in(dir)?;
    open_to_all(&file)?;
    let mut pieces = BufWriter::new(file.as_file_mut());
    fill(&mut pieces)?;
    pieces.flush()?;
    drop(pieces);
    if care == Care::Lasting {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    if care == Care::Lasting {
        sync_directory(dir);
    }
    Ok(())
}

/// Temporary files are private; a report is for whoever may enter the directory.
#[cfg(unix)]
fn open_to_all(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
fn open_to_all(_file: &tempfile::NamedTempFile) -> io::Result<()> {
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
    fn a_directory_is_held_by_one_until_it_is_let_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = hold(dir.path()).expect("nobody else");
        let error = hold(dir.path()).expect_err("held").to_string();
        assert!(error.starts_with("another run of load-gate is writing to "), "{error}");
        drop(first);
        let _again = hold(dir.path()).expect("let go");
        assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_was_made_anew_is_not_the_one_that_is_held() {
        let dir = tempfile::tempdir().expect("a directory");
        let results = dir.path().join("results");
        std::fs::create_dir(&results).expect("made");
        let hold = hold(&results).expect("nobody else");
        hold.is_ours().expect("it is");
        std::fs::rename(&results, dir.path().join("gone")).expect("moved");
        hold.is_ours().expect("nobody else's");
        std::fs::create_dir(&results).expect("made anew");
        let error = hold.is_ours().expect_err("another").to_string();
        assert!(error.contains("made anew since this run took it"), "{error}");
    }

    #[test]
    fn what_is_written_quickly_is_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("suite.json");
        write_quickly(&path, b"old and longer").expect("writes");
        write_quickly(&path, b"new").expect("writes");
        assert_eq!(std::fs::read(&path).expect("reads"), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    /// Root's `--page /dev/null` made a file of it.
    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("nowhere");
        std::os::unix::fs::symlink("/dev/null", &path).expect("made");
        write(&path, b"a page").expect("is taken");
        assert!(path.is_symlink() && !std::fs::metadata(&path).expect("is there").is_file());
    }

    #[test]
    fn what_is_written_aside_is_there() {
        let path = write_aside("suite.json", b"kept").expect("written");
        assert!(path.is_absolute() && path.ends_with("suite.json"));
        assert_eq!(std::fs::read(&path).expect("reads"), b"kept");
        std::fs::remove_dir_all(path.parent().expect("a directory")).expect("removed");
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
