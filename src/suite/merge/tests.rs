//! Shards of a run, merged: the whole is what one machine would have measured.

mod clocks;
mod machines;

use proptest::prelude::*;

use super::*;
use crate::admission::{Admitted, DeclaredLimit, Scope};
use crate::gate::{FindingVerdict, VerdictKind};
use crate::ids::IdentityId;
use crate::measure::{Ended, Recording};
use crate::plan::Plan;
use crate::plan::{IdentityKind, Schedule, Shard, Stage};
use crate::suite::{SuiteReport, read_suite};
use crate::units::Nanos;
use machines::{
    BEFORE_LOAD, built, comparable, header, held_against, json, measured, merged, plan_of, report,
    shard,
};

proptest! {
    // A case makes up to 65 recorders with all their histograms.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn merging_shards_of_a_deterministic_target_gives_the_unsharded_recording(
        stages in prop::collection::vec((0_u64..4_000, 0_u32..600), 1..5),
        seed: u64,
        name in prop::sample::select(vec!["onboarding", "credential-vending", "webhook"]),
        kind in prop::sample::select(vec![IdentityKind::Key, IdentityKind::Global]),
        keys in 1_u32..70,
        machines in 2_u32..=64,
    ) {
        let stage = |(millis, tenths)| Stage {
            duration: Nanos::from_millis(millis),
            target: f64::from(tenths) / 10.0,
        };
        let mut plan = plan_of(name, stages.into_iter().map(stage).collect());
        plan.identities.kind = kind;
        plan.identities.count = if kind == IdentityKind::Key { keys } else { 1 };
        let scenario = built(&plan, seed);
        let one = measured(&plan, Shard::ALONE, &scenario, seed);
        let shards: Vec<SuiteReport> = (1..=machines)
            .map(|index| {
                let shard = shard(index, machines);
                report(&plan, shard, measured(&plan, shard, &scenario, seed))
            })
            .collect();
        for shard in [&shards[0], &shards[shards.len() - 1]] {
            let read = read_suite(&json(shard));
            prop_assert!(read.is_ok(), "{:?}", read.map(drop));
        }
        let whole = merged(&shards, 0).expect("shards of one run");
        // Whoever reads what was merged judges it alike.
        let read = read_suite(&json(&whole));
        prop_assert!(read.is_ok(), "{:?}", read.map(drop));
        let read = read.expect("was read").judged_anew(None);
        prop_assert_eq!((read.verdict, &read.headline), (whole.verdict, &whole.headline));
        prop_assert!(read.caveats.is_empty(), "{:?}", read.caveats);
        let rows = &whole.scenarios[0].recording.shards.as_ref().expect("of several").rows;
        prop_assert_eq!(rows.len(), machines as usize);
        prop_assert!(whole.shard.is_none());
        let mut whole = comparable(whole.scenarios[0].recording.clone());
        let mut one = comparable(one);
        // Keys that sent nothing aren't in a ledger; numbers go by what there is.
        for recording in [&mut whole, &mut one] {
            recording.ledgers.iter_mut().for_each(|ledger| ledger.identity = IdentityId(0));
            recording.ledgers.sort_by(|a, b| a.label.cmp(&b.label));
        }
        let parts = |r: &Recording| {
            (r.stages.clone(), r.generator.planned, r.generator.sent, r.total().outcomes)
        };
        prop_assert_eq!(parts(&whole), parts(&one));
        prop_assert!(whole.slices == one.slices, "histograms differ");
        prop_assert!(whole.timeline == one.timeline, "seconds differ");
        prop_assert_eq!(&whole.ledgers, &one.ledgers);
        prop_assert!(whole == one, "something else differs");
    }
}

/// Four shards of a run that passes, of webhooks that count as one.
fn four() -> (Plan, Vec<SuiteReport>) {
    let mut plan = plan_of(
        "webhook",
        vec![
            Stage { duration: Nanos::ZERO, target: 100.0 },
            Stage { duration: Nanos::from_secs(4), target: 100.0 },
        ],
    );
    plan.identities.kind = IdentityKind::Global;
    let limit = DeclaredLimit::of(1_000_000, Nanos::from_secs(60), Scope::Global);
    plan.criteria.limit = Some(DeclaredLimit { json: false, ..limit });
    let scenario = built(&plan, 7);
    let reports = (1..=4).map(|index| {
        let shard = shard(index, 4);
        let mut recording = measured(&plan, shard, &scenario, 7);
        // Nothing to accuse a limiter of.
        for ledger in &mut recording.ledgers {
            ledger.entries.clear();
            ledger.full_at = Some(Nanos::ZERO);
        }
        report(&plan, shard, recording)
    });
    let reports = reports.collect();
    (plan, reports)
}

fn finding(report: &SuiteReport, name: &str) -> (FindingVerdict, String) {
    let findings = &report.scenarios[0].verdict.findings;
    let found = findings.iter().find(|finding| finding.name == name);
    let found = found.unwrap_or_else(|| panic!("{name}: {findings:#?}"));
    (found.verdict, found.message.clone())
}

fn shards_there(report: &SuiteReport) -> (FindingVerdict, String) {
    finding(report, "every shard is there")
}

#[test]
fn a_whole_run_is_judged_as_one() {
    let (plan, mut reports) = four();
    // In whatever order they are given.
    reports.rotate_left(1);
    let whole = merged(&reports, 0).expect("shards of one run");
    assert_eq!(
        (whole.verdict, whole.headline.as_str()),
        (VerdictKind::Pass, "pass, 1 of 1 scenarios")
    );
    assert_eq!(shards_there(&whole), (FindingVerdict::Pass, "4 of 4 shards are there".to_owned()));
    let recording = &whole.scenarios[0].recording;
    assert_eq!(recording.generator.planned, 400);
    let planned = Schedule::new(&plan.stages).stages();
    assert!(
        recording.stages.iter().zip(&planned).all(|(own, planned)| own.target == planned.target)
    );
    assert_eq!(recording.stages[1].planned, 400);
    let numbers: Vec<u32> =
        recording.shards.iter().flat_map(|shards| &shards.rows).map(|row| row.shard).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn rows_that_are_not_the_whole_are_not_read() {
    type Change = fn(&mut crate::measure::Shards);
    let (_, reports) = four();
    let whole = merged(&reports, 0).expect("shards of one run");
    assert!(read_suite(&json(&whole)).is_ok());
    let changes: [(Change, &str); 3] = [
        (|shards| shards.rows[1].sent += 1, "shards.rows: 401 sent, but 400 in all"),
        (|shards| shards.rows[1].shard = 1, "shards.rows: they aren't each a shard's of the run"),
        (|shards| shards.of = 0, "shards: no run has that many"),
    ];
    for (change, why) in changes {
        let mut forged = whole.clone();
        change(forged.scenarios[0].recording.shards.as_mut().expect("of several"));
        let refused = read_suite(&json(&forged)).expect_err("contradicts itself").to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_shard_alone_is_never_green() {
    let (_, reports) = four();
    let (verdict, message) = shards_there(&reports[1]);
    assert_eq!(verdict, FindingVerdict::Inconclusive);
    assert_eq!(
        message,
        "1 of 4 shards are there: shard 1 is missing, shard 3 is missing, shard 4 is missing"
    );
    assert_eq!(reports[1].verdict, VerdictKind::Inconclusive);
}

#[test]
fn a_baseline_that_is_required_is_asked_of_the_whole() {
    let (_, mut reports) = four();
    for report in &mut reports {
        report.scenarios[0].plan.criteria.thresholds =
            crate::gate::parse_threshold("response_time", "p(95)<1.5*baseline")
                .into_iter()
                .collect();
    }
    let verdict = |baseline: Option<&SuiteReport>, required| {
        let whole = held_against(&reports, 0, baseline, required).expect("shards of one run");
        // Whoever reads what was merged judges it alike.
        assert_eq!(read_suite(&json(&whole)).expect("is read").verdict, whole.verdict);
        whole.verdict
    };
    assert_eq!(verdict(None, false), VerdictKind::Pass);
    assert_eq!(verdict(None, true), VerdictKind::Inconclusive);
    let before = merged(&reports, 0).expect("shards of one run");
    assert_eq!(verdict(Some(&before), true), VerdictKind::Pass);
}

#[test]
fn a_missing_shard_is_named_and_may_be_allowed() {
    let (_, mut reports) = four();
    reports.remove(2);
    let whole = merged(&reports, 0).expect("shards of one run");
    assert_eq!(whole.verdict, VerdictKind::Inconclusive);
    insta::assert_snapshot!(whole.headline, @"inconclusive: webhook: 3 of 4 shards are there: shard 3 is missing");
    let whole = merged(&reports, 1).expect("shards of one run");
    assert_eq!(whole.verdict, VerdictKind::Pass);
    insta::assert_snapshot!(whole.headline, @"pass, 1 of 1 scenarios, 3 of 4 shards are there: shard 3 is missing; allowed by --allow-missing 1");
}

#[test]
fn with_a_shard_missing_nothing_is_a_failure() {
    let (_, mut reports) = four();
    for report in &mut reports {
        report.scenarios[0].plan.criteria.thresholds =
            crate::gate::parse_threshold("success_rate", "rate>0.999").into_iter().collect();
    }
    let whole = merged(&reports, 0).expect("shards of one run");
    assert_eq!(whole.verdict, VerdictKind::Fail);
    reports.remove(0);
    let part = merged(&reports, 0).expect("shards of one run");
    assert_eq!(part.verdict, VerdictKind::Inconclusive);
    let part = merged(&reports, 1).expect("shards of one run");
    assert_eq!(part.verdict, VerdictKind::Fail, "who allows it judges what there is");
    let told = ", 3 of 4 shards are there: shard 1 is missing; allowed by --allow-missing 1";
    assert!(part.headline.ends_with(told), "{}", part.headline);
}

#[test]
fn whatever_is_no_shard_of_the_run_is_named() {
    type Change = fn(&mut SuiteReport);
    let changes: [(Change, &str); 8] = [
        (
            |r| r.tool_version = "1.0.0".to_owned(),
            "e was written by load-gate 1.0.0, the other shards by 1.1.0",
        ),
        (
            |r| r.tool_commit = Some("bbbb".to_owned()),
            "e was written by load-gate 1.1.0 of commit bbbb, the other shards by that of commit aaaa",
        ),
        (|r| r.shard = None, "e is no shard: it was run without --shard"),
        (
            |r| r.shard.as_mut().expect("a shard").plan = "f".to_owned(),
            "e is a shard of another run: plan f, not 0123456789abcdef",
        ),
        (
            |r| r.shard.as_mut().expect("a shard").start_at.unix_millis += 60_000,
            "e is a shard of another run: started at 2026-02-02 02:42:00 UTC, not 2026-02-02 02:41:00 UTC",
        ),
        (
            |r| r.shard.as_mut().expect("a shard").start_at.unix_millis += 900,
            "e is a shard of another run: started at 2026-02-02T02:41:00.900Z, not 2026-02-02T02:41:00.000Z",
        ),
        (
            |r| r.shard.as_mut().expect("a shard").shard = Shard::new(2, 5).expect("is one"),
            "e is a shard of another run: of shards 5, not 4",
        ),
        (|_| {}, "e is shard 2 once more (b is it, too)"),
    ];
    for (change, why) in changes {
        let (_, mut reports) = four();
        for report in &mut reports {
            report.tool_commit = Some("aaaa".to_owned());
        }
        let mut stranger = reports[1].clone();
        change(&mut stranger);
        reports.push(stranger);
        let whole = merged(&reports, 0).expect("shards of one run");
        assert_eq!(whole.verdict, VerdictKind::Inconclusive, "{why}");
        let (verdict, message) = finding(&whole, "everything merged is of this run");
        assert_eq!(verdict, FindingVerdict::Inconclusive);
        assert_eq!(message, format!("not merged: {why}"));
        assert_eq!(shards_there(&whole).0, FindingVerdict::Pass);
        assert_eq!(whole.scenarios[0].recording.generator.sent, 400, "nothing counts twice");
    }
}

#[test]
fn a_shard_that_was_run_otherwise_is_named_though_it_says_it_is_of_this_run() {
    type Change = fn(&mut SuiteReport);
    let changes: [(Change, &str); 3] = [
        (|r| r.seed = 8, "seed 8, not"),
        (|r| r.environment.url = "http://x".to_owned(), "URL http://x, not"),
        (|r| r.rate_scale = 9.0, "rate-scale 9, not"),
    ];
    for (change, why) in changes {
        let (_, mut reports) = four();
        change(&mut reports[1]);
        let whole = merged(&reports, 0).expect("shards of one run");
        assert_eq!(whole.verdict, VerdictKind::Inconclusive, "{why}");
        let message = finding(&whole, "everything merged is of this run").1;
        let wanted = format!("not merged: b contradicts the other shards: {why}");
        assert!(message.starts_with(&wanted), "{message}");
    }
}

#[test]
fn what_was_cut_short_is_named_and_not_counted() {
    let (_, mut reports) = four();
    reports[3].partial = true;
    reports[3].scenarios[0].recording.ended = Ended::Running;
    let interrupted = Ended::Interrupted { after: Nanos::from_secs(2) };
    reports[0].scenarios[0].recording.ended = interrupted;
    let whole = merged(&reports, 0).expect("shards of one run");
    insta::assert_snapshot!(whole.headline, @"inconclusive: webhook: 2 of 4 shards are there: shard 1 is cut short: interrupted after 2.00 s, shard 4 is partial: its run never ended");
    assert_eq!(whole.scenarios[0].recording.generator.sent, 200);
    let whole = merged(&reports, 2).expect("shards of one run");
    assert_eq!(whole.verdict, VerdictKind::Pass);
    // A checkpoint beside the shard that ended is one more of the same.
    let (_, mut reports) = four();
    let mut earlier = reports[2].clone();
    earlier.partial = true;
    reports.insert(0, earlier);
    let whole = merged(&reports, 0).expect("shards of one run");
    let (_, message) = finding(&whole, "everything merged is of this run");
    assert_eq!(message, "not merged: a is shard 3 once more (d is it, too)");
}

#[test]
fn where_all_were_interrupted_what_they_measured_is_shown() {
    let (_, mut reports) = four();
    for report in &mut reports {
        report.scenarios[0].recording.ended = Ended::Interrupted { after: Nanos::from_secs(2) };
    }
    let whole = merged(&reports, 0).expect("shards of one run");
    assert_eq!(whole.verdict, VerdictKind::Inconclusive);
    assert_eq!(whole.scenarios[0].recording.generator.sent, 400);
}

#[test]
fn where_every_shard_was_killed_what_there_is_is_shown_and_none_counts() {
    let (_, mut reports) = four();
    for report in &mut reports {
        report.partial = true;
        report.scenarios[0].recording.ended = Ended::Running;
    }
    for allowed in [0, 4] {
        let whole = merged(&reports[..3], allowed).expect("shards of one run");
        assert_eq!(whole.verdict, VerdictKind::Inconclusive);
        let (verdict, message) = shards_there(&whole);
        let killed = "shard 3 is partial: its run never ended, shard 4 is missing";
        assert!(message.starts_with("0 of 4 shards are there: shard 1 is partial"), "{message}");
        assert!(message.contains(killed), "{verdict:?} {message}");
        let read = read_suite(&json(&whole)).expect("is read");
        assert_eq!(read.verdict, VerdictKind::Inconclusive);
    }
}

#[test]
fn a_shard_that_starved_is_the_generators_fault() {
    let (_, mut reports) = four();
    // One arrival in a hundred dropped by one of four: a quarter of that of the whole.
    let recording = &mut reports[2].scenarios[0].recording;
    recording.generator.dropped = 1;
    recording.generator.sent = 99;
    recording.generator.late = Nanos::from_millis(350);
    for report in &mut reports {
        report.scenarios[0].plan.criteria.generator.max_dropped = 0.005;
    }
    let whole = merged(&reports, 0).expect("shards of one run");
    let (verdict, message) = finding(&whole, "every shard keeps to its part of the plan");
    assert_eq!(verdict, FindingVerdict::Inconclusive);
    insta::assert_snapshot!(message, @"the generator fell short: shard 3: it began 350 ms late, 1 of 100 arrivals were dropped (1.00 %)");
    assert_eq!(whole.verdict, VerdictKind::Inconclusive);
}

#[test]
fn a_global_limiter_isnt_accused_for_what_a_missing_shard_used() {
    let (mut plan, _) = four();
    plan.criteria.limit.as_mut().expect("declared").limit = 200;
    let scenario = built(&plan, 7);
    // A right limiter of 200 a minute for all four.
    let one = measured(&plan, Shard::ALONE, &scenario, 7);
    let last = one.ledgers[0].entries[199].done;
    let reports: Vec<SuiteReport> = (1..=4)
        .map(|index| {
            let shard = shard(index, 4);
            let mut recording = measured(&plan, shard, &scenario, 7);
            recording.clock_skew = Some(0.0);
            let ledger = &mut recording.ledgers[0];
            for entry in &mut ledger.entries {
                entry.admitted = if entry.done <= last { Admitted::Yes } else { Admitted::No };
            }
            report(&plan, shard, recording)
        })
        .collect();
    let rule =
        |report: &SuiteReport| finding(report, "rate limit: refuses nothing below the limit");
    let whole = merged(&reports, 0).expect("shards of one run");
    assert_eq!(rule(&whole).0, FindingVerdict::Pass, "{}", rule(&whole).1);
    let part = merged(&reports[1..], 1).expect("shards of one run");
    let (verdict, message) = rule(&part);
    assert_eq!(verdict, FindingVerdict::Skipped, "{message}");
    assert!(message.contains("shards are missing that used it too"), "{message}");
}

#[test]
fn clocks_that_are_off_are_put_on_the_one_of_most() {
    let (_, mut reports) = four();
    for (report, skew) in reports.iter_mut().zip([Some(0.2), Some(0.2), Some(3.2), None]) {
        report.scenarios[0].recording.clock_skew = skew;
        report.scenarios[0].recording.duration = Nanos::from_secs(4);
    }
    // The third machine is 3 s behind the others: its appointed moment came 3 s later.
    let whole = merged(&reports, 0).expect("shards of one run");
    let recording = &whole.scenarios[0].recording;
    assert_eq!(recording.clock_skew, Some(0.2));
    let read = read_suite(&json(&whole));
    assert!(read.is_ok(), "its seconds were moved: {:?}", read.map(drop));
    let due: Vec<u32> = recording.timeline.bins.iter().map(|bin| bin.due).collect();
    assert_eq!(due.len(), 7, "{due:?}");
    assert!(due[4..].iter().sum::<u32>() > 70, "a quarter of the rate, 3 s later: {due:?}");
    assert_eq!(recording.load_offset, BEFORE_LOAD);
}

#[test]
fn nothing_that_can_be_read_is_a_mistake() {
    assert_eq!(Roster::call(&[]).err(), Some(MergeError::None));
    let files = [("a".to_owned(), Err("no such file".to_owned()))];
    let error = Roster::call(&files).expect_err("nothing to merge");
    insta::assert_snapshot!(error, @"there is no shard to merge: a: no such file");
    // Without any shard it is for others to merge.
    let (_, reports) = four();
    let alone = SuiteReport { shard: None, ..reports[0].clone() };
    assert!(Roster::call(&[("a".to_owned(), header(&alone))]).expect("is read").is_none());
}
