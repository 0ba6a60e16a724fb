//! Sends arrivals when they are due and hands back a recording; knows no scenario by name.

mod clock;
mod connect;
mod events;
mod http;
mod identities;
mod job;
mod load;
mod platform;
mod request;
mod run;
mod skew;
mod stop;
#[cfg(test)]
mod tests;
mod transport;
mod watchdog;

pub use clock::{BoxFuture, Clock, WallClock};
pub use events::{Event, Observer, Tick, Unobserved};
pub use http::{HttpTransport, TransportError};
pub use identities::Identities;
pub use job::Job;
pub use platform::raise_descriptor_limit;
pub use run::run;
pub use stop::{Stop, StopReason};
pub use transport::{Exchange, Failure, Response, Transport};
