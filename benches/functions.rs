//! What a request costs in each function it passes through, in time and in allocations:
//! `cargo bench --bench functions`. `benches/peers.py` takes its table into the page that it writes.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use load_gate::admission::Admitted;
use load_gate::config::{Flags, Purpose, Sources, resolve};
use load_gate::gate;
use load_gate::ids::{IdentityId, Traffic};
use load_gate::measure::{Ended, Recorder, RecorderConfig, Recording, Sample};
use load_gate::outcome::Outcome;
use load_gate::plan::{Plan, Schedule};
use load_gate::report::{self, COMMENT_BUDGET, Masthead, Style};
use load_gate::scenario::{self, Answer, Call, Identity, Request, Scenario, Secrets};
use load_gate::secret::Secret;
use load_gate::series::{Common, Writer, of_recording};
use load_gate::suite::{SuiteReport, read_suite};
use load_gate::units::{Nanos, Timestamp};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const SCENARIOS: [&str; 3] = ["onboarding", "credential-vending", "webhook"];
const NOW: Duration = Duration::from_secs(1_760_000_000);

fn main() {
    divan::main();
}

/// The plan of a built-in scenario at a profile.
fn plan(name: &str, profile: &str) -> Plan {
    let flags = Flags {
        env: Some("embedded".to_owned()),
        profile: Some(profile.to_owned()),
        ..Flags::default()
    };
    let vars = BTreeMap::new();
    let sources = Sources { flags: &flags, vars: &vars, file: None };
    let resolved =
        resolve(&sources, Purpose::Plan, 7).unwrap_or_else(|_| unreachable!("is built in"));
    let mut plans = resolved.plan.scenarios.into_iter();
    plans.find(|plan| plan.scenario.name() == name).unwrap_or_else(|| unreachable!("is planned"))
}

fn built(name: &str) -> Box<dyn Scenario> {
    let secrets =
        Secrets { signing: Some(Secret::new("whsec_0123456789abcdef")), known: Vec::new() };
    let built = scenario::build(&plan(name, "smoke").settings, 7, "lg-bench", secrets);
    built.unwrap_or_else(|| unreachable!("is built in"))
}

fn caller() -> Identity {
    let key = Some(Secret::new("rsolv_0123456789abcdef"));
    Identity { id: IdentityId(0), address: None, key, captured: None }
}

fn request(scenario: &dyn Scenario, n: u64) -> Request {
    let identity = caller();
    scenario.request(&Call {
        n,
        traffic: Traffic::Arrival,
        unix: NOW,
        identity: &identity,
        past: &(),
    })
}

/// Building a request, its body and its signature.
#[divan::bench(args = SCENARIOS)]
fn build(bencher: Bencher<'_, '_>, name: &str) {
    let scenario = built(name);
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        request(&*scenario, black_box(n))
    });
}

/// What a target answers that keeps its contract (docs/api.md).
fn good(name: &str, asked: &Request) -> (u16, Vec<u8>) {
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let answer = match name {
        "onboarding" => serde_json::json!({
            "customer": { "id": 4711, "name": body["name"], "email": body["email"], "trial_fixes_limit": 5,
                          "trial_fixes_used": 0, "subscription_type": "trial" },
            "api_key": format!("rsolv_{}", "k".repeat(43)),
        }),
        "credential-vending" => {
            let minutes = body["ttl_minutes"].as_u64().unwrap_or(60);
            let ends = time::OffsetDateTime::from_unix_timestamp(
                NOW.as_secs() as i64 + minutes as i64 * 60,
            );
            let ends = ends
                .ok()
                .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
            let providers = body["providers"].as_array().cloned().unwrap_or_default();
            let one = serde_json::json!({ "api_key": "sk-0123456789abcdef", "expires_at": ends });
            let all: serde_json::Map<_, _> = providers
                .iter()
                .filter_map(|p| Some((p.as_str()?.to_owned(), one.clone())))
                .collect();
            serde_json::json!({ "credentials": all, "usage": { "remaining_fixes": 85, "reset_at": "2030-01-01T00:00:00Z" } })
        }
        _ => serde_json::json!({ "status": "success" }),
    };
    (if name == "onboarding" { 201 } else { 200 }, answer.to_string().into_bytes())
}

/// Judging an answer that is accepted: all its checks.
#[divan::bench(args = SCENARIOS)]
fn judge(bencher: Bencher<'_, '_>, name: &str) {
    let scenario = built(name);
    let asked = request(&*scenario, 1);
    let (status, body) = good(name, &asked);
    let headers = http::HeaderMap::new();
    let answer = Answer {
        status,
        content_type: Some("application/json"),
        headers: Some(&headers),
        body: Some(&body),
        sent_unix: NOW,
        done_unix: NOW + Duration::from_millis(9),
        skew: 0.0,
        secrets: &[],
        refused: false,
    };
    assert_eq!(scenario.judge(&asked, &answer).outcome, Some(Outcome::Accepted), "{name}");
    bencher.bench_local(|| scenario.judge(&asked, black_box(&answer)));
}

fn recorder(plan: &Plan, schedule: &Schedule) -> Recorder {
    Recorder::new(RecorderConfig {
        scenario: plan.scenario,
        labels: Vec::new(),
        checks: Vec::new(),
        probes: Vec::new(),
        stages: schedule.stages(),
        selectors: gate::required_selectors(&plan.criteria),
        limit_declared: false,
        identities: vec![("198.18.0.1".to_owned(), false)],
        joined: false,
        planned: schedule.total(),
        started_at: Timestamp::from_unix(NOW),
    })
}

fn sample(n: u64, stage: usize, due: Nanos) -> Sample {
    let (sent, took) = (due + Nanos::from_micros(20), Nanos::from_micros(900 + n % 1000));
    Sample {
        sent,
        first_byte: sent + took,
        done: sent + took,
        status: 200,
        outcome: Outcome::Accepted,
        bytes_sent: 300,
        bytes_received: 90,
        checks_passed: 3,
        items: 1,
        admitted: Admitted::Yes,
        ..Sample::dropped(n, stage as u16, IdentityId(0), due)
    }
}

/// Recording what came of a request.
#[divan::bench]
fn record(bencher: Bencher<'_, '_>) {
    let plan = plan("webhook", "full");
    let schedule = Schedule::new(&plan.stages);
    let samples: Vec<Sample> =
        schedule.iter().map(|(n, stage, due)| sample(n, stage, due)).collect();
    let mut recorder = recorder(&plan, &schedule);
    let mut turn = samples.iter().cycle();
    bencher.bench_local(|| {
        if let Some(sample) = turn.next() {
            recorder.sent(sample.sent, 1);
            recorder.record(black_box(sample), None);
        }
    });
}

/// The moments of all arrivals of the full profile.
#[divan::bench]
fn schedule(bencher: Bencher<'_, '_>) {
    let schedule = Schedule::new(&plan("webhook", "full").stages);
    bencher.counter(ItemsCount::new(schedule.total())).bench_local(|| {
        black_box(&schedule).iter().map(|(_, _, due)| due.0).fold(0, u64::wrapping_add)
    });
}

/// A second of live series: drawn from how the recording stands, put into a write, packed.
#[divan::bench]
fn second_of_series(bencher: Bencher<'_, '_>) {
    let plan = plan("onboarding", "full");
    let schedule = Schedule::new(&plan.stages);
    let mut recorder = recorder(&plan, &schedule);
    for (n, stage, due) in schedule.iter() {
        recorder.sent(due, 1);
        recorder.record(&sample(n, stage, due), None);
    }
    let common = Common::of("staging", "full", "lg-bench");
    let (mut writer, mut at) = (Writer::new(false), 0);
    bencher.bench_local(|| {
        at += 1000;
        let elapsed = Some(Nanos::from_secs(300));
        let series = of_recording(&plan, black_box(recorder.standing()), elapsed, 3, &common);
        writer.write(&series, at)
    });
}

fn measured(plan: &Plan) -> Recording {
    let schedule = Schedule::new(&plan.stages);
    let mut recorder = recorder(plan, &schedule);
    for (n, stage, due) in schedule.iter() {
        recorder.sent(due, 1);
        recorder.record(&sample(n, stage, due), None);
    }
    recorder.finish(Ended::Completed, schedule.duration())
}

/// Findings, thresholds and verdict of the full profile.
#[divan::bench]
fn evaluate(bencher: Bencher<'_, '_>) {
    let plan = plan("webhook", "full");
    let recording = measured(&plan);
    bencher.bench_local(|| gate::evaluate(&plan.criteria, black_box(&recording), None));
}

fn suite() -> SuiteReport {
    let stored = include_str!("../tests/fuzz/seeds/suite/small.json");
    let mut suite = read_suite(stored).unwrap_or_else(|_| unreachable!("is a recording"));
    let plan = plan("webhook", "full");
    let recording = measured(&plan);
    let verdict = gate::evaluate(&plan.criteria, &recording, None);
    for scenario in &mut suite.scenarios {
        (scenario.plan, scenario.recording, scenario.verdict) =
            (plan.clone(), recording.clone(), verdict.clone());
    }
    suite
}

/// The pages of the full profile.
#[divan::bench(args = ["text", "comment", "junit", "suite.json"])]
fn render(bencher: Bencher<'_, '_>, page: &str) {
    let suite = suite();
    bencher.bench_local(|| match page {
        "text" => report::summary_text(&suite, Style::PLAIN),
        "comment" => {
            let comment = report::comment(&suite, None, Masthead::default());
            assert!(comment.len() <= COMMENT_BUDGET);
            comment
        }
        "junit" => report::junit(&suite),
        _ => report::suite_json(&suite),
    });
}
