//! What it costs a thread that does nothing else to sleep and be woken: `benches/peers.py` shows
//! it beside what a request costs.
//!
//! For each rate given as an argument, sleeps that often a second on a timerfd for two seconds,
//! and prints the rate and the thread's own CPU time a sleep in microseconds, one a line.
#![expect(clippy::print_stdout, reason = "a tool that prints what it found")]

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    for rate in std::env::args().skip(1).filter_map(|rate| rate.parse::<u32>().ok()) {
        println!("{rate} {:.1}", linux::cost_of_a_wake(rate.max(1))?);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, Read as _};
    use std::time::Duration;

    use rustix::time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
        clock_gettime, timerfd_create, timerfd_settime,
    };

    /// CPU time a wake, in microseconds.
    pub(super) fn cost_of_a_wake(rate: u32) -> io::Result<f64> {
        let mut timer =
            File::from(timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?);
        let span = Duration::from_secs(1) / rate;
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: span.subsec_nanos().into(),
            },
        };
        let sleeps = 2 * rate;
        let before = used();
        for _ in 0..sleeps {
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
            timer.read_exact(&mut [0; 8])?;
        }
        Ok(used().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(sleeps))
    }

    fn used() -> Duration {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        let nanos = u32::try_from(used.tv_nsec).unwrap_or_default();
        Duration::new(u64::try_from(used.tv_sec).unwrap_or_default(), nanos)
    }
}
