//! The real network for the load: HTTP/1.1 and h2's connections, nothing hidden.
//!
//! No redirects, proxies or retries: a request goes out again only where the server
//! can't have begun with it, and that is counted. Everything here belongs to one
//! worker and its thread.

mod answer;
mod certificate;
#[cfg(target_os = "linux")]
mod clocks;
mod dial;
mod distrust;
mod framing;
mod http1;
mod http2;
#[cfg(target_os = "linux")]
mod inbox;
#[cfg(not(target_os = "linux"))]
#[path = "inbox_elsewhere.rs"]
mod inbox;
mod line;
mod names;
mod pool;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod trust;
mod words;

pub use certificate::certificate_end;
pub(crate) use dial::connect;
pub use framing::read_answer;
pub use tls::{RootsError, client_tls};
pub use transport::{HttpNetwork, NetworkError};
pub(crate) use words::{chain, tls_words, tls_words_of, wants_certificate};
