//! The run as a whole: how it ended, its canary, whether anything was accepted, checks and probes.

use super::{About, Decision, Finding, FindingVerdict, failures};
use crate::ids::ProbeKind;
use crate::measure::{Ended, ProbeCount, Recording};
use crate::outcome::Outcome;
use crate::scenario::catalogue;
use crate::units::{self, count};

/// How it ended, what the canary met, whether anything was accepted.
pub(super) fn judge(recording: &Recording) -> Vec<Finding> {
    let mut findings = vec![ended(recording)];
    if let Some(canary) = &recording.canary {
        let refused = matches!(recording.ended, Ended::Misconfigured { .. });
        if !canary.note.is_empty() && !refused {
            let message = format!("the canary was not accepted: {}", canary.note);
            findings.push(Finding::new(
                About::Run,
                "the canary is accepted",
                FindingVerdict::Info,
                message,
            ));
        }
    }
    findings.extend(setups(recording));
    findings.extend(unsolicited(recording));
    findings.extend(anything_accepted(recording));
    findings
}

/// Whether every identity could take part for as long as the load lasted.
fn setups(recording: &Recording) -> Option<Finding> {
    let setups = &recording.setups;
    if setups.is_none() || matches!(recording.ended, Ended::Misconfigured { .. }) {
        return None;
    }
    let without: Vec<String> =
        setups.unusable.iter().map(|one| format!("{}: {}", one.who, one.why)).collect();
    let (verdict, more) = if setups.lost > 0 {
        let lost = count(setups.lost);
        let why = if setups.failed == 0 {
            "for what they give had expired before more of it came"
        } else {
            "for want of what they give"
        };
        let more = format!("; {lost} arrivals were not sent, {why}");
        (FindingVerdict::Inconclusive, more)
    } else if without.is_empty() {
        (FindingVerdict::Pass, String::new())
    } else {
        (FindingVerdict::Info, "; who got nothing took no part".to_owned())
    };
    let first = without.first().map_or_else(String::new, |first| format!(": {first}"));
    let message = format!(
        "{} setup requests were sent, {} of them gave nothing{more}{first}",
        count(setups.sent),
        count(setups.failed)
    );
    let mut found = Finding::new(About::Run, "every identity is set up", verdict, message);
    found.evidence = without;
    Some(found)
}

/// A load that went on where it was planned to end: said, since its length hung on
/// what it measured.
pub(super) fn went_on(recording: &Recording, decision: Decision) -> Option<Finding> {
    let went_on = recording.went_on?;
    let message = format!(
        "the last hold went on for {} after its planned end, since a threshold was still open \
         there: look {} of at most {}, each with {} intervals, so that all of them together are \
         wrong as seldom as one",
        went_on.by,
        went_on.times + 1,
        decision.looks,
        units::confidence(decision.level())
    );
    Some(Finding::new(About::Run, "the load may go on", FindingVerdict::Info, message))
}

/// Bytes that nobody asked for. In HTTP/1.1 an answer names no request: one that comes
/// on its own can't be told from a true one, where it comes just after a request.
fn unsolicited(recording: &Recording) -> Option<Finding> {
    let lines = recording.connections.unsolicited;
    let message = format!(
        "unsolicited bytes came on {} of {} connections: an answer of HTTP/1.1 names no request, \
         so nobody can tell which of the answers were true; see what stands between load-gate and \
         the service, and answers twice",
        count(lines),
        count(recording.connections.opened)
    );
    let name = "every answer belongs to a request";
    (lines > 0).then(|| Finding::new(About::Run, name, FindingVerdict::Inconclusive, message))
}

fn ended(recording: &Recording) -> Finding {
    let (verdict, message) = match &recording.ended {
        Ended::Completed => (FindingVerdict::Pass, "the whole load was sent".to_owned()),
        Ended::Running => (
            FindingVerdict::Inconclusive,
            format!(
                "partial: the run never ended, this is what was measured until {}",
                recording.duration
            ),
        ),
        Ended::Misconfigured { advice } => {
            // Of several machines only the first asks with a canary.
            let sent =
                if recording.generator.sent == 0 { "no load" } else { "not all of the load" };
            (FindingVerdict::Inconclusive, format!("misconfigured, {sent} was sent: {advice}"))
        }
        Ended::Unreachable { reason } => {
            (FindingVerdict::Inconclusive, format!("unreachable: {reason}"))
        }
        Ended::Interrupted { after } => {
            let planned = planned(recording);
            let drained = planned > units::Nanos::ZERO && *after >= planned;
            let said = if drained {
                format!(
                    "interrupted when the load's {planned} were over, while answers were awaited"
                )
            } else if *after == units::Nanos::ZERO {
                "interrupted before its load began".to_owned()
            } else {
                format!("interrupted after {after} of {planned}")
            };
            (FindingVerdict::Inconclusive, said)
        }
        Ended::Aborted { after, reason } => {
            (FindingVerdict::Fail, format!("ended after {after}: {reason}"))
        }
        Ended::Broken { reason } => (
            FindingVerdict::Inconclusive,
            format!("load-gate itself could not go on after {}: {reason}", recording.duration),
        ),
        Ended::Skipped { reason } => (FindingVerdict::Skipped, format!("skipped: {reason}")),
    };
    Finding::new(About::Run, "the load is sent to its end", verdict, message)
}

fn planned(recording: &Recording) -> units::Nanos {
    recording.stages.last().map(|stage| stage.end).unwrap_or_default()
}

/// A run in which nothing succeeded is never green.
fn anything_accepted(recording: &Recording) -> Option<Finding> {
    let outcomes = &recording.total().outcomes;
    let about = |verdict, message| {
        let mut found = Finding::new(About::Run, "something was accepted", verdict, message);
        found.evidence = failures::quotes(recording);
        Some(found)
    };
    let ran = matches!(
        recording.ended,
        Ended::Completed | Ended::Interrupted { .. } | Ended::Aborted { .. } | Ended::Running
    );
    if !ran {
        return None;
    }
    let accepted = outcomes.get(Outcome::Accepted);
    if accepted > 0 {
        let message =
            format!("{} of {} arrivals were accepted", count(accepted), count(outcomes.total()));
        return Some(Finding::new(
            About::Run,
            "something was accepted",
            FindingVerdict::Pass,
            message,
        ));
    }
    if outcomes.sent() == 0 {
        return about(FindingVerdict::Inconclusive, "no arrival was sent".to_owned());
    }
    let total = recording.total();
    if total.excused >= outcomes.sent() {
        let message = format!(
            "the generator fell short: none of {} arrivals was answered, while load-gate itself was \
             stopped or behind its schedule",
            count(outcomes.sent())
        );
        return about(FindingVerdict::Inconclusive, message);
    }
    let message = format!(
        "no arrival was accepted: of {} sent, {}",
        count(outcomes.sent()),
        failures::instead(recording).unwrap_or_default()
    );
    about(FindingVerdict::Fail, message)
}

/// The contract's checks. One that never held fails; others are for thresholds to weigh.
pub(super) fn checks(recording: &Recording) -> Vec<Finding> {
    let judged = recording.checks.iter().filter(|check| check.passes + check.fails > 0);
    judged
        .map(|check| {
            let all = check.passes + check.fails;
            let (verdict, message) = if check.fails == 0 {
                (FindingVerdict::Pass, format!("check `{}` held {} times", check.name, count(all)))
            } else if check.passes == 0 {
                let message =
                    format!("check `{}` failed every time, {} times", check.name, count(all));
                (FindingVerdict::Fail, message)
            } else {
                let share = units::percent(check.fails as f64 / all as f64);
                let (fails, all) = (count(check.fails), count(all));
                let message =
                    format!("check `{}` failed {fails} of {all} times ({share})", check.name);
                (FindingVerdict::Info, message)
            };
            Finding::new(About::Check, format!("check: {}", check.name), verdict, message)
        })
        .collect()
}

/// The probes: one breach fails the gate, a kind without any say is inconclusive.
pub(super) fn probes(recording: &Recording) -> Vec<Finding> {
    let sent = recording.probes.iter().filter(|probe| probe.sent > 0);
    sent.map(|probe| {
        let (verdict, message) = judge_probe(probe);
        let name = format!("probe: {} is refused", what(probe.kind));
        Finding::new(About::Probe(probe.kind), &name, verdict, message)
    })
    .collect()
}

fn judge_probe(probe: &ProbeCount) -> (FindingVerdict, String) {
    let what = what(probe.kind);
    let sent = count(probe.sent);
    if probe.breached > 0 {
        let breached = count(probe.breached);
        let message = format!(
            "probe {}: {what} was accepted {breached} of {sent} times: {}",
            probe.kind,
            unchecked(probe.kind)
        );
        (FindingVerdict::Fail, message)
    } else if probe.held + probe.other == 0 {
        let message = format!(
            "probe {}: nothing can be said of {what}, all {sent} went unanswered, met the rate limit or an error",
            probe.kind
        );
        (FindingVerdict::Inconclusive, message)
    } else if probe.other > 0 {
        let other = count(probe.other);
        let message = format!(
            "probe {}: {what} was refused, but {other} of {sent} times not with the documented status",
            probe.kind
        );
        (FindingVerdict::Info, message)
    } else {
        let message = format!("{what} was refused {} of {sent} times", count(probe.held));
        (FindingVerdict::Pass, message)
    }
}

/// What a probe sends, in its scenario's words.
fn what(kind: ProbeKind) -> String {
    let known = catalogue::probe(kind).map(|probe| probe.what.to_owned());
    known.unwrap_or_else(|| format!("the request `{kind}`"))
}

fn unchecked(kind: ProbeKind) -> &'static str {
    catalogue::probe(kind).map_or("what it lacks is not checked", |probe| probe.unchecked)
}
