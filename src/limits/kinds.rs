//! The kinds of limiter there are, and every word about them: names, consequences, what would tell.

use serde::{Deserialize, Serialize};

/// Kinds of limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// A fixed window that the first request opens (docs/api.md, "The limiter").
    AnchoredWindow,
    /// A fixed window cut by the clock.
    AlignedWindow,
    /// One of these two: both explain everything.
    FixedWindow,
    /// At most the limit in any window.
    SlidingWindow,
    /// Two windows cut by the clock, weighted by how far the later one has gone.
    SlidingCounter,
    /// A sliding window that moves on a segment at a time.
    SegmentedWindow,
    /// Tokens that refill steadily (GCRA decides alike).
    TokenBucket,
    /// A queue that drains steadily: requests wait, and are refused where it is full.
    LeakyBucket,
    /// A window whose end every refusal moves to a whole window later.
    PenaltyWindow,
    /// A sliding window in which refused requests count as well.
    SlidingWindowOfRequests,
    /// Two weighted windows in which refused requests count as well.
    SlidingCounterOfRequests,
    /// So many at once, however many a minute.
    ConcurrencyLimit,
    /// Several limiters, each of which counts its part of the requests.
    ReplicasApart,
    /// No refusal although there should have been some.
    None,
    /// Can't tell.
    Unknown,
}

impl Algorithm {
    /// Whether it names a kind of limiter.
    #[must_use]
    pub const fn is_a_limiter(self) -> bool {
        !matches!(self, Self::None | Self::Unknown)
    }

    /// Whether refused requests use quota, or prolong the refusal.
    #[must_use]
    pub const fn counts_refusals(self) -> bool {
        matches!(
            self,
            Self::PenaltyWindow | Self::SlidingWindowOfRequests | Self::SlidingCounterOfRequests
        )
    }

    /// Whether two answers can be about one limiter.
    #[must_use]
    pub const fn may_be(self, other: Self) -> bool {
        use Algorithm::{AlignedWindow, AnchoredWindow, FixedWindow, Unknown};
        self as u8 == other as u8
            || matches!(
                (self, other),
                (Unknown, _)
                    | (_, Unknown)
                    | (FixedWindow, AnchoredWindow | AlignedWindow)
                    | (AnchoredWindow | AlignedWindow, FixedWindow)
            )
    }

    /// How people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnchoredWindow => "anchored fixed window",
            Self::AlignedWindow => "clock-aligned fixed window",
            Self::FixedWindow => "anchored or clock-aligned fixed window",
            Self::SlidingWindow => "sliding window",
            Self::SlidingCounter => "sliding counter of two windows",
            Self::SegmentedWindow => "sliding window of segments",
            Self::TokenBucket => "token bucket",
            Self::LeakyBucket => "leaky bucket that delays",
            Self::PenaltyWindow => "penalty window that refusals prolong",
            Self::SlidingWindowOfRequests => "sliding window that counts refusals",
            Self::SlidingCounterOfRequests => "sliding counter that counts refusals",
            Self::ConcurrencyLimit => "concurrency limit",
            Self::ReplicasApart => "replicas that count apart",
            Self::None => "no limiter",
            Self::Unknown => "can't tell",
        }
    }

    /// `a sliding window`.
    #[must_use]
    pub fn one(self) -> String {
        let name = self.name();
        match self {
            Self::ReplicasApart => name.to_owned(),
            _ if name.starts_with('a') => format!("an {name}"),
            _ => format!("a {name}"),
        }
    }

    /// What its callers must know; `None`: nothing besides limit and window.
    #[must_use]
    pub const fn consequence(self) -> Option<&'static str> {
        match self {
            Self::PenaltyWindow
            | Self::SlidingWindowOfRequests
            | Self::SlidingCounterOfRequests => {
                Some("a client that keeps asking is never admitted again")
            }
            Self::SlidingCounter => Some(
                "after a burst it refuses a while longer than an exact window would, since it takes what came in a window for spread evenly over it",
            ),
            Self::SegmentedWindow => {
                Some("places come free a segment at a time, so up to one early")
            }
            Self::ConcurrencyLimit => {
                Some("what a client gets in a minute depends on how long its requests take")
            }
            Self::ReplicasApart => Some("what a client gets depends on which replicas it meets"),
            _ => None,
        }
    }

    /// What tells it from others, in words that end "tells them apart".
    pub(super) const fn told_by(self) -> &'static str {
        match self {
            Self::AnchoredWindow | Self::AlignedWindow | Self::FixedWindow => {
                "more windows, or the server's clock in Date headers"
            }
            Self::PenaltyWindow
            | Self::SlidingWindowOfRequests
            | Self::SlidingCounterOfRequests => "a pause longer than the window after refusals",
            Self::ConcurrencyLimit => "requests one after the other",
            _ => "uneven traffic: bursts, and single requests between them",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Algorithm::{self, *};

    #[test]
    fn a_kind_may_be_itself_and_what_is_left_open() {
        assert!(AnchoredWindow.may_be(FixedWindow) && FixedWindow.may_be(AlignedWindow));
        assert!(Unknown.may_be(TokenBucket) && TokenBucket.may_be(TokenBucket));
        assert!(!AnchoredWindow.may_be(AlignedWindow) && !Algorithm::None.may_be(TokenBucket));
    }
}
