//! Whole runs, made in code, for the tests of every format.

mod full;
mod parts;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::gate::{About, FindingVerdict, VerdictKind};
use crate::ids::ScenarioId;
use crate::limits::{RuleName, RuleResult, RuleVerdict};
use crate::measure::{CheckCount, Ended, Excerpt, Recording};
use crate::outcome::Outcome;
use crate::plan::Schedule;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units::Nanos;
pub(super) use full::{full, full_page};
pub(super) use parts::P95_KEY;
use parts::*;

/// A small run in which all is well.
pub(crate) fn pass() -> SuiteReport {
    suite(
        VerdictKind::Pass,
        "pass: onboarding holds everything it was asked",
        vec![passing_scenario()],
    )
}

/// The old baseline: 364,635 refusals and 90 validation errors, then read as green.
pub(super) fn old_baseline() -> SuiteReport {
    // Its 364,725 answers take a while to be recorded, and most tests ask for it.
    static MADE: OnceLock<SuiteReport> = OnceLock::new();
    MADE.get_or_init(recorded_old_baseline).clone()
}

#[expect(clippy::too_many_lines, reason = "one literal")]
fn recorded_old_baseline() -> SuiteReport {
    let mut recording =
        Recording::empty(ScenarioId::fixed("onboarding"), STARTED, Ended::Completed);
    recording.duration = Nanos::from_secs(540);
    let full =
        vec![stage(60, 20.0), stage(60, 50.0), stage(60, 100.0), stage(300, 100.0), stage(60, 0.0)];
    recording.stages = Schedule::new(&full).stages();
    let refused = sample(Outcome::RateLimited, 429, Nanos::ZERO, Nanos::from_micros(20_680));
    let rejected = sample(Outcome::Rejected, 422, Nanos::ZERO, Nanos::from_micros(35_000));
    add(&mut recording, "hold", &refused, 364_635);
    add(&mut recording, "hold", &rejected, 90);
    for second in 0..540 {
        for (outcome, n) in
            [(Outcome::RateLimited, 675), (Outcome::Rejected, u64::from(second % 6 == 0))]
        {
            for _ in 0..n {
                recording.timeline.sent(Nanos::from_secs(second), 20);
                recording.timeline.ended(Nanos::from_secs(second), outcome, Nanos::from_millis(20));
            }
        }
    }
    recording.generator.lag_hold = lag();
    recording.excerpts = vec![Excerpt {
        outcome: Outcome::Rejected,
        status: 422,
        count: 90,
        arrival: 1,
        at: Nanos::ZERO,
        check: None,
        text: r#"{"error":{"message":"email domain is disposable","code":"VALIDATION_FAILED"}}"#
            .to_owned(),
        trace: None,
    }];
    let reason = "nothing was accepted: 90 of 90 judged arrivals were rejected (422)";
    let findings = vec![
        finding(About::Run, "something is accepted", FindingVerdict::Fail, reason),
        judged(
            "success_rate",
            "rate>0.90",
            FindingVerdict::Fail,
            "success rate is 0 %, wanted above 90 %",
            (Some(0.0), Some((0.0, 0.0409)), 0.9, 90),
        ),
        judged(
            P95_KEY,
            "p(95)<2000",
            FindingVerdict::Inconclusive,
            "p95 of accepted response times can't be told: no sample, 59 needed",
            (None, None, 2000.0, 0),
        ),
    ];
    let mut verdict = verdict(
        ScenarioId::fixed("onboarding"),
        VerdictKind::Fail,
        &[
            reason,
            "success rate is 0 %, wanted above 90 %",
            "p95 of accepted response times can't be told: no sample, 59 needed",
        ],
        findings,
    );
    verdict.limiter.observed_hits = 364_635;
    verdict.clusters = vec!["90 of 90 failures have stage:hold".to_owned()];
    let plan = plan(ScenarioId::fixed("onboarding"), full);
    verdict.limiter.declared = plan.criteria.limit;
    verdict.limiter.predicted_hits = Some((40_100, 40_110));
    let scenario = ScenarioReport { plan, recording, verdict };
    suite(VerdictKind::Fail, &format!("fail: onboarding: {reason}"), vec![scenario])
}

fn ended(id: ScenarioId, ended: Ended, kind: VerdictKind, reason: &str) -> ScenarioReport {
    let findings = match kind {
        VerdictKind::Skipped => {
            vec![finding(About::Run, "the scenario runs", FindingVerdict::Skipped, reason)]
        }
        _ => vec![finding(About::Run, "the scenario runs", FindingVerdict::Inconclusive, reason)],
    };
    ScenarioReport {
        plan: plan(id, vec![stage(10, 20.0)]),
        recording: Recording::empty(id, STARTED, ended),
        verdict: verdict(id, kind, &[reason], findings),
    }
}

/// One scenario that sent nothing and ended so, as the rules of the gate judge it.
pub(super) fn sent_nothing(how: Ended) -> SuiteReport {
    let id = ScenarioId::fixed("onboarding");
    let plan = plan(id, vec![stage(10, 20.0)]);
    let recording = Recording::empty(id, STARTED, how);
    let verdict = crate::gate::evaluate(&plan.criteria, &recording, None);
    let (kind, headline) = crate::gate::suite(std::slice::from_ref(&verdict), false);
    suite(kind, &headline, vec![ScenarioReport { plan, recording, verdict }])
}

/// One scenario passes, one is skipped for want of keys.
pub(super) fn skipped() -> SuiteReport {
    let reason = "no API keys: set TEST_API_KEY_1".to_owned();
    let how = Ended::Skipped { reason: reason.clone() };
    let skipped =
        ended(ScenarioId::fixed("credential-vending"), how, VerdictKind::Skipped, &reason);
    suite(
        VerdictKind::Inconclusive,
        "inconclusive: credential-vending skipped: no API keys: set TEST_API_KEY_1",
        vec![passing_scenario(), skipped],
    )
}

/// Nobody was there.
pub(super) fn unreachable() -> SuiteReport {
    let reason = "no connection to api.rsolv-staging.com: connection refused".to_owned();
    let how = Ended::Unreachable { reason: reason.clone() };
    let scenario = ended(ScenarioId::fixed("onboarding"), how, VerdictKind::Inconclusive, &reason);
    suite(VerdictKind::Inconclusive, &format!("inconclusive: {reason}"), vec![scenario])
}

/// Cancelled after 12 s; a checkpoint.
pub(super) fn interrupted() -> SuiteReport {
    let end = Nanos::from_secs(12);
    let mut scenario = scenario_until(end, Ended::Interrupted { after: end });
    let reason = "interrupted after 12.0 s".to_owned();
    scenario.verdict.kind = VerdictKind::Inconclusive;
    scenario.verdict.reasons = vec![reason.clone()];
    let mut report = suite(
        VerdictKind::Inconclusive,
        &format!("inconclusive: onboarding: {reason}"),
        vec![scenario],
    );
    report.partial = true;
    report.notices = vec!["clock skew 2 s".to_owned()];
    report
}

/// What a hostile server, config or artifact may put into texts.
pub(super) const HOSTILE: &str = "]]></failure><script>alert(1)</script> @everyone | `x` \u{1b}[31m\u{0}\u{fffe} \
     [a](javascript:b) <!-- --> &amp; \n::error::pwned\n| a | b |\n```\n</details> #1 http://evil.test \u{202e}";

/// Hostile text wherever text can stand.
pub(super) fn hostile() -> SuiteReport {
    let mut report = old_baseline();
    report.headline = format!("fail: {HOSTILE}");
    report.notices = vec![HOSTILE.to_owned()];
    report.environment.name = HOSTILE.to_owned();
    report.environment.url = HOSTILE.to_owned();
    report.profile = HOSTILE.to_owned();
    report.context.run_url = Some(HOSTILE.to_owned());
    report.context.dashboard = Some(HOSTILE.to_owned());
    report.context.commit = Some(HOSTILE.to_owned());
    report.context.facts = BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]);
    for scenario in &mut report.scenarios {
        scenario.plan.profile = HOSTILE.to_owned();
        scenario.verdict.reasons = vec![HOSTILE.to_owned()];
        scenario.verdict.clusters = vec![HOSTILE.to_owned()];
        scenario.recording.checks =
            vec![CheckCount { name: HOSTILE.to_owned(), passes: 1, fails: 2 }];
        for excerpt in &mut scenario.recording.excerpts {
            excerpt.text = HOSTILE.to_owned();
        }
        for finding in &mut scenario.verdict.findings {
            finding.name.push_str(HOSTILE);
            finding.message = HOSTILE.to_owned();
            finding.evidence = vec![HOSTILE.to_owned()];
        }
        scenario.verdict.limiter.rules = vec![RuleResult {
            name: RuleName::Holds,
            verdict: RuleVerdict::Fail,
            evidence: HOSTILE.to_owned(),
        }];
    }
    report
}

/// Every fixture with its name.
pub(crate) fn all() -> Vec<(&'static str, SuiteReport)> {
    vec![
        ("pass", pass()),
        ("old_baseline", old_baseline()),
        ("skipped", skipped()),
        ("unreachable", unreachable()),
        ("interrupted", interrupted()),
        ("hostile", hostile()),
    ]
}
