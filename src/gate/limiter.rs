//! The limiter's rules against the ledgers of a recording.

use super::{About, Criteria, Finding, FindingVerdict, LimiterReport};
use crate::limits::{self, Facts, LedgerView, RuleName, RuleResult, RuleVerdict, WallClock};
use crate::measure::Recording;

/// Declared, predicted, observed, inferred, rule by rule.
pub(super) fn judge(criteria: &Criteria, recording: &Recording) -> LimiterReport {
    let ledgers: Vec<LedgerView<'_>> = recording
        .ledgers
        .iter()
        .map(|ledger| LedgerView {
            label: &ledger.label,
            set_aside: ledger.set_aside,
            entries: &ledger.entries,
        })
        .collect();
    let clock =
        WallClock { unix_start: recording.started_at.unix_seconds(), skew: recording.clock_skew };
    let inferred = limits::infer(&ledgers, criteria.limit.as_ref(), clock);
    let facts = Facts { refusals: recording.refusals, spoofed: recording.spoofed };
    let rules = criteria
        .limit
        .map(|declared| limits::judge(&declared, &ledgers, &facts, &inferred))
        .unwrap_or_default();
    LimiterReport {
        declared: criteria.limit,
        predicted_hits: criteria.prediction.map(|p| (p.hits_low, p.hits_high)),
        observed_hits: recording.total().rate_limit_hits,
        inferred,
        rules,
    }
}

/// The rules as findings.
pub(super) fn findings(report: &LimiterReport) -> impl Iterator<Item = Finding> + '_ {
    report.rules.iter().map(finding)
}

fn finding(rule: &RuleResult) -> Finding {
    let verdict = match rule.verdict {
        RuleVerdict::Pass => FindingVerdict::Pass,
        RuleVerdict::Fail => FindingVerdict::Fail,
        RuleVerdict::NotExercised => FindingVerdict::Skipped,
        RuleVerdict::Info => FindingVerdict::Info,
    };
    Finding {
        about: About::Limiter(rule.name),
        name: format!("rate limit: {}", asserted(rule.name)),
        verdict,
        message: format!("rate limit, {}: {}", short(rule.name), rule.evidence),
        evidence: Vec::new(),
        threshold: None,
    }
}

const fn asserted(rule: RuleName) -> &'static str {
    match rule {
        RuleName::Engages => "refuses once the limit is reached",
        RuleName::Holds => "never admits more than the limit",
        RuleName::LetsThrough => "refuses nothing below the limit",
        RuleName::Recovers => "admits again after the window",
        RuleName::SaysSo => "says so: status 429, JSON, promised headers",
        RuleName::NotSpoofable => "can't be walked round by naming another address",
    }
}

const fn short(rule: RuleName) -> &'static str {
    match rule {
        RuleName::Engages => "engages",
        RuleName::Holds => "holds",
        RuleName::LetsThrough => "lets through",
        RuleName::Recovers => "recovers",
        RuleName::SaysSo => "says so",
        RuleName::NotSpoofable => "not spoofable",
    }
}
