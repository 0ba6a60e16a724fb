//! Fixed windows: opened by the first request or cut by the clock.

use crate::admission::WHOLE_SECOND;
use crate::units::Nanos;

/// What moves the end of a window that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Nothing.
    Never,
    /// Every refusal: from then on a whole window counts (a penalty).
    Refusals,
    /// Every request, admitted ones too.
    Requests,
}

/// A fixed window that the first request opens (docs/api.md, "The limiter"): admits
/// `limit`, refuses the rest without counting them; the first request after the
/// window opens the next.
#[derive(Clone, Debug)]
pub struct Anchored {
    limit: u64,
    window: Nanos,
    tick: Nanos,
    extension: Extension,
    open: Option<(Nanos, u64)>,
}

impl Anchored {
    /// A window that lasts exactly `window`.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self { limit, window, tick: Nanos::ZERO, extension: Extension::Never, open: None }
    }

    /// A window on a clock that shows whole ticks: the first request *more than*
    /// `window` of them after the opening starts the next, so that a window lasts
    /// between `window` and a tick more.
    #[must_use]
    pub const fn whole_ticks(limit: u64, window: Nanos, tick: Nanos) -> Self {
        Self { tick, ..Self::new(limit, window) }
    }

    /// Likewise, of whole seconds.
    #[must_use]
    pub const fn whole_seconds(limit: u64, window: Nanos) -> Self {
        Self::whole_ticks(limit, window, WHOLE_SECOND)
    }

    /// A window whose end `extension` moves to a whole window later.
    #[must_use]
    pub const fn extended(limit: u64, window: Nanos, extension: Extension) -> Self {
        Self { extension, ..Self::new(limit, window) }
    }

    fn over(&self, opened: Nanos, at: Nanos) -> bool {
        if self.tick.0 > 0 {
            let ticks = |t: Nanos| t.0 / self.tick.0;
            ticks(at) - ticks(opened) > ticks(self.window)
        } else {
            at - opened >= self.window
        }
    }

    pub(super) fn admits(&mut self, at: Nanos) -> bool {
        match self.open {
            Some((opened, count)) if !self.over(opened, at) => {
                let room = count < self.limit;
                let extends = match self.extension {
                    Extension::Never => false,
                    Extension::Refusals => !room,
                    Extension::Requests => true,
                };
                let since = if extends { at.max(opened) } else { opened };
                self.open = Some((since, count + u64::from(room)));
                room
            }
            _ => {
                self.open = Some((at, 1));
                true
            }
        }
    }
}

/// A fixed window cut by the clock at every multiple of its length.
#[derive(Clone, Debug)]
pub struct Aligned {
    limit: u64,
    window: Nanos,
    number: u64,
    count: u64,
}

impl Aligned {
    /// Windows of `window`, cut at its multiples on the limiter's clock.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self { limit, window, number: 0, count: 0 }
    }

    pub(super) fn admits(&mut self, at: Nanos) -> bool {
        let number = at.0 / self.window.0.max(1);
        if number != self.number {
            (self.number, self.count) = (number, 0);
        }
        let room = self.count < self.limit;
        self.count += u64::from(room);
        room
    }
}
