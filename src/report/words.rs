//! The words reports use for verdicts, rules and algorithms.

use super::escape;
use crate::gate::{FindingVerdict, VerdictKind};
use crate::limits::{Estimate, Inference};
use crate::units;

/// What a scenario's verdict is called, in words for people.
pub(super) const fn verdict_word(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Pass => "pass",
        VerdictKind::Fail => "FAIL",
        VerdictKind::Inconclusive => "INCONCLUSIVE",
        VerdictKind::Skipped => "SKIPPED",
    }
}

/// The word for a finding's verdict in tables.
pub(super) const fn finding_word(verdict: FindingVerdict) -> &'static str {
    match verdict {
        FindingVerdict::Pass => "pass",
        FindingVerdict::Info => "info",
        FindingVerdict::Skipped => "skipped",
        FindingVerdict::Inconclusive => "inconclusive",
        FindingVerdict::Fail => "FAIL",
    }
}

/// What was inferred of a limiter, in words.
pub(super) fn inference(inferred: &Inference) -> String {
    let name = inferred.algorithm.name();
    let figure = |e: &Estimate| {
        if e.low == e.high {
            units::number(e.value)
        } else {
            format!(
                "{} ({}–{})",
                units::number(e.value),
                units::number(e.low),
                units::number(e.high)
            )
        }
    };
    let mut text = name.to_owned();
    if let (Some(limit), Some(window)) = (&inferred.limit, &inferred.window_s) {
        add!(text, ", {} per {} s", figure(limit), figure(window));
    }
    if !inferred.why.is_empty() {
        add!(text, ": {}", escape::one_line(&inferred.why));
    }
    text
}
