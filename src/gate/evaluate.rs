//! The verdict on one scenario: every rule of docs/verdict.md, judged and weighed.

use std::collections::BTreeSet;

use super::{
    About, Criteria, Finding, FindingVerdict, MetricKind, Verdict, VerdictKind, clusters,
    generator, limiter, shards, thresholds, whole_run,
};
use crate::measure::{Ended, Recording, Shards};
use crate::tags::Selector;
use crate::units::Nanos;

/// Judges `recording` by `criteria`; thresholds relative to a baseline look into
/// `baseline`.
#[must_use]
pub fn evaluate(
    criteria: &Criteria,
    recording: &Recording,
    baseline: Option<&Recording>,
) -> Verdict {
    let mut findings = whole_run::judge(recording);
    findings.extend(shards::judge(recording));
    let limiter = limiter::judge(criteria, recording);
    if let Some(reason) = no_load(&recording.ended) {
        let skipped = criteria.thresholds.iter();
        let skipped = skipped.map(|t| thresholds::not_run(t, criteria.decision, reason));
        findings.extend(skipped);
    } else {
        let judged = criteria.thresholds.iter();
        let judged = judged.map(|t| thresholds::judge(t, criteria, recording, baseline));
        findings.extend(judged);
        findings.extend(whole_run::checks(recording));
        findings.extend(limiter::findings(&limiter));
        findings.extend(limiter::spread(recording));
        findings.extend(generator::judge(&criteria.generator, recording));
        findings.extend(shards::starved(&criteria.generator, recording));
    }
    findings.extend(whole_run::went_on(recording, criteria.decision));
    findings.extend(whole_run::probes(recording));
    if cut_short(&recording.ended) {
        soften(&mut findings, "the run was cut short");
    }
    if recording.shards.as_ref().is_some_and(Shards::too_few) {
        soften(&mut findings, "shards are missing");
    }
    if recording.connections.unsolicited > 0 {
        soften(&mut findings, "answers came that nobody asked for");
    }
    let kind = weigh(&findings, &recording.ended);
    Verdict {
        scenario: recording.scenario,
        kind,
        reasons: reasons(&findings),
        findings,
        limiter,
        clusters: clusters::find(recording),
    }
}

/// What the recorder has to keep for the thresholds of `criteria`.
#[must_use]
pub fn required_selectors(criteria: &Criteria) -> BTreeSet<Selector> {
    let kept = criteria.thresholds.iter().filter(|t| t.metric.kind() != MetricKind::Gauge);
    kept.map(|t| t.metric.narrow(&t.selector)).collect()
}

/// The first threshold with `abortOnFail` that fails by now, `elapsed` after the
/// start of the load, in words.
#[must_use]
pub fn breached_now(criteria: &Criteria, recording: &Recording, elapsed: Nanos) -> Option<String> {
    let due =
        criteria.thresholds.iter().filter(|t| t.abort_on_fail && t.delay_abort_eval <= elapsed);
    due.into_iter().find_map(|threshold| thresholds::fails(threshold, criteria, recording))
}

/// The first threshold that a longer load might decide, in words: one whose interval
/// straddles its bound, or whose samples don't suffice. `None`: there is none.
#[must_use]
pub fn still_open(criteria: &Criteria, recording: &Recording) -> Option<String> {
    criteria.thresholds.iter().find_map(|t| thresholds::open(t, criteria, recording))
}

/// Why there was no load to judge, if there was none.
fn no_load(ended: &Ended) -> Option<&'static str> {
    match ended {
        Ended::Misconfigured { .. } => Some("the canary was refused"),
        Ended::Unreachable { .. } => Some("the target was unreachable, no load was sent"),
        Ended::Skipped { .. } => Some("the scenario was skipped"),
        Ended::Completed
        | Ended::Running
        | Ended::Interrupted { .. }
        | Ended::Broken { .. }
        | Ended::Aborted { .. } => None,
    }
}

/// Whether the run ended before its time without having failed: whatever it had
/// measured, it is inconclusive.
const fn cut_short(ended: &Ended) -> bool {
    matches!(ended, Ended::Running | Ended::Interrupted { .. } | Ended::Broken { .. })
}

fn soften(findings: &mut [Finding], why: &str) {
    for finding in findings.iter_mut().filter(|f| f.verdict == FindingVerdict::Fail) {
        finding.verdict = FindingVerdict::Inconclusive;
        finding.evidence.push(format!("{why}: this would be a failure"));
    }
}

fn weigh(findings: &[Finding], ended: &Ended) -> VerdictKind {
    if matches!(ended, Ended::Skipped { .. }) {
        return VerdictKind::Skipped;
    }
    match findings.iter().map(|finding| finding.verdict).max() {
        Some(FindingVerdict::Fail) => VerdictKind::Fail,
        Some(FindingVerdict::Inconclusive) | None => VerdictKind::Inconclusive,
        Some(_) => VerdictKind::Pass,
    }
}

/// Messages of what doesn't hold, worst first.
fn reasons(findings: &[Finding]) -> Vec<String> {
    let skipped = |f: &Finding| f.about == About::Run && f.verdict == FindingVerdict::Skipped;
    let mut bad: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.verdict >= FindingVerdict::Inconclusive || skipped(f))
        .collect();
    bad.sort_by_key(|f| (std::cmp::Reverse(f.verdict), weight(f.about)));
    bad.into_iter().map(|finding| finding.message.clone()).collect()
}

/// What explains more comes first.
const fn weight(about: About) -> u8 {
    match about {
        About::Run => 0,
        About::Probe(_) => 1,
        // A generator that fell short explains what can't be said of the target.
        About::Generator => 2,
        About::Threshold => 3,
        About::Check => 4,
        About::Limiter(_) => 5,
    }
}
