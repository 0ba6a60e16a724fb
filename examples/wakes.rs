//! What it costs a thread that does nothing else to sleep and be woken: `benches/peers.py` shows
//! it beside what a request costs.
//!
//! For each rate given as an argument, sleeps that often a second for two seconds, and prints the
//! rate, the thread's own CPU time a sleep and how late 99 % of them ended at most, in
//! microseconds, one a line. A word among the arguments says how those after it sleep: `set` (a
//! timerfd that is set for each), `interval` (one that rings by itself), `wait` (`ppoll` with the
//! time that is left, which the kernel waits for as in `epoll_pwait2`) or `spin` (`set`, but for
//! the last 50 µs, which are waited for awake).
#![expect(clippy::print_stdout, reason = "a tool that prints what it found")]

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    let mut way = linux::Way::Set;
    for argument in std::env::args().skip(1) {
        if let Ok(rate) = argument.parse::<u32>() {
            let (cost, late) = linux::sleeps(way, rate.max(1))?;
            println!("{rate} {cost:.1} {late:.1}");
        } else {
            way = linux::Way::named(&argument).unwrap_or(way);
        }
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

    use rustix::event::poll;
    use rustix::time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
        clock_gettime, timerfd_create, timerfd_settime,
    };

    /// What `spin` waits for awake.
    const AWAKE: Duration = Duration::from_micros(50);

    /// How a thread sleeps.
    #[derive(Clone, Copy, PartialEq)]
    pub(super) enum Way {
        Set,
        Interval,
        Wait,
        Spin,
    }

    impl Way {
        pub(super) fn named(name: &str) -> Option<Self> {
            match name {
                "set" => Some(Self::Set),
                "interval" => Some(Self::Interval),
                "wait" => Some(Self::Wait),
                "spin" => Some(Self::Spin),
                _ => None,
            }
        }
    }

    struct Sleeper {
        way: Way,
        timer: File,
    }

    impl Sleeper {
        fn set(&self, first: Duration, then: Duration) -> io::Result<()> {
            let value = Itimerspec { it_interval: timespec(then), it_value: timespec(first) };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value)?;
            Ok(())
        }

        /// Sleeps until the monotonic clock shows `until`.
        fn sleep(&mut self, until: Duration) -> io::Result<()> {
            let left = until.saturating_sub(shown(ClockId::Monotonic));
            match self.way {
                Way::Interval => self.timer.read_exact(&mut [0; 8])?,
                // The time is over before either is asked, or a timer of nothing would never ring.
                _ if left.is_zero() => {}
                Way::Wait => {
                    poll(&mut [], Some(&timespec(left)))?;
                }
                Way::Set => {
                    self.set(left, Duration::ZERO)?;
                    self.timer.read_exact(&mut [0; 8])?;
                }
                Way::Spin => {
                    if left > AWAKE {
                        self.set(left.saturating_sub(AWAKE), Duration::ZERO)?;
                        self.timer.read_exact(&mut [0; 8])?;
                    }
                    while shown(ClockId::Monotonic) < until {
                        std::hint::spin_loop();
                    }
                }
            }
            Ok(())
        }
    }

    /// CPU time a sleep, and the 99th percentile of how late they end, in microseconds.
    pub(super) fn sleeps(way: Way, rate: u32) -> io::Result<(f64, f64)> {
        let timer = File::from(timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?);
        let mut sleeper = Sleeper { way, timer };
        let span = Duration::from_secs(1) / rate;
        let sleeps = 2 * rate;
        let mut late = Vec::with_capacity(sleeps as usize);
        let (before, start) = (shown(ClockId::ThreadCPUTime), shown(ClockId::Monotonic));
        if way == Way::Interval {
            sleeper.set(span, span)?;
        }
        for n in 1..=sleeps {
            let until = start + span * n;
            sleeper.sleep(until)?;
            late.push(shown(ClockId::Monotonic).saturating_sub(until));
        }
        let used = shown(ClockId::ThreadCPUTime).saturating_sub(before);
        late.sort_unstable();
        let p99 = late.get(late.len() * 99 / 100).copied().unwrap_or_default();
        Ok((micros(used) / f64::from(sleeps), micros(p99)))
    }

    fn micros(span: Duration) -> f64 {
        span.as_secs_f64() * 1e6
    }

    fn timespec(span: Duration) -> Timespec {
        Timespec {
            tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: span.subsec_nanos().into(),
        }
    }

    fn shown(clock: ClockId) -> Duration {
        let shown = clock_gettime(clock);
        let nanos = u32::try_from(shown.tv_nsec).unwrap_or_default();
        Duration::new(u64::try_from(shown.tv_sec).unwrap_or_default(), nanos)
    }
}
