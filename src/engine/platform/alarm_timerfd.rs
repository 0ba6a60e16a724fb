//! Linux: an alarm that is a timer of the kernel's, read by the runtime itself.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::Sleep;

/// Wakes one sleeper within microseconds of its moment. A timerfd has no slack
/// (`timerfd_create(2)`; timer slack is for sleeping threads), and no other thread
/// has to be woken first: that hand-over would cost more than the request's own I/O.
pub(in crate::engine) struct Alarm {
    timer: AsyncFd<OwnedFd>,
    /// Stands in where the timer can't be set: never seen, and less sharp.
    spare: Option<Pin<Box<Sleep>>>,
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
        Ok(Self { timer: AsyncFd::new(timer)?, spare: None })
    }

    /// Sets the alarm to ring after `span`, in place of whatever it was set to.
    pub(in crate::engine) fn arm(&mut self, span: Duration) {
        // A ring that nobody awaited would end the next wait, and cost a second setting.
        let _ = self.heard(&mut Context::from_waker(Waker::noop()));
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
        self.spare = set.is_err().then(|| Box::pin(tokio::time::sleep(span)));
    }

    /// Ready when it has rung; the caller looks at the time.
    pub(in crate::engine) fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(spare) = &mut self.spare {
            return spare.as_mut().poll(context);
        }
        self.heard(context)
    }

    fn heard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Each expiry is an event of its own, and setting the timer forgets the last:
        // its count need not be read.
        self.timer.poll_read_ready(context).map(|ready| {
            if let Ok(mut ready) = ready {
                ready.clear_ready();
            }
        })
    }
}
