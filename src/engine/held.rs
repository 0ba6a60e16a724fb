//! What the generator itself may have made of how a request ended.

use super::presence::Away;
use super::transport::{Exchange, Failure};
use super::worker::Worker;
use crate::units::Nanos;

/// A longer answer comes in several goes, each of which waits for its reader.
const ONE_GO: u32 = 64 * 1024;
/// A target that had this share of the timeout had its time.
const HAD_ITS_TIME: f64 = 0.9;
/// A connection may be lost because of a generator that was away or behind for longer.
const LOSES_CONNECTIONS: Nanos = Nanos::from_millis(100);

/// What the generator may have made of a request's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// By how much it may have made the service time longer, at most.
    pub(super) by: Nanos,
    /// Whether it may have made it end without an answer.
    pub(super) excused: bool,
}

/// How it stood when a request was handed to the network.
pub(super) struct Before {
    pub(super) at: Nanos,
    away: Away,
    felt: Nanos,
}

impl Worker {
    /// How it stands now that a request is about to be handed to the network.
    pub(super) fn before(&self) -> Before {
        let at = self.run.job.clock.now();
        let felt = self.run.behind.felt_since(at - self.run.epoch);
        Before { at, away: self.presence.away(), felt }
    }

    /// What the generator may have made of `exchange`, which was due at `due` on the
    /// run's clock.
    pub(super) fn held(&self, exchange: &Exchange, before: &Before, due: Nanos) -> Held {
        let away = self.presence.away();
        let sent = exchange.sent - self.run.epoch;
        let felt = before.felt.max(self.run.behind.felt_since(sent));
        let meanwhile = Away { ever: away.ever - before.away.ever, ..away };
        let timeout = self.run.job.plan.engine.timeout;
        held(exchange, meanwhile, felt - (sent - due), timeout)
    }
}

/// `away`: how long the thread was, of that `ever` since the request was handed over;
/// `felt`: how much later than itself the latest was whose work the target still had.
fn held(exchange: &Exchange, away: Away, felt: Nanos, timeout: Nanos) -> Held {
    let opened = exchange.opening.all > Nanos::ZERO;
    let by = felt
        + if opened || exchange.bytes_received > ONE_GO {
            away.ever
        } else {
            // All the time before, its answer would have been found.
            away.before.min(away.ever)
        };
    let excused = match &exchange.result {
        // On an open connection one more look came before the timeout.
        Err(Failure::Timeout(_)) => {
            let away = if opened { away.ever } else { Nanos::ZERO };
            let had = (exchange.done - exchange.sent) - away - felt;
            had.as_secs_f64() < HAD_ITS_TIME * timeout.as_secs_f64()
        }
        Err(Failure::Connect(_) | Failure::Broken(_)) => felt.max(away.ever) > LOSES_CONNECTIONS,
        Ok(_) | Err(Failure::GivenUp | Failure::Local(_)) => false,
    };
    Held { by, excused }
}

#[cfg(test)]
mod tests {
    use super::super::transport::Opening;
    use super::*;

    const SECOND: Nanos = Nanos::from_secs(1);

    fn exchange(took_millis: u64, opened: bool, failure: Option<Failure>) -> Exchange {
        let all = if opened { Nanos::from_millis(1) } else { Nanos::ZERO };
        let done = SECOND + Nanos::from_millis(took_millis);
        Exchange {
            sent: SECOND,
            opening: Opening { all, ..Opening::default() },
            sending: Nanos::ZERO,
            first_byte: done,
            done,
            bytes_sent: 100,
            bytes_received: 100,
            result: Err(failure.unwrap_or(Failure::GivenUp)),
        }
    }

    fn away(before: u64, ever: u64) -> Away {
        Away { before: Nanos::from_millis(before), ever: Nanos::from_millis(ever) }
    }

    #[test]
    fn an_answer_on_an_open_connection_waited_only_while_its_reader_was_last_away() {
        let by = |opened, away| held(&exchange(300, opened, None), away, Nanos::ZERO, SECOND).by;
        assert_eq!(by(false, away(30, 240)), Nanos::from_millis(30));
        assert_eq!(by(true, away(30, 240)), Nanos::from_millis(240));
        // Away long before it was sent.
        assert_eq!(by(false, away(2500, 0)), Nanos::ZERO);
    }

    #[test]
    fn a_target_that_had_its_time_is_not_excused() {
        let late = Failure::Timeout("no whole answer within 1.00 s".to_owned());
        let excused = |took, opened, away, felt| {
            held(&exchange(took, opened, Some(late.clone())), away, felt, SECOND).excused
        };
        assert!(!excused(1005, false, away(5, 5), Nanos::from_millis(5)));
        assert!(!excused(1020, false, away(30, 800), Nanos::ZERO), "it was looked for last");
        assert!(excused(1020, true, away(30, 800), Nanos::ZERO), "a handshake wasn't answered");
        assert!(excused(1001, false, away(0, 0), Nanos::from_millis(200)), "a bunch was sent");
        assert!(!excused(3500, true, away(2500, 2500), Nanos::ZERO), "away, and then long enough");
    }

    #[test]
    fn connections_are_lost_by_whoever_was_away() {
        let excused = |away, felt| {
            let reset = Failure::Broken("reset".to_owned());
            held(&exchange(50, false, Some(reset)), away, felt, SECOND).excused
        };
        assert!(!excused(away(20, 20), Nanos::from_millis(20)));
        assert!(excused(away(2500, 2500), Nanos::ZERO));
        assert!(excused(away(0, 0), Nanos::from_millis(2500)));
    }
}
