//! The limiter's rules against the ledgers of a recording.

use std::borrow::Cow;

use super::{About, Criteria, Finding, FindingVerdict, LimiterReport};
use crate::admission::{Admission, DeclaredLimit};
use crate::limits::{
    self, Facts, Inference, LedgerView, RuleName, RuleResult, RuleVerdict, ServerTime,
};
use crate::measure::{Ledger, Recording};
use crate::outcome::Outcome;
use crate::units::count;

/// Declared, predicted, observed, inferred, rule by rule.
pub(super) fn judge(criteria: &Criteria, recording: &Recording) -> LimiterReport {
    let counted = Counted::of(criteria, recording);
    let disguise =
        criteria.limit.and_then(|declared| limits::disguised(&declared, &counted.views()));
    // One that refuses by another status is met all the same.
    let counted = match disguise {
        Some(status) => counted.undisguised(status),
        None => counted,
    };
    let ledgers = counted.views();
    let clock =
        ServerTime { unix_start: recording.started_at.unix_seconds(), skew: recording.clock_skew };
    let inferred = match criteria.limit {
        Some(declared) if !criteria.beside.is_empty() => {
            limits::infer_first(&ledgers, &declared, &criteria.beside, clock)
        }
        declared => limits::infer(&ledgers, declared.as_ref(), clock),
    };
    let facts = Facts {
        beside: &criteria.beside,
        refusals: recording.refusals,
        spoofed: recording.spoofed,
        disguise,
    };
    let mut rules = criteria.limit.map_or_else(
        || undeclared(recording).into_iter().collect(),
        |declared| limits::judge(&declared, &ledgers, &facts, &inferred),
    );
    if let Some(why) = counted.unseen {
        for rule in &mut rules {
            spare(rule, why);
        }
    }
    if let Some(declared) = &criteria.limit {
        for rule in rules.iter_mut().filter(|rule| accuses(rule)) {
            if let Some(why) = unknown_to_us(declared, recording, &facts, &inferred, rule.name) {
                spare(rule, why);
            }
        }
    }
    if recording.refusals.refused == 0 && disguise.is_none() && recording.total().excused > 0 {
        rules.iter_mut().filter(|rule| rule.name == RuleName::SaysSo).for_each(spare_unanswered);
    }
    LimiterReport {
        declared: criteria.limit,
        beside: criteria.beside.iter().map(|beside| beside.declared).collect(),
        predicted_hits: criteria.prediction.map(|p| (p.hits_low, p.hits_high)),
        probable_hits: criteria.prediction.and_then(|p| p.hits_probable),
        observed_hits: recording.total().rate_limit_hits,
        inferred,
        rules,
    }
}

/// The requests as the limiter counted them, a ledger for each identity that it tells
/// apart.
struct Counted<'a> {
    ledgers: Vec<(LedgerView<'a>, Cow<'a, [Admission]>)>,
    /// Why requests may have used the quota that are in no ledger, if so.
    unseen: Option<&'static str>,
}

impl<'a> Counted<'a> {
    fn of(criteria: &Criteria, recording: &'a Recording) -> Self {
        let alike = not_told_apart(recording);
        let together = criteria.together && recording.ledgers.len() > 1;
        if !alike && !together {
            let ledgers = recording.ledgers.iter();
            let ledgers = ledgers.map(|ledger| {
                let view = LedgerView {
                    label: &ledger.label,
                    set_aside: ledger.set_aside,
                    entries: &[],
                    every_until: ledger.every_until,
                    clocks_apart: ledger.clocks_apart,
                    apart_from_others: recording.clocks_apart,
                };
                (view, Cow::Borrowed(ledger.complete()))
            });
            return Self { ledgers: ledgers.collect(), unseen: None };
        }
        let label = if alike {
            "all addresses named, which the limiter doesn't tell apart"
        } else {
            "everybody together"
        };
        let all = Cow::Owned(one_ledger(recording));
        let probed = recording.probes.iter().any(|probe| probe.sent > 0);
        let unseen = match (alike, probed) {
            (true, _) => Some(
                "the limiter doesn't tell apart the addresses named, so probes under addresses of \
                 their own used the same quota",
            ),
            (false, true) => Some(
                "the limiter counts everybody together, so probes that are in no ledger may have \
                 used the same quota",
            ),
            (false, false) => None,
        };
        Self { ledgers: vec![(as_one(label, recording, &[]), all)], unseen }
    }

    fn views(&self) -> Vec<LedgerView<'_>> {
        self.ledgers.iter().map(|(view, entries)| LedgerView { entries, ..*view }).collect()
    }

    /// Answers of that status read as refusals.
    fn undisguised(mut self, status: u16) -> Self {
        for (_, entries) in &mut self.ledgers {
            *entries = Cow::Owned(limits::undisguised(entries, status));
        }
        self
    }
}

/// Whether the load was spread over addresses that count as one: a refused caller
/// stayed refused when it named another address that nobody had used.
fn not_told_apart(recording: &Recording) -> bool {
    let named = recording.ledgers.iter().filter(|ledger| !ledger.is_of_a_machine());
    recording.spoofed == Some(false) && named.count() > 1
}

/// Whether a rule's accusation rests on knowing all that used a quota.
const fn rests_on_all(rule: RuleName) -> bool {
    matches!(rule, RuleName::LetsThrough | RuleName::Recovers)
}

/// Whether a rule accuses, and so that all that used the quota must be known.
fn accuses(rule: &RuleResult) -> bool {
    rests_on_all(rule.name) && rule.verdict == RuleVerdict::Fail
}

/// Takes back an accusation that ledgers can't carry, since others used the same quota.
fn spare(rule: &mut RuleResult, why: &str) {
    if accuses(rule) {
        rule.verdict = RuleVerdict::NotExercised;
        rule.evidence = format!("not judged: {why}");
    }
}

/// Takes back that errors came where refusals belong: the generator itself may have
/// made them.
fn spare_unanswered(rule: &mut RuleResult) {
    if rule.verdict == RuleVerdict::Fail {
        rule.verdict = RuleVerdict::NotExercised;
        let why = "not judged: nothing was refused, and some of what went unanswered did so while \
                   load-gate itself was stopped or behind its schedule";
        why.clone_into(&mut rule.evidence);
    }
}

/// Why several machines can't tell what else used a quota that `rule` accuses of refusing
/// too soon or too long; `None`: they can.
fn unknown_to_us(
    declared: &DeclaredLimit,
    recording: &Recording,
    facts: &Facts<'_>,
    inferred: &Inference,
    rule: RuleName,
) -> Option<&'static str> {
    let shards = recording.shards.as_ref()?;
    let all_together = recording.ledgers.iter().any(|ledger| ledger.label == Ledger::EVERYBODY);
    if all_together && (shards.rows.len() as u64) < u64::from(shards.of) {
        return Some(
            "the limit counts everybody together, and shards are missing that used it too",
        );
    }
    let machines = recording.ledgers.iter().filter(|ledger| ledger.is_of_a_machine()).count();
    if machines < 2 {
        return None;
    }
    // Behind one gateway they are one to the limiter.
    let mut together = one_ledger(recording);
    if let Some(status) = facts.disguise {
        together = limits::undisguised(&together, status);
    }
    let view = as_one("all machines", recording, &together);
    let rules = limits::judge(declared, &[view], facts, inferred);
    let kept = rules.iter().any(|found| found.name == rule && found.verdict != RuleVerdict::Fail);
    kept.then_some(
        "the refusals fit a limiter that knows all machines by one address, as behind one \
         gateway: give each machine an address of its own",
    )
}

/// The view of what [`one_ledger`] put together.
fn as_one<'a>(label: &'a str, recording: &Recording, together: &'a [Admission]) -> LedgerView<'a> {
    let every_until = recording.ledgers.iter().map(|ledger| ledger.every_until).min();
    LedgerView {
        label,
        set_aside: false,
        entries: together,
        every_until: every_until.unwrap_or_default(),
        clocks_apart: recording.clocks_apart,
        apart_from_others: recording.clocks_apart,
    }
}

/// What all identities sent, as far as all of their ledgers are complete.
fn one_ledger(recording: &Recording) -> Vec<Admission> {
    let end = recording.ledgers.iter().filter_map(Ledger::complete_until).min();
    let entries = recording.ledgers.iter().flat_map(|ledger| ledger.complete().iter().copied());
    let mut all: Vec<Admission> =
        entries.filter(|entry| end.is_none_or(|end| entry.done <= end)).collect();
    all.sort_by_key(|entry| (entry.done, entry.sent));
    all
}

/// The load was to be spread and could not be: what was measured isn't what was planned.
pub(super) fn spread(recording: &Recording) -> Option<Finding> {
    let planned = recording.ledgers.iter().filter(|ledger| !ledger.set_aside).count();
    (not_told_apart(recording) && planned > 1).then(|| {
        let message = format!(
            "the load could not be spread over {} addresses: the limiter doesn't tell apart what \
             X-Forwarded-For names (a refused caller stayed refused under another address), so \
             all of it counted as one; set identities = 1, or have the target trust the header",
            count(planned as u64)
        );
        let name = "the load is spread over addresses";
        Finding::new(About::Run, name, FindingVerdict::Inconclusive, message)
    })
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
        RuleVerdict::Inconclusive => FindingVerdict::Inconclusive,
    };
    let name = format!("rate limit: {}", rule.name.asserted());
    let message = format!("rate limit, {}: {}", rule.name.name(), rule.evidence);
    Finding::new(About::Limiter(rule.name), name, verdict, message)
}
