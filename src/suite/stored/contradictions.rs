//! Whether the figures of a stored run can all be true of one run.
//!
//! What is asked here holds of every recording that load-gate made, of whatever
//! version, of checkpoints and of merged shards: sums that are counted twice, parts
//! that can't be more than their whole, and what the plan allows.

use std::collections::BTreeSet;

use super::super::{ScenarioReport, SuiteReport};
use super::place::{Found, LONGEST, MOST, Place};
use super::{own, planned, promised, quoted};
use crate::admission::Admitted;
use crate::ids::{Name, Traffic};
use crate::measure::{Ledger, Recording, Resource, Setups, Slice, Timeline, Trend};
use crate::outcome::{Outcome, OutcomeCounts};
use crate::plan::{LONGEST_NAME, MOST_SHARDS, Plan};
use crate::tags::TagKey;
use crate::units::{Nanos, count};

/// The most bins of a timeline that any version kept.
const MOST_BINS: usize = 3600;
/// The most runs that are put together to one.
const MOST_RUNS: usize = MOST_SHARDS as usize;
/// The most checks: each is a bit of a sample's.
const MOST_CHECKS: usize = u32::BITS as usize;
/// The most resources of a service.
const MOST_RESOURCES: usize = 100;

/// The first contradiction of `report`.
pub(super) fn look(report: &SuiteReport) -> Found {
    let root = Place::root();
    names(&root, report)?;
    asked(&root.at("asked"), report)?;
    let mut seen = BTreeSet::new();
    for (index, scenario) in report.scenarios.iter().enumerate() {
        let here = root.at("scenarios").item(index);
        let id = scenario.plan.scenario;
        here.must(seen.insert(id), || format!("there are two reports of {id}"))?;
        let same = scenario.recording.scenario == id && scenario.verdict.scenario == id;
        here.must(same, || format!("plan, recording and verdict are not all of {id}"))?;
        planned::look(&here.at("plan"), &scenario.plan)?;
        let here = here.at("recording");
        self::scenario(&here, scenario)?;
        own::look(&here, &scenario.recording)?;
        quoted::look(&here, report, scenario)?;
        promised::look(&here, report, scenario)?;
    }
    Ok(())
}

/// Names that stand at every series and on every page are as short as they may be made.
fn names(here: &Place, report: &SuiteReport) -> Found {
    let of_shard = report.shard.as_ref();
    let own = [
        ("profile", report.profile.as_str()),
        ("environment.name", &report.environment.name),
        ("tool_version", &report.tool_version),
        ("tool_commit", report.tool_commit.as_deref().unwrap_or_default()),
        ("shard.run", of_shard.map_or("", |part| &part.run)),
        ("shard.plan", of_shard.map_or("", |part| &part.plan)),
    ];
    let runs = report.run_id.split('+').map(|run| ("run_id", run));
    for (place, name) in own.into_iter().chain(runs) {
        let short = name.len() <= LONGEST_NAME;
        here.at(place).must(short, || format!("no name has {} bytes", count(name.len() as u64)))?;
    }
    let runs = report.run_id.split('+').count();
    here.at("run_id").must(runs <= MOST_RUNS, || "these are too many runs".to_owned())?;
    let scenarios = here.at("scenarios");
    for (index, scenario) in report.scenarios.iter().enumerate() {
        let short = scenario.plan.profile.len() <= LONGEST_NAME;
        let here = scenarios.item(index).at("plan").at("profile");
        here.must(short, || "no profile's name is that long".to_owned())?;
    }
    Ok(())
}

/// Of what was to run each is named once, and nothing else ran.
fn asked(here: &Place, report: &SuiteReport) -> Found {
    let mut asked = BTreeSet::new();
    here.must(report.asked.iter().all(|id| asked.insert(*id)), || "one is there twice".to_owned())?;
    let ran = report.scenarios.iter().map(|scenario| scenario.plan.scenario);
    let stray = ran.into_iter().find(|id| !asked.is_empty() && !asked.contains(id));
    here.must(stray.is_none(), || "something ran that was not to".to_owned())
}

fn scenario(here: &Place, report: &ScenarioReport) -> Found {
    let (recording, plan) = (&report.recording, &report.plan);
    slices(&here.at("slices"), recording)?;
    sent(here, recording)?;
    statuses(&here.at("statuses"), recording, plan)?;
    checks(&here.at("checks"), recording)?;
    refusals(&here.at("refusals"), recording)?;
    beside(here, recording)?;
    timeline(&here.at("timeline"), recording)?;
    resources(&here.at("resources"), recording)?;
    ledgers(&here.at("ledgers"), recording)
}

/// What was counted of all, and of parts of it.
fn slices(here: &Place, recording: &Recording) -> Found {
    let whole = recording.total();
    for (selector, slice) in &recording.slices {
        let here = here.keyed(&selector.to_string());
        self::slice(&here, slice)?;
        let parts = [
            (slice.requests, whole.requests, "requests"),
            (slice.rate_limit_hits, whole.rate_limit_hits, "refusals"),
            (slice.bytes_sent, whole.bytes_sent, "bytes sent"),
            (slice.bytes_received, whole.bytes_received, "bytes received"),
            (slice.failed, whole.failed, "failures"),
            (slice.checks_passed, whole.checks_passed, "checks passed"),
            (slice.checks_failed, whole.checks_failed, "checks failed"),
            (slice.items, whole.items, "items"),
        ];
        for (part, all, what) in parts {
            here.must(all <= 1 << 62, || format!("nobody counts {all} {what}"))?;
            here.within(what, part, "in all", all)?;
        }
        spans(&here, slice, whole)?;
        let own = selector.get(TagKey::Outcome).and_then(Outcome::parse);
        // With no other demand it is all of that outcome.
        let alone = selector.iter().count() == 1;
        for (outcome, n) in slice.outcomes.iter() {
            let all = whole.outcomes.get(outcome);
            here.within(outcome.name(), n, "in all", all)?;
            match own {
                Some(own) if own != outcome => here.equal(outcome.name(), n, "belong here", 0)?,
                Some(_) if alone => here.equal(outcome.name(), n, "in all", all)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Spans of a part are among those of the whole.
fn spans(here: &Place, part: &Slice, whole: &Slice) -> Found {
    for (name, part, whole) in [
        ("response_time", &part.response_time, &whole.response_time),
        ("service_time", &part.service_time, &whole.service_time),
        ("waiting", &part.waiting, &whole.waiting),
        ("lag", &part.lag, &whole.lag),
        ("held", &part.held, &whole.held),
    ] {
        let least = part.min().zip(whole.min()).is_none_or(|(part, all)| part >= all);
        let among = least && part.max() <= whole.max() && part.total() <= whole.total();
        here.at(name).must(among, || "they aren't among those of all".to_owned())?;
    }
    Ok(())
}

/// Counts and histograms of one slice.
fn slice(here: &Place, slice: &Slice) -> Found {
    let outcomes = &slice.outcomes;
    let all = outcomes.iter().fold(0_u64, |sum, (_, n)| sum.saturating_add(n));
    here.at("outcomes").must(all <= MOST, || "nobody counts that many".to_owned())?;
    let answered = answered(outcomes);
    for (name, trend) in [
        ("response_time", &slice.response_time),
        ("service_time", &slice.service_time),
        ("waiting", &slice.waiting),
    ] {
        here.at(name).equal("spans", trend.count(), "answers", answered)?;
    }
    // Not kept before 1.1.0.
    let later = [
        ("receiving", &slice.receiving),
        ("phases.blocked", &slice.phases.blocked),
        ("phases.connecting", &slice.phases.connecting),
        ("phases.tls", &slice.phases.tls),
        ("phases.sending", &slice.phases.sending),
        ("held", &slice.held),
    ];
    for (name, trend) in later.into_iter().filter(|(_, trend)| !trend.is_empty()) {
        here.at(name).equal("spans", trend.count(), "answers", answered)?;
    }
    here.at("lag").equal("spans", slice.lag.count(), "arrivals sent", outcomes.sent())?;
    let mean = |trend: &Trend| trend.mean().unwrap_or(0.0);
    // Due, then sent, then done: a nanosecond for rounding.
    let longer = mean(&slice.response_time) + 1.0 >= mean(&slice.service_time);
    here.at("response_time").must(longer, || "shorter than the service time".to_owned())?;
    here.within("arrivals sent", outcomes.sent(), "requests", slice.requests)?;
    here.at("items").must(slice.items <= MOST, || "nobody counts that many".to_owned())?;
    here.at("failed").within("failures", slice.failed, "arrivals sent", outcomes.sent())
}

fn answered(outcomes: &OutcomeCounts) -> u64 {
    outcomes.iter().filter(|(outcome, _)| outcome.is_answered()).map(|(_, n)| n).sum()
}

/// What was sent, as it is counted here and there.
fn sent(here: &Place, recording: &Recording) -> Found {
    let (whole, generator) = (recording.total(), &recording.generator);
    let sent = whole.outcomes.sent();
    let figures = [
        generator.planned,
        generator.sent,
        generator.dropped,
        generator.given_up,
        generator.max_in_flight,
    ];
    let place = here.at("generator");
    place.must(figures.iter().all(|n| *n <= MOST), || "nobody counts that many".to_owned())?;
    place.equal("sent", generator.sent, "ends of arrivals", sent)?;
    let dropped = whole.outcomes.get(Outcome::Dropped);
    place.equal("dropped", generator.dropped, "ends of that kind", dropped)?;
    let held = generator.lag_hold.count();
    place.at("lag_hold").within("spans", held, "arrivals sent", sent)?;
    let setups = &recording.setups;
    let figures = [setups.sent, setups.failed, setups.lost];
    let fits = figures.iter().all(|n| *n <= MOST) && setups.failed <= setups.sent;
    let short = |text: &str| text.len() <= 2000;
    let told = setups.unusable.len() <= Setups::MOST
        && setups.unusable.iter().all(|one| short(&one.who) && short(&one.why));
    here.at("setups").must(fits && told, || "nobody counts so".to_owned())?;
    let requests = here.at("requests");
    let fits = recording.requests.values().all(|n| *n <= MOST);
    requests.must(fits, || "nobody counts that many".to_owned())?;
    let arrivals = recording.requests.get(&Traffic::Arrival).copied().unwrap_or(0);
    requests.equal("arrivals", arrivals, "ends and given up", sent + generator.given_up)?;
    let all: u64 = recording.requests.values().sum();
    requests.equal("requests", all, "in all", whole.requests)
}

/// Statuses against outcomes.
fn statuses(here: &Place, recording: &Recording, plan: &Plan) -> Found {
    let outcomes = &recording.total().outcomes;
    let fits = recording.statuses.values().all(|n| *n <= MOST);
    here.must(fits, || "nobody counts that many".to_owned())?;
    let exist = recording.statuses.keys().all(|status| matches!(status, 0 | 100..=999));
    here.must(exist, || "there is no such status".to_owned())?;
    let of = |wanted: &dyn Fn(u16) -> bool| -> u64 {
        recording.statuses.iter().filter(|(status, _)| wanted(**status)).map(|(_, n)| n).sum()
    };
    here.equal("answers with a status", of(&|s| s != 0), "answered", answered(outcomes))?;
    let none = outcomes.sent() - answered(outcomes);
    here.equal("without one", of(&|s| s == 0), "unanswered", none)?;
    for outcome in Outcome::ALL.iter().copied().filter(|outcome| outcome.is_answered()) {
        let most = of(&|status| quoted::ends_so(outcome, status, plan));
        here.within(outcome.name(), outcomes.get(outcome), "answers of such statuses", most)?;
    }
    Ok(())
}

/// Checks against what was sent: an accepted answer fails none, a broken contract one.
fn checks(here: &Place, recording: &Recording) -> Found {
    here.must(recording.checks.len() <= MOST_CHECKS, || "too many".to_owned())?;
    let whole = recording.total();
    let (sent, accepted) = (whole.outcomes.sent(), whole.outcomes.get(Outcome::Accepted));
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for (index, check) in recording.checks.iter().enumerate() {
        let here = here.item(index);
        let fits = check.passes <= MOST && check.fails <= MOST;
        here.must(fits, || "nobody counts that many".to_owned())?;
        here.within("looks", check.passes + check.fails, "arrivals sent", sent)?;
        here.within("failures", check.fails, "not accepted", sent - accepted)?;
        passed += check.passes;
        failed += check.fails;
    }
    here.equal("passed", passed, "in all", whole.checks_passed)?;
    here.equal("failed", failed, "in all", whole.checks_failed)?;
    here.within("broken contracts", whole.outcomes.get(Outcome::Contract), "checks failed", failed)
}

/// What refusals said of themselves against what was refused, there and by the ledgers.
fn refusals(here: &Place, recording: &Recording) -> Found {
    let (refusals, whole) = (&recording.refusals, recording.total());
    here.equal("refusals", refusals.refused, "rate-limit hits", whole.rate_limit_hits)?;
    for part in [refusals.json, refusals.retry_after, refusals.limit_headers] {
        here.within("of that kind", part, "refusals", refusals.refused)?;
    }
    let ledgers = recording.ledgers.iter();
    let known = ledgers.fold(0_u64, |sum, ledger| sum.saturating_add(ledger.refused));
    here.within("refusals on record", known, "rate-limit hits", whole.rate_limit_hits)?;
    let limited = whole.outcomes.get(Outcome::RateLimited);
    here.within("arrivals refused", limited, "refusals", whole.rate_limit_hits)
}

/// What was sent beside the load, and connections.
fn beside(here: &Place, recording: &Recording) -> Found {
    for (index, probe) in recording.probes.iter().enumerate() {
        let here = here.at("probes").item(index);
        let ends = [probe.held, probe.breached, probe.neither, probe.other];
        let fits = probe.sent <= MOST && ends.iter().all(|n| *n <= MOST);
        here.must(fits, || "nobody counts that many".to_owned())?;
        here.equal("ends", ends.iter().sum(), "sent", probe.sent)?;
    }
    let lines = &recording.connections;
    let place = here.at("connections");
    let figures = [lines.opened, lines.failed, lines.closed, lines.unsolicited, lines.resent];
    place.must(figures.iter().all(|n| *n <= MOST), || "nobody counts that many".to_owned())?;
    place.within("ahead", lines.ahead, "opened", lines.opened)?;
    place.at("connect").within("spans", lines.connect.count(), "opened", lines.opened)?;
    place.at("tls").within("spans", lines.tls.count(), "opened", lines.opened)
}

/// The run by the second against the whole.
fn timeline(here: &Place, recording: &Recording) -> Found {
    let Timeline { width, bins } = &recording.timeline;
    here.must(width.is_power_of_two(), || "its bins have no width".to_owned())?;
    here.must(bins.len() <= MOST_BINS, || format!("it has more than {MOST_BINS} bins"))?;
    let (mut sent, mut all) = (0_u64, OutcomeCounts::default());
    for (index, bin) in bins.iter().enumerate() {
        let here = here.at("bins").item(index);
        let total = bin.outcomes.iter().fold(0_u64, |sum, (_, n)| sum.saturating_add(n));
        here.equal("ends", total, "due", bin.due.into())?;
        let accepted = bin.response.total();
        let wanted = bin.outcomes.get(Outcome::Accepted);
        here.equal("response times", accepted, "accepted", wanted)?;
        sent += u64::from(bin.sent);
        all.merge(&bin.outcomes);
    }
    here.equal("sent", sent, "in all", recording.generator.sent)?;
    for (outcome, n) in recording.total().outcomes.iter() {
        here.equal(outcome.name(), all.get(outcome), "in all", n)?;
    }
    Ok(())
}

/// What the service's monitoring said: nothing of it can be checked against the load.
fn resources(here: &Place, recording: &Recording) -> Found {
    here.must(recording.resources.len() <= MOST_RESOURCES, || "too many".to_owned())?;
    let mut seen = BTreeSet::new();
    for (index, resource) in recording.resources.iter().enumerate() {
        let here = here.item(index);
        let (name, values) = (&resource.name, &resource.values);
        let possible = !name.is_empty() && name.len() <= Name::LONGEST && seen.insert(name);
        here.must(possible, || "it has no name of its own".to_owned())?;
        let fits = values.len() <= Resource::MOST && resource.step >= Nanos::from_secs(1);
        here.must(fits && resource.step <= LONGEST, || "nobody asks like that".to_owned())?;
        let whole = resource.missing.is_none() || resource.count() == 0;
        here.must(whole, || "it is missing and there".to_owned())?;
    }
    Ok(())
}

/// Ledgers against what was sent, and their entries against their own counts.
fn ledgers(here: &Place, recording: &Recording) -> Found {
    let mut all = 0_u64;
    for (index, ledger) in recording.ledgers.iter().enumerate() {
        let here = here.item(index);
        let counts = [ledger.admitted, ledger.refused, ledger.unknown, ledger.failed];
        here.must(counts.iter().all(|n| *n <= MOST), || "nobody counts that many".to_owned())?;
        let entries = |wanted: fn(Admitted) -> bool| {
            ledger.entries.iter().filter(|entry| wanted(entry.admitted)).count() as u64
        };
        let (yes, no) = (entries(|a| a == Admitted::Yes), entries(|a| a == Admitted::No));
        let unknown = ledger.entries.len() as u64 - yes - no;
        let Ledger { admitted, refused, full_at, .. } = ledger;
        here.within("entries", yes, "admitted", *admitted)?;
        here.within("entries", no, "refused", *refused)?;
        here.within("entries", unknown, "unknown", ledger.unknown)?;
        if full_at.is_none() {
            // Of refusals those between the first and the last are left out.
            here.equal("admitted", *admitted, "entries", yes)?;
            here.equal("unknown", ledger.unknown, "entries", unknown)?;
        } else {
            let counted = counts[..3].iter().sum::<u64>();
            let missing = (ledger.entries.len() as u64) < counted;
            here.at("full_at").must(missing, || "every request has its entry".to_owned())?;
        }
        all = all.saturating_add(counts[..3].iter().sum());
    }
    let requests: u64 = recording.requests.values().sum();
    here.within("requests", all, "in all", requests)?;
    // Probes may belong to nobody, arrivals never.
    let arrivals = recording.requests.get(&Traffic::Arrival).copied().unwrap_or(0);
    here.within("arrivals", arrivals, "requests on record", all)
}
