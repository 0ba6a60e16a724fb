//! The verdict on a whole run, and its first line.

use super::{Verdict, VerdictKind, shards};

/// fail > inconclusive > pass over the scenarios, and the first line of every
/// report: the verdict and the worst reason. `allow_skip`: skipped scenarios
/// don't keep the suite from being green.
#[must_use]
pub fn suite(verdicts: &[Verdict], allow_skip: bool) -> (VerdictKind, String) {
    let of = |kind: VerdictKind| verdicts.iter().filter(move |v| v.kind == kind);
    let ran = verdicts.len() - of(VerdictKind::Skipped).count();
    let kind = if of(VerdictKind::Fail).next().is_some() {
        VerdictKind::Fail
    } else if of(VerdictKind::Inconclusive).next().is_some()
        || ran == 0
        || (ran < verdicts.len() && !allow_skip)
    {
        VerdictKind::Inconclusive
    } else {
        VerdictKind::Pass
    };
    (kind, headline(kind, verdicts, ran))
}

fn headline(kind: VerdictKind, verdicts: &[Verdict], ran: usize) -> String {
    let line = verdict_line(kind, verdicts, ran);
    match verdicts.iter().find_map(|v| shards::without(&v.findings)) {
        Some(without) => format!("{line}, {without}"),
        None => line,
    }
}

fn verdict_line(kind: VerdictKind, verdicts: &[Verdict], ran: usize) -> String {
    let all = verdicts.len();
    if kind == VerdictKind::Pass {
        let skipped = verdicts.iter().filter(|v| v.kind == VerdictKind::Skipped);
        let skipped: Vec<String> = skipped.map(worst).collect();
        return if skipped.is_empty() {
            format!("pass, {all} of {all} scenarios")
        } else {
            format!("pass, {ran} of {all} scenarios ({})", skipped.join("; "))
        };
    }
    let decisive = verdicts
        .iter()
        .find(|v| v.kind == kind)
        .or_else(|| verdicts.iter().find(|v| v.kind == VerdictKind::Skipped));
    match decisive {
        Some(verdict) => format!("{kind}: {}", worst(verdict)),
        None => format!("{kind}: no scenario was to run"),
    }
}

/// `onboarding: <worst reason>`.
fn worst(verdict: &Verdict) -> String {
    let reason = verdict.reasons.first().map_or("", String::as_str);
    format!("{}: {reason}", verdict.scenario)
}
