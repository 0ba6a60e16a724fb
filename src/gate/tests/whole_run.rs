//! The run as a whole: the generator, the canary, how it ended, its probes.

use super::builder::{DEFAULT, Made, fine};
use super::rules::{first, judged};
use crate::gate::{About, FindingVerdict, Verdict, VerdictKind};
use crate::ids::ScenarioId;
use crate::measure::{CanaryResult, Ended, Recording};
use crate::outcome::{Outcome, ProbeEnd};
use crate::units::{Nanos, Timestamp};

#[test]
fn a_generator_that_fell_short_is_inconclusive() {
    let with = |change: &dyn Fn(&mut Recording)| {
        let mut recording = fine().done();
        change(&mut recording);
        judged(&[], &recording)
    };
    let about = |verdict: &Verdict| {
        let found = verdict.findings.iter().find(|f| f.verdict == FindingVerdict::Inconclusive);
        found.map(|f| f.about)
    };
    for (dropped, sent, kind) in [
        (1, 999, VerdictKind::Pass),
        (2, 998, VerdictKind::Inconclusive),
        (0, 1, VerdictKind::Pass),
    ] {
        let verdict = with(&|r| {
            (r.generator.dropped, r.generator.sent) = (dropped, sent);
            r.generator.planned = dropped + sent;
        });
        assert_eq!(verdict.kind, kind, "{dropped} of {sent}");
    }
    for (sent, kind) in [
        (1000, VerdictKind::Pass),
        (990, VerdictKind::Pass),
        (1010, VerdictKind::Pass),
        (989, VerdictKind::Inconclusive),
        (1011, VerdictKind::Inconclusive),
    ] {
        let verdict = with(&|r| (r.stages[1].planned, r.stages[1].sent_within) = (1000, sent));
        assert_eq!(verdict.kind, kind, "{sent}");
        if kind == VerdictKind::Inconclusive {
            assert_eq!(about(&verdict), Some(About::Generator));
        }
    }
    for (millis, kind) in [(99, VerdictKind::Pass), (120, VerdictKind::Inconclusive)] {
        let mut made = Made::new();
        made.lag = Nanos::from_millis(millis);
        made.takes = Nanos::from_millis(200);
        made.met(Outcome::Accepted, 201, 400);
        assert_eq!(judged(&[], &made.done()).kind, kind, "{millis}");
    }
    // Lag in a ramp is no lag in a hold.
    let mut made = Made::new();
    (made.lag, made.takes, made.due) =
        (Nanos::from_secs(1), Nanos::from_secs(2), Nanos::from_millis(500));
    made.met(Outcome::Accepted, 201, 400);
    assert_eq!(judged(&[], &made.done()).kind, VerdictKind::Pass);
}

#[test]
fn a_canary_that_is_refused_says_what_to_mend_and_others_change_nothing() {
    let at = Timestamp { unix_millis: 0 };
    let ended = Ended::Misconfigured { advice: "mend `email_domain`".to_owned() };
    let verdict = judged(DEFAULT, &Recording::empty(ScenarioId::fixed("onboarding"), at, ended));
    assert_eq!(verdict.kind, VerdictKind::Inconclusive);
    assert_eq!(verdict.reasons, ["misconfigured, no load was sent: mend `email_domain`"]);
    let mut of_several = fine().done();
    of_several.ended = Ended::Misconfigured { advice: "mend `email_domain`".to_owned() };
    let part = judged(DEFAULT, &of_several);
    assert_eq!(part.kind, VerdictKind::Inconclusive);
    assert_eq!(part.reasons[0], "misconfigured, not all of the load was sent: mend `email_domain`");
    let thresholds = verdict.findings.iter().filter(|f| f.about == About::Threshold);
    assert!(
        thresholds.clone().count() == 2
            && thresholds.clone().all(|f| f.verdict == FindingVerdict::Skipped)
    );

    let mut recording = fine().done();
    recording.canary = Some(CanaryResult {
        outcome: Outcome::ServerError,
        status: 503,
        service_time: Nanos::from_millis(3),
        note: "server_error (status 503)".to_owned(),
    });
    let verdict = judged(DEFAULT, &recording);
    assert_eq!(verdict.kind, VerdictKind::Pass);
    assert!(
        verdict
            .findings
            .iter()
            .any(|f| f.verdict == FindingVerdict::Info && f.message.contains("503"))
    );
}

#[test]
fn how_a_run_ended_decides_what_can_be_said() {
    let seconds = |n| Nanos::from_secs(n);
    let fine = fine();
    let mut bad = Made::new();
    bad.met(Outcome::ServerError, 500, 400);
    let reason = || "because".to_owned();
    for (made, ended, kind, says) in [
        (
            &fine,
            Ended::Interrupted { after: seconds(4) },
            VerdictKind::Inconclusive,
            "interrupted after 4.00 s of 10.0 s",
        ),
        (
            &fine,
            Ended::Interrupted { after: seconds(14) },
            VerdictKind::Inconclusive,
            "interrupted when the load's 10.0 s were over, while answers were awaited",
        ),
        (
            &bad,
            Ended::Interrupted { after: seconds(4) },
            VerdictKind::Inconclusive,
            "interrupted after 4.00 s of 10.0 s",
        ),
        (&fine, Ended::Running, VerdictKind::Inconclusive, "partial: the run never ended"),
        (&bad, Ended::Running, VerdictKind::Inconclusive, "partial: the run never ended"),
        (
            &fine,
            Ended::Aborted { after: seconds(4), reason: reason() },
            VerdictKind::Fail,
            "ended after 4.00 s: because",
        ),
        (
            &bad,
            Ended::Aborted { after: seconds(4), reason: reason() },
            VerdictKind::Fail,
            "ended after 4.00 s: because",
        ),
        (
            &fine,
            Ended::Unreachable { reason: reason() },
            VerdictKind::Inconclusive,
            "unreachable: because",
        ),
        (&fine, Ended::Skipped { reason: reason() }, VerdictKind::Skipped, "skipped: because"),
    ] {
        let verdict = judged(DEFAULT, &made.ended(ended.clone()));
        assert_eq!(verdict.kind, kind, "{ended:?}");
        assert!(first(&verdict).starts_with(says), "{ended:?}: {:?}", verdict.reasons);
    }
}

#[test]
fn a_probe_that_is_breached_fails_and_one_without_a_say_is_inconclusive() {
    use ProbeEnd::{Breached, Held, Neither, Other};
    for (ends, kind) in [
        (vec![], VerdictKind::Pass),
        (vec![Held, Held], VerdictKind::Pass),
        (vec![Held, Neither], VerdictKind::Pass),
        (vec![Other], VerdictKind::Pass),
        (vec![Neither, Neither], VerdictKind::Inconclusive),
        (vec![Held, Held, Breached], VerdictKind::Fail),
        (vec![Neither, Breached], VerdictKind::Fail),
    ] {
        let mut made = Made::new();
        made.met(Outcome::Accepted, 201, 400);
        for end in &ends {
            made.probe(*end);
        }
        assert_eq!(made.verdict().kind, kind, "{ends:?}");
    }
}

#[test]
fn arrivals_without_what_a_setup_gives_are_told_with_why() {
    for (failed, words) in [
        (
            3,
            "4 setup requests were sent, 3 of them gave nothing; 7 arrivals were not sent, for want",
        ),
        (0, "7 arrivals were not sent, for what they give had expired before more of it came"),
    ] {
        let mut recording = fine().done();
        (recording.setups.sent, recording.setups.failed, recording.setups.lost) = (4, failed, 7);
        let verdict = judged(&[], &recording);
        assert_eq!(verdict.kind, VerdictKind::Inconclusive);
        assert!(first(&verdict).contains(words), "{}", first(&verdict));
    }
}
