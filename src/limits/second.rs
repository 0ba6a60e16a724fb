//! A second limit that nobody declared: suspected where it explains what the declared one doesn't.

use super::excess::Bounds;
use super::party::Party;
use super::trace::{Refusal, Trace};
use crate::units::{Nanos, count, per};

/// Windows that people choose, in seconds.
const USUAL: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0];

/// So many refusals that the declared limit doesn't explain betray another one.
const FEWEST: usize = 3;

/// Which second limit would have made every refusal that the declared one wouldn't;
/// `None`: no usual one.
pub(super) fn suspected(parties: &[Party<'_>], bounds: &Bounds) -> Option<String> {
    let strange: Vec<(&Trace, Vec<&Refusal>)> =
        parties.iter().map(|party| (&party.trace, unexplained(&party.trace, bounds))).collect();
    if strange.iter().map(|(_, refusals)| refusals.len()).sum::<usize>() < FEWEST {
        return None;
    }
    let usual = USUAL.into_iter().filter(|window| (window - bounds.window).abs() > 0.1);
    let (limit, window) = usual.into_iter().find_map(|window| {
        // It refuses only where it is full, and never admits more than it holds.
        let full = strange.iter().flat_map(|(trace, refusals)| {
            refusals
                .iter()
                .map(move |r| trace.may_have_been_admitted(r.sent - window - bounds.slack, r.done))
        });
        let full = full.min()?;
        let most =
            strange.iter().map(|(trace, _)| trace.most_within(window - bounds.slack)).max()?;
        // Two fixed windows may touch.
        (full > 0 && most <= 2 * full).then_some((full.min(most), window))
    })?;
    let window = per(Nanos::from_secs_f64(window));
    Some(format!(
        "a second limit, of about {} {window}, would explain it: declare it beside the first where there is one (rate_limit = [ … ])",
        count(limit as u64)
    ))
}

/// Refusals that came below the declared limit.
fn unexplained<'t>(trace: &'t Trace, bounds: &Bounds) -> Vec<&'t Refusal> {
    let lookback = bounds.longest + bounds.slack;
    let below = |refusal: &&Refusal| {
        trace.may_have_been_admitted(refusal.sent - lookback, refusal.done) < bounds.limit
    };
    trace.refused.iter().filter(below).collect()
}
