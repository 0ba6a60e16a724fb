//! What to do next: advice that follows from figures by the rules written here.

use super::measured::share;
use super::model::Note;
use super::table::Tone;
use crate::outcome::Outcome;
use crate::suite::ScenarioReport;
use crate::units;

/// What the figures of one scenario advise.
pub(super) fn of(scenario: &ScenarioReport) -> Vec<Note> {
    let id = scenario.plan.scenario;
    let mut advice = Vec::new();
    let refused = share(scenario, Outcome::RateLimited);
    if refused > 0.05 {
        advice.push(format!(
            "{id}: {} of the arrivals were refused by the limiter: spread the load over more identities \
             or lower the rate, so that latency rests on accepted work.",
            units::percent(refused)
        ));
    }
    for (outcome, what) in [
        (Outcome::Rejected, "mend what the requests carry (see the answers quoted)"),
        (Outcome::ServerError, "look at the target's own log at those moments"),
        (Outcome::Timeout, "the target did not answer in time: look for saturation"),
        (Outcome::Transport, "connections broke: look at load balancer and network"),
        (Outcome::Dropped, "the generator fell short: more CPU or a higher max_in_flight"),
    ] {
        let share = share(scenario, outcome);
        if share > 0.001 {
            advice.push(format!("{id}: {} ended as {outcome}: {what}.", units::percent(share)));
        }
    }
    let close = scenario.verdict.findings.iter();
    let close = close.filter(|f| f.threshold.as_ref().is_some_and(|t| t.close));
    advice.extend(
        close.map(|f| format!("{id}: {} is a close call: a longer run would settle it.", f.name)),
    );
    advice.into_iter().map(|text| Note::new(Tone::Plain, text)).collect()
}
