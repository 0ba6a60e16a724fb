//! What limiters of each kind do with a request: pure simulators, the yardstick of every bound and rule.

mod answer;
mod bucket;
mod concurrency;
mod fixed;
mod limiter;
mod sliding;

pub use answer::Answer;
pub use bucket::{Bucket, Leaky};
pub use concurrency::Concurrency;
pub use fixed::{Aligned, Anchored, Extension};
pub use limiter::{Limiter, Replicas, Routing};
pub use sliding::{Counter, Sliding};
