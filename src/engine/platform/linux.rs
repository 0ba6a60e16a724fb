//! Linux: this process's use of CPU and memory from /proc.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        assert!(cpu_seconds().is_some());
        assert!(peak_memory().is_some_and(|bytes| bytes > 1024));
    }
}
