//! For each kind of limiter with a given window: which limits explain every admission and refusal of a ledger.
//!
//! Explains: there are moments of decision within the requests, and a phase,
//! such that a limiter of that kind, unused before the ledger begins, would have
//! decided just so. The answer is a range of limits; an empty one excludes the kind.
//! What each function asks is necessary, so that the kind that was at work is never
//! excluded. Requests that may have been admitted count where that explains more.

mod bucket;
mod crowd;
mod fixed;
mod limits;
mod segments;
mod sliding;

pub(super) use bucket::{Delays, bucket, delays};
pub(super) use crowd::{concurrency, replicas};
pub(super) use fixed::{Anchor, aligned, anchored};
pub(super) use limits::{Cell, Limits};
pub(super) use segments::segments;
pub(super) use sliding::{Counted, counter, sliding};
