//! Linux: this process's use of CPU and memory from /proc.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rustix::time::{ClockId, clock_gettime};

use crate::measure::ProcessFigures;
use crate::units::Nanos;

/// What the scheduler says of one thread.
pub(in crate::engine) struct Account(Option<File>);

impl Account {
    /// Of the thread that asks; it must be that thread that reads it, too.
    pub(in crate::engine) fn of_this_thread() -> Self {
        Self(File::open("/proc/thread-self/schedstat").ok())
    }

    /// How long it has been ready to run without a core, and how long on one.
    pub(in crate::engine) fn read(&self) -> Option<(Nanos, Nanos)> {
        let mut text = [0; 64];
        let length = self.0.as_ref()?.read_at(&mut text, 0).ok()?;
        // The first field is time on a core as well, but as of the last tick.
        let queued = std::str::from_utf8(&text[..length]).ok()?.split(' ').nth(1)?;
        let on_core = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = Nanos::from_secs(u64::try_from(on_core.tv_sec).ok()?);
        let on_core = seconds + Nanos(u64::try_from(on_core.tv_nsec).ok()?);
        Some((Nanos(queued.parse().ok()?), on_core))
    }
}

/// CPU time of this process so far, user and system, in seconds.
pub(in crate::engine) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields after the command's closing parenthesis; utime and stime are the
    // 14th and 15th of all (proc(5)), in ticks of which there are always 100 a second.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / 100.0)
}

/// Highest resident memory of this process so far, in bytes.
pub(in crate::engine) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// This process as the system sees it now.
#[must_use]
pub fn process_figures() -> ProcessFigures {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    // The second field is resident pages (proc(5)), of 4 KiB where load-gate runs.
    let pages = read("statm").and_then(|s| s.split_whitespace().nth(1)?.parse::<u64>().ok());
    // Nanoseconds on a core, then ready and waiting for one.
    let waited = read("schedstat").and_then(|s| s.split_whitespace().nth(1)?.parse::<u64>().ok());
    let descriptors = std::fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as u64);
    ProcessFigures {
        cpu_seconds: cpu_seconds(),
        resident_bytes: pages.map(|pages| pages * 4096),
        descriptors,
        run_queue_seconds: waited.map(|nanos| nanos as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        assert!(cpu_seconds().is_some());
        assert!(peak_memory().is_some_and(|bytes| bytes > 1024));
    }
}
