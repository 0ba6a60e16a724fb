//! (room engine)

mod breaker;

pub use breaker::{Breaker, BreakerSettings};
