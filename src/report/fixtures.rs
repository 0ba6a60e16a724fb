//! Whole runs, made in code, for the tests of every format.

use std::collections::BTreeMap;

use crate::admission::{Admitted, DeclaredLimit, RefusalCounts, Scope};
use crate::gate::{
    About, Bound, Criteria, Finding, FindingVerdict, GeneratorBounds, LimiterReport, Method,
    Metric, Operator, Threshold, ThresholdResult, Verdict, VerdictKind,
};
use crate::ids::{IdentityId, ProbeKind, ScenarioId, Traffic};
use crate::limits::{
    Algorithm, Estimate, Inference, Prediction, RuleName, RuleResult, RuleVerdict,
};
use crate::measure::{
    CanaryResult, CheckCount, Ended, Excerpt, Ledger, ProbeCount, Recording, Sample, Slice,
    StageKind, StageRecord, Trend,
};
use crate::outcome::Outcome;
use crate::plan::{
    EngineSettings, Environment, IdentityKind, IdentityPlan, Plan, ProbePlan, RunContext,
    SCHEMA_VERSION, ScenarioReport, Stage, SuiteReport,
};
use crate::scenario::Settings;
use crate::tags::{LabelSet, Selector, TagKey};
use crate::units::{Nanos, Timestamp};

const STARTED: Timestamp = Timestamp { unix_millis: 1_761_846_252_123 };

fn stage(seconds: u64, target: f64) -> Stage {
    Stage { duration: Nanos::from_secs(seconds), target }
}

fn threshold(metric: Metric, selector: Selector, key: &str, expression: &str) -> Threshold {
    let quantile = expression.starts_with("p(95)");
    Threshold {
        metric,
        selector,
        method: if quantile { Method::Percentile(95.0) } else { Method::Rate },
        operator: if quantile { Operator::Less } else { Operator::Greater },
        bound: Bound::Fixed(if quantile { 2000.0 } else { 0.9 }),
        key: key.to_owned(),
        expression: expression.to_owned(),
        abort_on_fail: false,
        delay_abort_eval: Nanos::ZERO,
    }
}

pub(super) const P95_KEY: &str = "response_time{outcome:accepted}";

fn plan(scenario: ScenarioId, stages: Vec<Stage>) -> Plan {
    let accepted = Selector::all().with(TagKey::Outcome, "accepted");
    let settings = match scenario {
        ScenarioId::Onboarding => Settings::Onboarding { email_domain: "loadtest.test".to_owned() },
        ScenarioId::CredentialVending => Settings::CredentialVending {
            providers: vec!["anthropic".to_owned(), "openai".to_owned()],
            ttl_minutes: vec![60, 120],
        },
        ScenarioId::Webhook => Settings::Webhook {
            duplicates: 0.1,
            stripe_customer: "cus_loadgate".to_owned(),
            stripe_price: "price_loadgate".to_owned(),
        },
    };
    let limit = DeclaredLimit {
        limit: 10,
        window: Nanos::from_secs(60),
        scope: Scope::Ip,
        retry_after: false,
        headers: false,
        spoofable: None,
    };
    Plan {
        scenario,
        profile: "full".to_owned(),
        stages,
        settings,
        identities: IdentityPlan { kind: IdentityKind::Address, count: 1, set_aside: 0, mint: 0 },
        probes: ProbePlan { share: 0.005, kinds: vec![ProbeKind::MalformedEmail] },
        engine: EngineSettings {
            timeout: Nanos::from_secs(30),
            connect_timeout: Nanos::from_secs(10),
            max_lag: Nanos::from_millis(100),
            max_in_flight: 1000,
            max_body: 1 << 20,
        },
        criteria: Criteria {
            thresholds: vec![
                threshold(Metric::ResponseTime, accepted, P95_KEY, "p(95)<2000"),
                threshold(Metric::SuccessRate, Selector::all(), "success_rate", "rate>0.90"),
            ],
            limit: Some(limit),
            prediction: Some(Prediction {
                admitted_low: 90,
                admitted_high: 100,
                hits_low: 40_100,
                hits_high: 40_110,
            }),
            generator: GeneratorBounds {
                max_lag: Nanos::from_millis(100),
                max_dropped: 0.001,
                max_off_plan: 0.01,
            },
        },
        skip: None,
    }
}

fn sample(outcome: Outcome, status: u16, due: Nanos, took: Nanos) -> Sample {
    let sent = due + Nanos::from_micros(90);
    Sample {
        traffic: Traffic::Arrival,
        arrival: 1,
        stage: 0,
        identity: IdentityId(0),
        due,
        sent,
        first_byte: sent + Nanos(took.0 / 2),
        done: sent + took,
        status,
        outcome,
        labels: LabelSet::EMPTY,
        bytes_sent: 300,
        bytes_received: 400,
        checks_passed: if outcome == Outcome::Accepted { 0b11 } else { 0 },
        checks_failed: 0,
        items: 1,
        admitted: if status == 429 { Admitted::No } else { Admitted::Yes },
        retry_after: None,
    }
}

/// `slice`, `n` times over.
fn times(slice: &Slice, mut n: u64) -> Slice {
    let (mut sum, mut power) = (Slice::default(), slice.clone());
    while n > 0 {
        if n & 1 == 1 {
            sum.merge(&power);
        }
        n >>= 1;
        if n > 0 {
            power.merge(&power.clone());
        }
    }
    sum
}

fn add(recording: &mut Recording, kind: &str, sample: &Sample, n: u64) {
    let mut one = Slice::default();
    one.record(sample, true);
    let many = (n > 1).then(|| times(&one, n));
    let outcome = Selector::all().with(TagKey::Outcome, sample.outcome.name());
    let staged = outcome.clone().with(TagKey::Stage, kind);
    for selector in [Selector::all(), outcome, staged, Selector::all().with(TagKey::Stage, kind)] {
        let slice = recording.slices.entry(selector).or_default();
        match &many {
            Some(many) => slice.merge(many),
            None => slice.record(sample, true),
        }
    }
    *recording.statuses.entry(sample.status).or_default() += n;
    *recording.requests.entry(Traffic::Arrival).or_default() += n;
    recording.generator.planned += n;
    recording.generator.sent += n;
}

fn lag() -> Trend {
    let mut lag = Trend::default();
    for micros in 60..160 {
        lag.record(Nanos::from_micros(micros));
    }
    lag
}

fn verdict(
    scenario: ScenarioId,
    kind: VerdictKind,
    reasons: &[&str],
    findings: Vec<Finding>,
) -> Verdict {
    Verdict {
        scenario,
        kind,
        reasons: reasons.iter().map(|r| (*r).to_owned()).collect(),
        findings,
        limiter: LimiterReport {
            declared: None,
            predicted_hits: None,
            observed_hits: 0,
            inferred: Inference {
                algorithm: Algorithm::Unknown,
                limit: None,
                window_s: None,
                why: "nothing was sent".to_owned(),
            },
            rules: Vec::new(),
        },
        clusters: Vec::new(),
    }
}

fn finding(about: About, name: &str, verdict: FindingVerdict, message: &str) -> Finding {
    Finding {
        about,
        name: name.to_owned(),
        verdict,
        message: message.to_owned(),
        evidence: Vec::new(),
        threshold: None,
    }
}

fn judged(
    key: &str,
    expression: &str,
    verdict: FindingVerdict,
    message: &str,
    figures: (Option<f64>, Option<(f64, f64)>, f64, u64),
) -> Finding {
    let (observed, interval, bound, samples) = figures;
    let close = interval.is_some_and(|(low, high)| low < bound && bound < high);
    Finding {
        evidence: vec![format!("{samples} samples")],
        threshold: Some(ThresholdResult {
            metric: key.to_owned(),
            expression: expression.to_owned(),
            observed,
            interval,
            bound: Some(bound),
            samples,
            close,
        }),
        ..finding(About::Threshold, &format!("{key}: {expression}"), verdict, message)
    }
}

fn suite(verdict: VerdictKind, headline: &str, scenarios: Vec<ScenarioReport>) -> SuiteReport {
    SuiteReport {
        schema_version: SCHEMA_VERSION,
        tool_version: "1.0.0".to_owned(),
        tool_commit: Some("b88348c".to_owned()),
        run_id: "lg-5f3a".to_owned(),
        started_at: STARTED,
        finished_at: STARTED.after(Nanos::from_secs(600)),
        environment: Environment {
            name: "staging".to_owned(),
            url: "https://api.rsolv-staging.com".to_owned(),
            protected: false,
            embedded: false,
            max_rate: None,
            verify_limits: true,
        },
        profile: "full".to_owned(),
        seed: 42,
        rate_scale: 1.0,
        duration_scale: 1.0,
        allow_skip: false,
        context: RunContext {
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
            run_url: Some("https://github.com/rsolv/api/actions/runs/17".to_owned()),
            repository: Some("rsolv/api".to_owned()),
            facts: BTreeMap::from([("event".to_owned(), "pull_request".to_owned())]),
        },
        partial: false,
        verdict,
        headline: headline.to_owned(),
        notices: Vec::new(),
        scenarios,
    }
}

fn stages() -> Vec<StageRecord> {
    let record = |number, kind, start, end, target, planned| StageRecord {
        number,
        kind,
        start: Nanos::from_secs(start),
        end: Nanos::from_secs(end),
        target,
        planned,
        sent_within: planned,
        dropped: 0,
    };
    vec![
        record(1, StageKind::Ramp, 0, 10, 20.0, 100),
        record(2, StageKind::Hold, 10, 40, 20.0, 600),
        record(3, StageKind::Ramp, 40, 50, 0.0, 100),
    ]
}

fn passing_recording() -> Recording {
    let mut recording = Recording::empty(ScenarioId::Onboarding, STARTED, Ended::Completed);
    recording.load_offset = Nanos::from_millis(1200);
    recording.duration = Nanos::from_secs(50);
    recording.canary = Some(CanaryResult {
        outcome: Outcome::Accepted,
        status: 201,
        service_time: Nanos::from_millis(31),
        note: String::new(),
    });
    recording.stages = stages();
    for i in 0..800_u64 {
        let kind = if (100..700).contains(&i) { "hold" } else { "ramp" };
        let due = Nanos::from_millis(i * 62);
        let took = Nanos::from_micros(18_000 + i * 7919 % 23_000 + (i % 97) * (i % 89) * 9);
        let (outcome, status) =
            if i % 211 == 210 { (Outcome::RateLimited, 429) } else { (Outcome::Accepted, 201) };
        let sample = sample(outcome, status, due, took);
        add(&mut recording, kind, &sample, 1);
        recording.timeline.sent(sample.sent, 2);
        recording.timeline.ended(sample.due, outcome, sample.response_time());
    }
    recording.checks = ["api_key", "trial_fixes_limit"]
        .map(|name| CheckCount { name: name.to_owned(), passes: 797, fails: 0 })
        .to_vec();
    recording.probes = vec![ProbeCount {
        kind: ProbeKind::MalformedEmail,
        sent: 4,
        held: 4,
        breached: 0,
        neither: 0,
        other: 0,
    }];
    recording.generator.lag_hold = lag();
    recording.generator.max_in_flight = 3;
    recording.generator.cpu_seconds = Some(1.25);
    recording.generator.peak_memory = Some(24 << 20);
    recording.connections.opened = 3;
    recording.connections.connect = lag();
    recording.refusals = RefusalCounts { refused: 3, json: 3, retry_after: 0, limit_headers: 0 };
    recording.ledgers = vec![Ledger::new(IdentityId(0), "198.18.0.1", true)];
    recording
}

#[expect(clippy::too_many_lines, reason = "one literal")]
fn passing_scenario() -> ScenarioReport {
    let findings = vec![
        judged(
            P95_KEY,
            "p(95)<2000",
            FindingVerdict::Pass,
            "p95 is 62 ms, under 2.00 s",
            (Some(62.1), Some((58.0, 66.4)), 2000.0, 797),
        ),
        judged(
            "success_rate",
            "rate>0.90",
            FindingVerdict::Pass,
            "success rate 100 %, above 90 %",
            (Some(1.0), Some((0.9952, 1.0)), 0.9, 797),
        ),
        finding(About::Check, "api_key present and shaped", FindingVerdict::Pass, "797 of 797"),
        finding(
            About::Probe(ProbeKind::MalformedEmail),
            "a malformed e-mail is refused",
            FindingVerdict::Pass,
            "4 of 4 held",
        ),
        finding(
            About::Limiter(RuleName::Engages),
            "the limiter engages",
            FindingVerdict::Pass,
            "refused the 11th request",
        ),
        finding(
            About::Limiter(RuleName::Recovers),
            "the limiter recovers",
            FindingVerdict::Skipped,
            "the run ended before the window",
        ),
        finding(
            About::Generator,
            "arrivals were sent when due",
            FindingVerdict::Pass,
            "p99 of schedule lag is 159 µs",
        ),
    ];
    let mut verdict = verdict(ScenarioId::Onboarding, VerdictKind::Pass, &[], findings);
    let about = |value: f64| Some(Estimate { value, low: value, high: value + 1.0 });
    let plan = plan(ScenarioId::Onboarding, vec![stage(10, 20.0), stage(30, 20.0), stage(10, 0.0)]);
    verdict.limiter = LimiterReport {
        declared: plan.criteria.limit,
        predicted_hits: Some((2, 5)),
        observed_hits: 3,
        inferred: Inference {
            algorithm: Algorithm::AnchoredWindow,
            limit: about(10.0),
            window_s: about(60.0),
            why: "10 admitted at once, then none for 60 s".to_owned(),
        },
        rules: vec![
            RuleResult {
                name: RuleName::Engages,
                verdict: RuleVerdict::Pass,
                evidence: "refused the 11th request".to_owned(),
            },
            RuleResult {
                name: RuleName::Recovers,
                verdict: RuleVerdict::NotExercised,
                evidence: "the run ended before the window".to_owned(),
            },
        ],
    };
    ScenarioReport { plan, recording: passing_recording(), verdict }
}

/// A small run in which all is well.
pub(crate) fn pass() -> SuiteReport {
    suite(
        VerdictKind::Pass,
        "pass: onboarding holds everything it was asked",
        vec![passing_scenario()],
    )
}

/// The old baseline: 364,635 refusals and 90 validation errors, then read as green.
#[expect(clippy::too_many_lines, reason = "one literal")]
pub(super) fn old_baseline() -> SuiteReport {
    let mut recording = Recording::empty(ScenarioId::Onboarding, STARTED, Ended::Completed);
    recording.duration = Nanos::from_secs(540);
    recording.stages = stages();
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
        ScenarioId::Onboarding,
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
    let full =
        vec![stage(60, 20.0), stage(60, 50.0), stage(60, 100.0), stage(300, 100.0), stage(60, 0.0)];
    let plan = plan(ScenarioId::Onboarding, full);
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

/// One scenario passes, one is skipped for want of keys.
pub(super) fn skipped() -> SuiteReport {
    let reason = "no API keys: set TEST_API_KEY_1".to_owned();
    let how = Ended::Skipped { reason: reason.clone() };
    let skipped = ended(ScenarioId::CredentialVending, how, VerdictKind::Skipped, &reason);
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
    let scenario = ended(ScenarioId::Onboarding, how, VerdictKind::Inconclusive, &reason);
    suite(VerdictKind::Inconclusive, &format!("inconclusive: {reason}"), vec![scenario])
}

/// Cancelled after 12 s; a checkpoint.
pub(super) fn interrupted() -> SuiteReport {
    let mut scenario = passing_scenario();
    let reason = "interrupted after 12.0 s".to_owned();
    scenario.recording.ended = Ended::Interrupted { after: Nanos::from_secs(12) };
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
