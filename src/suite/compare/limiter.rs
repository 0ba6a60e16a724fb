//! What changed about a limiter between two runs.

use serde::Serialize;

use crate::admission::DeclaredLimit;
use crate::gate::LimiterReport;
use crate::limits::{Estimate, RuleVerdict};
use crate::units;

/// Something about the limiter that differs between the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimiterChange {
    /// What: `declared limit`, `kind`, `limit`, `window`, `rule engages`.
    pub what: String,
    /// In the base.
    pub base: String,
    /// In the new run.
    pub new: String,
    /// Whether both runs had the evidence: the limiter certainly changed. Where
    /// not, one of them could not tell.
    pub certain: bool,
}

/// Every difference between two limiters; empty when there is none.
pub(super) fn changes(base: &LimiterReport, new: &LimiterReport) -> Vec<LimiterChange> {
    let mut changes = Vec::new();
    let mut note = |what: String, base: String, new: String, certain: bool| {
        if base != new {
            changes.push(LimiterChange { what, base, new, certain });
        }
    };
    let declared = |limit: &Option<DeclaredLimit>| {
        limit.as_ref().map_or_else(|| "none".to_owned(), DeclaredLimit::describe)
    };
    note("declared limit".to_owned(), declared(&base.declared), declared(&new.declared), true);
    let kinds = (base.inferred.algorithm, new.inferred.algorithm);
    let certain = !kinds.0.may_be(kinds.1);
    note("kind".to_owned(), kinds.0.name().to_owned(), kinds.1.name().to_owned(), certain);
    let figure = |value: f64| units::number(value);
    let seconds = |value: f64| units::millis(value * 1e3);
    let estimates = [
        ("limit", base.inferred.limit, new.inferred.limit, &figure as &dyn Fn(f64) -> String),
        ("window", base.inferred.window_s, new.inferred.window_s, &seconds),
    ];
    for (what, base, new, show) in estimates {
        if let (Some(base), Some(new)) = (base, new)
            && (base.high < new.low || new.high < base.low)
        {
            note(what.to_owned(), range(base, show), range(new, show), true);
        }
    }
    for rule in &new.rules {
        if let Some(was) = base.rules.iter().find(|was| was.name == rule.name) {
            let decided = |v: RuleVerdict| matches!(v, RuleVerdict::Pass | RuleVerdict::Fail);
            note(
                format!("rule {}", rule.name.name()),
                was.verdict.name().to_owned(),
                rule.verdict.name().to_owned(),
                decided(was.verdict) && decided(rule.verdict),
            );
        }
    }
    changes
}

fn range(estimate: Estimate, show: &dyn Fn(f64) -> String) -> String {
    if estimate.low == estimate.high {
        return show(estimate.value);
    }
    format!("{} ({} to {})", show(estimate.value), show(estimate.low), show(estimate.high))
}
