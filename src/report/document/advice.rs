//! What to do next: advice that follows from figures by the rules written here.

use super::super::escape::one_line;
use super::super::explain::{next, times_as_long};
use super::measured::share;
use super::model::Note;
use super::table::Tone;
use crate::admission::Scope;
use crate::gate::{About, Finding, FindingVerdict, VerdictKind};
use crate::outcome::Outcome;
use crate::suite::ScenarioReport;
use crate::units;

/// The most findings of one scenario that are advised on: those that count most.
const MOST_FINDINGS: usize = 3;

/// What the findings and figures of one scenario advise.
pub(super) fn of(scenario: &ScenarioReport) -> Vec<Note> {
    let id = scenario.plan.scenario;
    let mut advice = of_findings(scenario);
    let refused = share(scenario, Outcome::RateLimited);
    if refused > 0.05 {
        // A quota that everybody shares has room for no more, whoever comes.
        let shared = scenario.verdict.limiter.declared.is_some_and(|d| d.scope == Scope::Global);
        let way = if shared {
            "lower the rate (--rate-scale)"
        } else {
            "spread the load over more identities or lower the rate"
        };
        advice.push(format!(
            "{id}: {} of the arrivals were refused by the limiter: {way}, so that latency rests on \
             accepted work.",
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
        // What fell short is advised on already where that is a finding.
        let told = outcome == Outcome::Dropped && scenario.verdict.findings.iter().any(fell_short);
        if share > 0.001 && !told {
            advice.push(format!("{id}: {} ended as {outcome}: {what}.", units::percent(share)));
        }
    }
    let close = scenario.verdict.findings.iter();
    let close = close.filter(|f| f.verdict == FindingVerdict::Pass);
    let close = close.filter(|f| f.threshold.as_ref().is_some_and(|t| t.close));
    advice.extend(close.map(|f| {
        let times = f
            .threshold
            .as_ref()
            .and_then(|t| t.times_longer(scenario.plan.criteria.decision.confidence));
        let longer = times.map_or_else(
            || "a longer run would settle it".to_owned(),
            |times| format!("a run {} (--duration-scale) would settle it", times_as_long(times)),
        );
        format!("{id}: {} is a close call: {longer}.", f.name)
    }));
    advice.into_iter().map(|text| Note::new(Tone::Plain, text)).collect()
}

fn fell_short(finding: &Finding) -> bool {
    finding.about == About::Generator && finding.verdict == FindingVerdict::Inconclusive
}

/// What to do about what made the verdict, the worst first; each advice once.
fn of_findings(scenario: &ScenarioReport) -> Vec<String> {
    let skipped = |f: &Finding| {
        scenario.verdict.kind == VerdictKind::Skipped && f.verdict == FindingVerdict::Skipped
    };
    let bad = |f: &&Finding| {
        matches!(f.verdict, FindingVerdict::Fail | FindingVerdict::Inconclusive) || skipped(f)
    };
    let mut findings: Vec<&Finding> = scenario.verdict.findings.iter().filter(bad).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let mut advice: Vec<(String, String, usize)> = Vec::new();
    for finding in findings {
        let what = next(scenario, finding);
        match advice.iter_mut().find(|(_, other, _)| *other == what) {
            Some((.., more)) => *more += 1,
            None => advice.push((one_line(&finding.name), what, 0)),
        }
    }
    let told = |(rule, what, more): (String, String, usize)| {
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        format!("{}: {rule}{more}: {what}.", scenario.plan.scenario)
    };
    advice.into_iter().take(MOST_FINDINGS).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn what_made_the_verdict_is_advised_on_first() {
        let told = |report: &crate::suite::SuiteReport| {
            let notes = report.scenarios.iter().flat_map(of);
            notes.map(|note| note.text).collect::<Vec<String>>()
        };
        let slow = told(&fixtures::full(true));
        assert!(
            slow[0]
                .starts_with("onboarding: response_time{outcome:accepted}: p(95)<2000: look at the target from 4:12 on, when p(95) of single seconds first stood over 2.00 s, at 100/s"),
            "{slow:?}"
        );
        let ended = crate::measure::Ended::Interrupted { after: crate::units::Nanos::ZERO };
        let interrupted = told(&fixtures::sent_nothing(ended));
        assert!(
            interrupted.iter().any(|advice| advice.contains("run it once more, to its end")),
            "{interrupted:?}"
        );
        assert_eq!(told(&fixtures::pass()), [""; 0]);
    }

    #[test]
    fn a_shared_quota_has_no_more_room_for_more_identities() {
        let mut report = fixtures::old_baseline();
        let scenario = &mut report.scenarios[0];
        let advised = |scenario: &ScenarioReport| {
            of(scenario).into_iter().map(|note| note.text).collect::<Vec<String>>().join(" ")
        };
        assert!(advised(scenario).contains("more identities"));
        let mut shared = scenario.verdict.limiter.declared.expect("declared");
        shared.scope = Scope::Global;
        scenario.verdict.limiter.declared = Some(shared);
        let advised = advised(scenario);
        assert!(
            advised.contains("lower the rate") && !advised.contains("spread the load"),
            "{advised}"
        );
    }

    #[test]
    fn one_that_began_late_is_not_told_to_take_more_cpu() {
        let mut report = fixtures::pass();
        let scenario = &mut report.scenarios[0];
        let planned = scenario.recording.generator.planned;
        scenario.recording.generator.dropped = planned / 2;
        scenario.recording.generator.sent -= planned / 2;
        let fell_short = |late: u64, scenario: &mut ScenarioReport| {
            scenario.recording.generator.late = crate::units::Nanos::from_secs(late);
            let criteria = &scenario.plan.criteria;
            scenario.verdict = crate::gate::evaluate(criteria, &scenario.recording, None);
            of(scenario).into_iter().map(|note| note.text).collect::<Vec<String>>().join(" ")
        };
        let (in_time, late) = (fell_short(0, scenario), fell_short(3, scenario));
        assert!(in_time.contains("more CPU") && !in_time.contains("ended as dropped"), "{in_time}");
        assert!(late.contains("began 3.00 s after it") && !late.contains("more CPU"), "{late}");
    }
}
