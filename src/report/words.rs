//! What reports call and how they mark verdicts, outcomes and what was inferred.

use std::borrow::Cow;

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

/// So much of a reason is no more than its rule's name.
const NAMES: usize = 60;

/// A reason at a first glance: of a long one what was seen and wanted, without what stands in
/// parentheses and without the evidence that follows, which is told further down.
pub(super) fn at_a_glance(reason: &str) -> Cow<'_, str> {
    if reason.chars().count() <= GLANCE {
        return Cow::Borrowed(reason);
    }
    let mut bare = String::new();
    let mut rest = reason;
    while let Some((before, after)) = rest.split_once(" (") {
        let Some((_, after)) = after.split_once(')') else { break };
        bare.push_str(before);
        rest = after;
    }
    bare.push_str(rest);
    // What follows a colon in a limiter's rule is what was seen.
    let ends: &[&str] = if bare.contains("rate limit, ") { &["; "] } else { &["; ", ": "] };
    let far = bare.char_indices().nth(NAMES).map_or(bare.len(), |(at, _)| at);
    let end = ends.iter().filter_map(|end| Some(far + bare.get(far..)?.find(end)?)).min();
    bare.truncate(end.unwrap_or(bare.len()));
    Cow::Owned(bare)
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
