//! What this machine must have: a place for results, and sockets.

use std::path::Path;

use super::CheckLine;
use crate::engine::raise_descriptor_limit;
use crate::plan::DESCRIPTORS_BESIDE;
use crate::units::count;

/// Whether results can be written. Leaves nothing behind.
pub(super) fn results_dir(dir: &Path) -> CheckLine {
    const NAME: &str = "results directory";
    // What isn't there yet is made by `run`, below the first thing that is.
    let there = dir.ancestors().find(|ancestor| ancestor.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let tried = if there.is_dir() {
        tempfile::Builder::new().prefix(".load-gate-").tempfile_in(there).map(|_| ())
    } else {
        Err(std::io::Error::from(std::io::ErrorKind::NotADirectory))
    };
    match tried {
        Ok(()) if there == dir => CheckLine::ok(NAME, format!("{} is writable", dir.display())),
        Ok(()) => CheckLine::ok(NAME, format!("{} can be made", dir.display())),
        Err(error) => CheckLine::bad(
            NAME,
            format!("{} is not writable: {error}", there.display()),
            "no report could be saved, so `run` refuses to begin",
            "choose another --results-dir, or mend its permissions",
        ),
    }
}

/// Whether as many sockets can be open as requests may be under way.
pub(super) fn descriptors(max_in_flight: u32) -> CheckLine {
    const NAME: &str = "open files";
    let wanted = u64::from(max_in_flight) + DESCRIPTORS_BESIDE;
    match raise_descriptor_limit(wanted) {
        Some(limit) if limit < wanted => CheckLine::warn(
            NAME,
            format!(
                "at most {} files may be open (RLIMIT_NOFILE), max_in_flight = {} needs {}",
                count(limit),
                count(u64::from(max_in_flight)),
                count(wanted)
            ),
            "under a slow target arrivals would be dropped, and the run be inconclusive",
            "raise `ulimit -n`, or lower `[engine] max_in_flight`",
        ),
        Some(limit) => {
            CheckLine::ok(NAME, format!("{} allowed, {} needed", count(limit), count(wanted)))
        }
        None => CheckLine::ok(NAME, format!("no limit, {} needed", count(wanted))),
    }
}

/// A contradiction of the plan.
pub(super) fn contradiction(text: &str) -> CheckLine {
    CheckLine::warn(
        "plan",
        text,
        "the run can't show what it is to show",
        "see `load-gate plan` for the figures; change the profile, the identities or the thresholds",
    )
}
