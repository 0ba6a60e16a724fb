//! Sends arrivals when they are due and hands back a recording; knows no scenario by name.

mod breaker;
mod clock;
mod connect;
mod events;
mod identities;
mod job;
mod load;
mod mint;
mod over_http;
mod platform;
mod request;
mod run;
mod skew;
mod stop;
#[cfg(test)]
mod tests;
mod transport;
mod watchdog;

pub use breaker::{Breaker, BreakerSettings};
pub use clock::{BoxFuture, Clock, WallClock};
pub use events::{Event, Observer, Tick, Unobserved};
pub use identities::Identities;
pub use job::Job;
pub use mint::{Minted, mint};
pub use over_http::{HttpTransport, TransportError};
pub(crate) use over_http::{chain, with_roots};
pub use platform::raise_descriptor_limit;
pub use run::run;
pub(crate) use skew::{Skew, parse_date};
pub use stop::{Stop, StopReason};
pub use transport::{Exchange, Failure, Response, Transport};
