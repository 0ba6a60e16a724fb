//! Holds a limiter to what is declared of it, rule by rule, on the evidence of ledgers.
//!
//! Every accusation is certain under the stated tolerance: it holds wherever
//! within its request each decision fell, for any phase and for every kind of
//! limiter. See [`super::excess`] for over-admission; under-admission rests on
//! one fact: whatever its kind, a correct limiter refuses only when it has
//! admitted the limit within the last window.

use super::evidence;
use super::excess::{self, Bounds, Excess};
use super::excuse::{Excuse, excuse};
use super::leak::leak;
use super::others::{Beside, Others, together};
use super::party::{LedgerView, Party};
use super::second;
use super::trace::{Trace, before};
use super::{Inference, RuleName, RuleResult, RuleVerdict};
use crate::admission::{Admission, DeclaredLimit, RefusalCounts};

/// From this multiple of the declared limit on an inferred limit counts as
/// over-admission by itself.
const CLEARLY_MORE: f64 = 1.1;

/// What is known beside the ledgers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The limits that are declared beside the first.
    pub beside: &'a [Beside],
    /// What refusals said of themselves.
    pub refusals: RefusalCounts,
    /// Whether a refused address was let in under another name; `None`: not tried.
    pub spoofed: Option<bool>,
    /// The status by which it refused, where that isn't the declared one.
    pub disguise: Option<u16>,
}

/// Every rule of the declared limit, judged, in the order reports show them.
#[must_use]
pub fn judge(
    declared: &DeclaredLimit,
    ledgers: &[LedgerView<'_>],
    facts: &Facts<'_>,
    inference: &Inference,
) -> Vec<RuleResult> {
    let bounds = Bounds::of(declared);
    let others = Others::new(facts.beside, ledgers);
    let party = |(index, ledger)| {
        Party::beside(ledger, &bounds, &|refusal| others.may_have_refused(index, refusal))
    };
    let parties: Vec<Party<'_>> = ledgers.iter().enumerate().map(party).collect();
    let mut rules = vec![
        engages(declared, &bounds, &parties),
        holds(declared, &bounds, &parties, inference),
        lets_through(declared, &bounds, &parties),
        recovers(declared, &parties),
    ];
    let accused = rules.iter().any(|rule| rule.verdict == RuleVerdict::Fail)
        && parties.iter().any(|party| !party.trace.refused.is_empty());
    let lied = parties.iter().any(|party| party.refusals.broken_promise.is_some());
    let excuse = (accused || lied).then(|| excuse(declared, &bounds, &parties)).flatten();
    if let Some(excuse) = excuse {
        for rule in &mut rules {
            spare(rule, excuse, declared);
        }
    }
    if rules[1].verdict != RuleVerdict::Fail
        && let Some(broken) = facts.beside.iter().find_map(|other| over(other, ledgers, inference))
    {
        rules[1] = broken;
    }
    rules.push(match facts.disguise {
        Some(status) => rule(
            RuleName::SaysSo,
            RuleVerdict::Fail,
            evidence::disguised(declared, status, &parties),
        ),
        None => says_so(declared, &bounds, &facts.refusals, &parties, excuse),
    });
    rules.push(not_spoofable(declared, facts.spoofed));
    rules
}

/// *Holds* of a limit beside the first, where it is broken.
fn over(other: &Beside, ledgers: &[LedgerView<'_>], inference: &Inference) -> Option<RuleResult> {
    let bounds = Bounds::of(&other.declared);
    let all: Vec<Admission>;
    let merged: [LedgerView<'_>; 1];
    let views = if other.together && ledgers.len() > 1 {
        all = together(ledgers);
        let every_until = ledgers.iter().map(|ledger| ledger.every_until).min()?;
        let apart = ledgers.iter().map(|ledger| ledger.apart_from_others).max()?;
        merged = [LedgerView {
            label: "all together",
            set_aside: false,
            entries: &all,
            every_until,
            clocks_apart: apart,
            apart_from_others: apart,
        }];
        &merged[..]
    } else {
        ledgers
    };
    views.iter().find_map(|view| {
        let party = Party::new(view, &bounds);
        let excess = over_admission(&party, &bounds)?;
        let kind = inference.algorithm;
        let text = evidence::leaked(&other.declared, &party, &excess, kind, None);
        Some(rule(RuleName::Holds, RuleVerdict::Fail, text))
    })
}

/// Takes back an accusation that only an exact counter deserves: a note is left of it.
fn spare(rule: &mut RuleResult, excuse: Excuse, declared: &DeclaredLimit) {
    if rule.verdict != RuleVerdict::Fail {
        return;
    }
    let may_be_stuck = excuse.or_stuck && rule.name == RuleName::Recovers;
    rule.verdict = if may_be_stuck { RuleVerdict::Inconclusive } else { RuleVerdict::Info };
    rule.evidence = evidence::excused(declared, excuse, may_be_stuck, &rule.evidence);
}

fn rule(name: RuleName, verdict: RuleVerdict, evidence: String) -> RuleResult {
    RuleResult { name, verdict, evidence }
}

/// Refuses once the limit is reached.
fn engages(declared: &DeclaredLimit, bounds: &Bounds, parties: &[Party<'_>]) -> RuleResult {
    let name = RuleName::Engages;
    let refused = |party: &&Party<'_>| !party.trace.refused.is_empty();
    if let Some(party) = parties.iter().find(refused) {
        return rule(name, RuleVerdict::Pass, evidence::engaged(party));
    }
    let busiest = parties
        .iter()
        .map(|party| {
            let trace = &party.trace;
            (party, most_within(&trace.sent, &trace.done, trace.first, bounds))
        })
        .max_by_key(|(_, (most, _))| *most);
    match busiest {
        Some((party, (most, from))) if most > bounds.hopeless() => {
            rule(name, RuleVerdict::Fail, evidence::absent(declared, party, most, from))
        }
        found => {
            let most = found.map_or(0, |(_, (most, _))| most);
            rule(name, RuleVerdict::NotExercised, evidence::not_reached(declared, most))
        }
    }
}

/// The most requests that were certainly decided within any span below a window,
/// and from when; `first`: when there are none.
fn most_within(sent: &[f64], done: &[f64], first: f64, bounds: &Bounds) -> (usize, f64) {
    let length = bounds.window - bounds.slack;
    let mut end = 0;
    let mut most = (0, first);
    for (i, from) in sent.iter().enumerate() {
        while done.get(end).is_some_and(|done| *done < from + length) {
            end += 1;
        }
        if end.saturating_sub(i) > most.0 {
            most = (end - i, *from);
        }
    }
    most
}

/// Never admits more than the declared limit.
fn holds(
    declared: &DeclaredLimit,
    bounds: &Bounds,
    parties: &[Party<'_>],
    inference: &Inference,
) -> RuleResult {
    let name = RuleName::Holds;
    if parties.iter().all(|party| party.trace.refused.is_empty()) {
        let most = parties.iter().map(|party| party.trace.admitted()).max().unwrap_or(0);
        return rule(name, RuleVerdict::NotExercised, evidence::no_refusal(declared, most));
    }
    // One that also refuses below the limit isn't a limiter of a higher one.
    let strict = parties.iter().any(|party| party.refusals.accuse());
    let clearly_more = |low: f64| low >= CLEARLY_MORE * bounds.limit as f64;
    let multiple = inference
        .limit
        .filter(|_| inference.window_s.is_some() && !bounds.bucket && !strict)
        .filter(|limit| clearly_more(limit.low))
        .map(|limit| limit.value / bounds.limit as f64);
    for party in parties {
        if let Some(excess) = over_admission(party, bounds) {
            let multiple = multiple.or_else(|| first_window(&party.trace, bounds));
            let text = evidence::leaked(declared, party, &excess, inference.algorithm, multiple);
            return rule(name, RuleVerdict::Fail, text);
        }
    }
    if let Some(multiple) = multiple {
        return rule(name, RuleVerdict::Fail, evidence::too_high(declared, multiple, parties));
    }
    rule(name, RuleVerdict::Pass, evidence::held(declared, bounds, parties, inference))
}

/// How many times the limit the first window admitted, where that was clearly
/// more than the limit before anything was refused.
fn first_window(trace: &Trace, bounds: &Bounds) -> Option<f64> {
    let refused = trace.refused.first()?;
    let at_once = before(&trace.done, refused.sent);
    let all = before(&trace.done, trace.first + bounds.window - bounds.slack).max(at_once);
    let limit = bounds.limit as f64;
    // A bucket goes on filling meanwhile.
    let refilled = (refused.sent - trace.first) / bounds.window;
    (!bounds.bucket && at_once as f64 >= CLEARLY_MORE * limit * (1.0 + refilled))
        .then_some(all as f64 / limit)
}

/// Admissions that no correct limiter of any kind allows.
pub(super) fn over_admission(party: &Party<'_>, bounds: &Bounds) -> Option<Excess> {
    if bounds.bucket {
        return excess::of_bucket(&party.own, bounds);
    }
    of_any_kind(party, bounds).or_else(|| leak(&party.trace, bounds))
}

/// More than each kind by itself allows.
fn of_any_kind(party: &Party<'_>, bounds: &Bounds) -> Option<Excess> {
    let trace = &party.own;
    let sliding = excess::of_sliding(trace, bounds)?;
    let fixed = excess::of_fixed(trace, bounds)?;
    let found = |excess| Some(excess);
    if let Some(bucket) = excess::of_bucket(trace, bounds) {
        // The shortest story is the easiest to check.
        let all = [sliding, fixed, bucket];
        return found(all.into_iter().min_by(|a, b| (a.to - a.from).total_cmp(&(b.to - b.from)))?);
    }
    // A bucket might have admitted that many; but one that refuses when it has
    // tokens is none. Not where the limiter is too strict anyway, or where
    // requests ended unknown.
    let strict = party.refusals.early.is_some() || party.refusals.going_on.is_some();
    let none = !strict
        && !trace.unknown
        && excess::shortages_of_bucket(trace, bounds, party.fresh).contains(&true);
    if none { found(fixed) } else { None }
}

/// Does not refuse below the limit.
fn lets_through(declared: &DeclaredLimit, bounds: &Bounds, parties: &[Party<'_>]) -> RuleResult {
    let name = RuleName::LetsThrough;
    if parties.iter().all(|party| party.trace.refused.is_empty()) {
        let text = evidence::never_refused(parties);
        // Who let nobody through has shown nothing.
        let admitted = parties.iter().any(|party| party.trace.admitted() > 0);
        let verdict = if admitted { RuleVerdict::Pass } else { RuleVerdict::NotExercised };
        return rule(name, verdict, text);
    }
    let early = |party: &'_ Party<'_>| party.refusals.early;
    match parties.iter().find_map(|party| early(party).map(|found| (party, found))) {
        Some((party, (refusal, before))) => {
            let mut text = evidence::too_strict(declared, party, &refusal, before);
            if let Some(second) = second::suspected(parties, bounds) {
                text.push_str("; ");
                text.push_str(&second);
            }
            rule(name, RuleVerdict::Fail, text)
        }
        None => rule(name, RuleVerdict::Pass, evidence::let_through(declared, parties)),
    }
}

/// Admits again after the window.
fn recovers(declared: &DeclaredLimit, parties: &[Party<'_>]) -> RuleResult {
    let name = RuleName::Recovers;
    let too_strict = parties.iter().any(|party| party.refusals.early.is_some());
    for party in parties {
        let going_on = party.refusals.going_on.filter(|_| !too_strict).map(|found| found.0);
        if let Some(refusal) = party.refusals.stuck.or(going_on) {
            let text = evidence::stuck(declared, party, &refusal);
            return rule(name, RuleVerdict::Fail, text);
        }
    }
    let recovered = |party: &&Party<'_>| party.refusals.recovered.is_some();
    match parties.iter().find(recovered) {
        Some(party) => rule(name, RuleVerdict::Pass, evidence::recovered(party)),
        None if parties.iter().any(|party| !party.trace.refused.is_empty()) => {
            rule(name, RuleVerdict::NotExercised, evidence::ended_first(declared))
        }
        None => rule(name, RuleVerdict::NotExercised, evidence::nothing_refused()),
    }
}

/// Says what it does: status, JSON, headers, and a `Retry-After` that is true: where
/// refusals prolong the wait, of one who sends nothing meanwhile.
fn says_so(
    declared: &DeclaredLimit,
    bounds: &Bounds,
    refusals: &RefusalCounts,
    parties: &[Party<'_>],
    excuse: Option<Excuse>,
) -> RuleResult {
    let name = RuleName::SaysSo;
    if refusals.refused == 0 {
        return match parties.iter().find_map(|party| mute(declared, party, bounds)) {
            Some(text) => rule(name, RuleVerdict::Fail, text),
            None => rule(name, RuleVerdict::NotExercised, evidence::nothing_refused()),
        };
    }
    let lie =
        parties.iter().find_map(|party| party.refusals.broken_promise.map(|lie| (party, lie)));
    let prolonged = excuse.map(|excuse| excuse.kind).filter(|kind| kind.counts_refusals());
    let faults = evidence::silent(declared, refusals, lie.filter(|_| prolonged.is_none()));
    if let (true, Some(kind), Some(_)) = (faults.is_empty(), prolonged, lie) {
        rule(name, RuleVerdict::Info, evidence::prolonged(kind))
    } else if faults.is_empty() {
        let tried = parties.iter().map(|party| party.refusals.promises_tried).sum();
        rule(name, RuleVerdict::Pass, evidence::spoke(declared, refusals, tried))
    } else {
        rule(name, RuleVerdict::Fail, faults.join("; "))
    }
}

/// An identity that sent far more than the limit and met errors instead of a 429.
fn mute(declared: &DeclaredLimit, party: &Party<'_>, bounds: &Bounds) -> Option<String> {
    let trace = &party.trace;
    let (sent, from) = most_within(&trace.may_sent, &trace.may_done, trace.first, bounds);
    let failed = trace.may_sent.len().saturating_sub(trace.admitted());
    (trace.unknown && sent > bounds.hopeless() && failed > bounds.limit)
        .then(|| evidence::mute(declared, party, bounds, sent, from, failed))
}

/// Can't be walked round by naming another address.
fn not_spoofable(declared: &DeclaredLimit, spoofed: Option<bool>) -> RuleResult {
    let verdict = match (spoofed, declared.spoofable) {
        (None, _) => RuleVerdict::NotExercised,
        (Some(true), Some(false)) => RuleVerdict::Fail,
        (Some(false), Some(false)) => RuleVerdict::Pass,
        (Some(_), _) => RuleVerdict::Info,
    };
    rule(RuleName::NotSpoofable, verdict, evidence::spoofing(declared, spoofed))
}
