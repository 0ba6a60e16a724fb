//! Linux: an alarm that is a timer of the kernel's, read by the runtime itself.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// Wakes one sleeper within microseconds of its moment. A timerfd has no slack
/// (`timerfd_create(2)`; timer slack is for sleeping threads), and no other thread
/// has to be woken first: that hand-over would cost more than the request's own I/O.
pub(in crate::engine) struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// An alarm of the running tokio runtime.
    ///
    /// # Errors
    /// When the system has no file descriptor to give.
    #[expect(
        deprecated,
        reason = "its successor is unsafe, for descriptors that may be closed meanwhile; an \
                  OwnedFd can't be, and unsafe is forbidden here"
    )]
    pub(in crate::engine) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { timer: AsyncFd::new(timer)? })
    }

    /// Ends after `span`, or at once where an earlier sleep was given up: the
    /// caller looks at the time and sleeps again.
    pub(in crate::engine) async fn ring_after(&self, span: Duration) {
        // All zeros would disarm the timer.
        let span = span.max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: span.subsec_nanos().into(),
            },
        };
        let set = timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once);
        if set.is_err() {
            // Never seen; a sleep less sharp is better than none.
            return tokio::time::sleep(span).await;
        }
        // Each expiry is an event of its own, and setting the timer forgets the last:
        // its count need not be read.
        if let Ok(mut ready) = self.timer.readable().await {
            ready.clear_ready();
        }
    }
}
