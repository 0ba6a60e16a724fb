//! The limiter's rules against the ledgers of a recording.

use super::{About, Criteria, Finding, FindingVerdict, LimiterReport};
use crate::limits::{self, Facts, LedgerView, RuleName, RuleResult, RuleVerdict, WallClock};
use crate::measure::Recording;
use crate::outcome::Outcome;
use crate::units::count;

/// Declared, predicted, observed, inferred, rule by rule.
pub(super) fn judge(criteria: &Criteria, recording: &Recording) -> LimiterReport {
    let ledgers: Vec<LedgerView<'_>> = recording
        .ledgers
        .iter()
        .map(|ledger| LedgerView {
            label: &ledger.label,
            set_aside: ledger.set_aside,
            entries: ledger.complete(),
        })
        .collect();
    let clock =
        WallClock { unix_start: recording.started_at.unix_seconds(), skew: recording.clock_skew };
    let inferred = limits::infer(&ledgers, criteria.limit.as_ref(), clock);
    let facts = Facts { refusals: recording.refusals, spoofed: recording.spoofed };
    let rules = criteria.limit.map_or_else(
        || undeclared(recording).into_iter().collect(),
        |declared| limits::judge(&declared, &ledgers, &facts, &inferred),
    );
    LimiterReport {
        declared: criteria.limit,
        predicted_hits: criteria.prediction.map(|p| (p.hits_low, p.hits_high)),
        observed_hits: recording.total().rate_limit_hits,
        inferred,
        rules,
    }
}

/// Where no limit is declared, none may be refused. The success rate leaves
/// refusals out, so without this rule hardly anything need be let through.
fn undeclared(recording: &Recording) -> Option<RuleResult> {
    let outcomes = &recording.total().outcomes;
    let hits = outcomes.get(Outcome::RateLimited);
    (hits > 0).then(|| RuleResult {
        name: RuleName::LetsThrough,
        verdict: RuleVerdict::Fail,
        evidence: format!(
            "{} of {} arrivals were refused with 429, though the endpoint is declared to have no \
             limit (`rate_limit = \"none\"`): declare the limit it has, or have it lifted",
            count(hits),
            count(outcomes.sent())
        ),
    })
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
