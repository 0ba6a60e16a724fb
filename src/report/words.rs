//! What reports call and how they mark verdicts, outcomes and what was inferred.

use super::document::{Cell, Mark, Tone};
use super::escape;
use crate::gate::{FindingVerdict, VerdictKind};
use crate::limits::{Estimate, Inference, RuleVerdict};
use crate::outcome::Outcome;
use crate::units;

/// How a scenario's or suite's verdict is marked.
pub(super) const fn verdict_mark(kind: VerdictKind) -> Mark {
    match kind {
        VerdictKind::Pass => Mark::Pass,
        VerdictKind::Fail => Mark::Fail,
        VerdictKind::Inconclusive => Mark::Inconclusive,
        VerdictKind::Skipped => Mark::Skipped,
    }
}

/// The longest reason that is told whole at a first glance, in characters.
const GLANCE: usize = 110;

/// A reason at a first glance: of a long one what stands before its evidence, which is told
/// further down.
pub(super) fn at_a_glance(reason: &str) -> &str {
    if reason.chars().count() <= GLANCE {
        return reason;
    }
    let ends = [" (", "; ", ": "].into_iter().filter_map(|end| {
        // What a scenario is called is no reason yet.
        let far = reason.char_indices().nth(40)?.0;
        Some(far + reason.get(far..)?.find(end)?)
    });
    ends.min().and_then(|end| reason.get(..end)).unwrap_or(reason)
}

/// What became of a rule.
pub(super) fn finding(verdict: FindingVerdict) -> Cell {
    let (mark, word) = match verdict {
        FindingVerdict::Pass => (Mark::Pass, "pass"),
        FindingVerdict::Info => (Mark::Info, "info"),
        FindingVerdict::Skipped => (Mark::Skipped, "skipped"),
        FindingVerdict::Inconclusive => (Mark::Inconclusive, "inconclusive"),
        FindingVerdict::Fail => (Mark::Fail, "fail"),
    };
    Cell::mark(mark, word)
}

/// What became of a limiter's rule.
pub(super) fn rule(verdict: RuleVerdict) -> Cell {
    let mark = match verdict {
        RuleVerdict::Pass => Mark::Pass,
        RuleVerdict::Fail => Mark::Fail,
        RuleVerdict::NotExercised => Mark::Skipped,
        RuleVerdict::Info => Mark::Info,
        RuleVerdict::Inconclusive => Mark::Inconclusive,
    };
    Cell::mark(mark, verdict.name())
}

/// What an outcome means for the verdict.
pub(super) const fn outcome_tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Accepted => Tone::Good,
        Outcome::RateLimited => Tone::Doubtful,
        _ => Tone::Bad,
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
    match (&inferred.limit, &inferred.window_s) {
        (Some(limit), Some(window)) => {
            add!(text, ", {} per {} s", figure(limit), figure(window));
        }
        (Some(limit), None) => add!(text, ", {} at once", figure(limit)),
        (None, _) => {}
    }
    if !inferred.why.is_empty() {
        add!(text, ": {}", escape::one_line(&inferred.why));
    }
    text
}
