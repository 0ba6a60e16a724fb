//! What an answer rests on besides the ledgers, and the answer that nobody can tell.

use super::super::{Algorithm, Inference};

/// When the ledgers begin on the limiter's clock: lets an aligned window be
/// recognised by its phase. `unix_start`: seconds since 1970 at moment 0 of the
/// ledgers, on our clock; `skew`: the limiter's clock minus ours, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerTime {
    /// Seconds since 1970 at moment 0 of the ledgers, on our clock.
    pub unix_start: f64,
    /// The server's clock minus ours, in seconds; `None`: unknown.
    pub skew: Option<f64>,
}

/// Nobody can tell, and why.
pub(super) fn unknown(why: String) -> Inference {
    Inference { algorithm: Algorithm::Unknown, left: Vec::new(), limit: None, window_s: None, why }
}
