//! Sends arrivals when they are due and hands back a recording; knows no scenario by name.

mod acknowledged;
mod behind;
mod breaker;
mod clock;
mod course;
mod errand;
mod events;
mod given;
mod held;
mod identities;
mod job;
mod judged;
mod keeper;
mod load;
mod mint;
mod platform;
mod presence;
mod request;
mod run;
mod setup;
mod skew;
mod stop;
#[cfg(test)]
mod tests;
mod transport;
mod watchdog;
mod wire;
mod worker;

pub use breaker::{Breaker, BreakerSettings};
pub use clock::{Clock, LocalFuture, Pacer, WallClock};
pub use events::{Event, Observer, Tick, Unobserved};
pub use identities::Identities;
pub use job::Job;
pub use judged::retry_after;
pub use mint::{Minted, mint};
pub use platform::{process_figures, raise_descriptor_limit, withhold_core_dumps};
pub use run::run;
pub use setup::{SetUp, set_up};
pub(crate) use skew::Skew;
pub use skew::parse_date;
pub use stop::{Ending, Stop, StopReason};
pub use transport::{Exchange, Failure, Network, Opening, Response, Transport};
pub use wire::{HttpNetwork, NetworkError, RootsError, certificate_end, client_tls, read_answer};
pub(crate) use wire::{chain, tls_words, tls_words_of, wants_certificate};
