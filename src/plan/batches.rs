//! Of many requests, moments are taken together.

use crate::limits::Batch;
use crate::units::Nanos;

/// Up to how many requests each moment is reckoned with; of more, moments are taken
/// together, so that any plan is told of at once.
pub(super) const EXACTLY: u64 = 250_000;
/// How many batches there are then, all together.
pub(super) const BATCHES: u64 = 1 << 17;

/// `count` requests, the i-th (from 0) at `moment(i)`; of many, moments are taken together.
pub(super) fn batched(count: u64, moment: impl Fn(u64) -> Nanos) -> impl Iterator<Item = Batch> {
    let size = if count <= EXACTLY { 1 } else { count.div_ceil(BATCHES) };
    (0..count).step_by(size as usize).map(move |first| {
        let end = (first + size).min(count);
        Batch { from: moment(first), to: moment(end - 1), count: end - first }
    })
}
