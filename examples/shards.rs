//! Writes what the first machines of very many leave of a run of ten minutes: a results
//! directory each, as a shard writes it. `tests/machines/many.py` makes the others of them, has
//! all merged, and measures.
//!
//! `cargo run --release --example shards -- FOLDER [SHARDS]` (1,000). Each machine sends up to 1,000
//! arrivals a second under a key of its own with a limit of 50,000 a minute, so that most are
//! accepted and every ledger is full.
#![expect(clippy::print_stdout, reason = "a tool that says what it wrote")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use load_gate::admission::Admitted;
use load_gate::config::{Flags, Purpose, Sources, UserFile, resolve};
use load_gate::gate;
use load_gate::ids::IdentityId;
use load_gate::measure::{Ended, Recorder, RecorderConfig, Recording, Sample, StageRecord};
use load_gate::outcome::Outcome;
use load_gate::plan::{Deal, Dealing, Plan, Schedule, Shard, SuitePlan};
use load_gate::report::suite_json;
use load_gate::scenario::{self, Scenario, Secrets};
use load_gate::suite::{Part, RunContext, SCHEMA_VERSION, ScenarioReport, SuiteReport};
use load_gate::units::{Nanos, Timestamp};

/// Machines that are recorded.
const RECORDED: u32 = 4;
/// When the load begins.
const START: Timestamp = Timestamp { unix_millis: 1_790_000_000_000 };
/// From a machine's first request to its load.
const BEFORE_LOAD: Nanos = Nanos::from_millis(2_500);
/// What a key may send in a minute.
const LIMIT: u64 = 50_000;

fn plan(shards: u32) -> SuitePlan {
    let rate = 1_000 * u64::from(shards);
    let text = format!(
        "[environments.many]\nurl = \"https://api.example.org\"\nprofile = \"many\"\nscenarios = [\"vend\"]\n\
         [scenarios.vend]\nmethod = \"POST\"\npath = \"/vend\"\nheaders = {{ \"x-api-key\" = \"{{identity}}\" }}\nexpect = {{ status = 200 }}\nidentities = {shards}\n\
         rate_limit = {{ limit = {LIMIT}, window = \"60s\", scope = \"customer\" }}\n\
         [scenarios.vend.identity]\nenv = \"KEY_*\"\n\
         [scenarios.vend.profiles]\nmany = [{{ duration = \"60s\", target = {rate} }}, {{ duration = \"540s\", target = {rate} }}]\n\
         [scenarios.vend.thresholds]\nsuccess_rate = [\"rate>0.9\"]\n\"response_time{{outcome:accepted}}\" = [\"p(95)<500\"]\n"
    );
    let vars: BTreeMap<String, String> = (1..=shards)
        .map(|n| (format!("KEY_{n}"), format!("key_of_machine_number_{n:05}")))
        .collect();
    let flags = Flags { env: Some("many".to_owned()), ..Flags::default() };
    let file = UserFile { name: "many.toml".to_owned(), text };
    let sources = Sources { flags: &flags, vars: &vars, file: Some(&file) };
    resolve(&sources, Purpose::Plan, 7).unwrap_or_else(|why| panic!("{why}")).plan
}

fn hash(n: u64) -> u64 {
    let z = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The recorder of one machine's part.
fn recorder(plan: &Plan, scenario: &Arc<dyn Scenario>, stages: Vec<StageRecord>) -> Recorder {
    let planned = stages.iter().map(|stage| stage.planned).sum();
    let names = (0..plan.identities.count).map(|key| (format!("key {}", key + 1), false));
    let mut recorder = Recorder::new(RecorderConfig {
        scenario: plan.scenario,
        labels: scenario.labels().to_vec(),
        checks: scenario.checks().to_vec(),
        probes: Vec::new(),
        stages,
        selectors: gate::required_selectors(&plan.criteria),
        limit_declared: true,
        identities: names.collect(),
        joined: false,
        planned,
        started_at: Timestamp { unix_millis: START.unix_millis - 2_500 },
    });
    recorder.set_load_offset(BEFORE_LOAD);
    recorder
}

/// What comes of an arrival by its number: answers of 2 to 150 ms, a few errors.
fn sample((n, stage, due): (u64, usize, Nanos), key: u32, refused: bool) -> Sample {
    let dice = hash(n);
    let (outcome, status, admitted) = match dice % 2000 {
        0 => (Outcome::ServerError, 503, Admitted::Unknown),
        _ if refused => (Outcome::RateLimited, 429, Admitted::No),
        _ => (Outcome::Accepted, 200, Admitted::Yes),
    };
    let sent = BEFORE_LOAD + due + Nanos::from_micros(20 + (dice >> 8 & 0x7f));
    let took = 2_000 + (dice >> 16 & 0x3fff) + (dice >> 40 & 0x1_ffff) * u64::from(dice % 50 == 7);
    let done = sent + Nanos::from_micros(took);
    Sample {
        sent,
        first_byte: done,
        done,
        status,
        outcome,
        bytes_sent: 200,
        bytes_received: 400,
        items: 1,
        admitted,
        ..Sample::dropped(n, stage as u16, IdentityId(key), BEFORE_LOAD + due)
    }
}

/// What one machine measures: in the last ten seconds of a minute refusals.
fn recorded(suite: &SuitePlan, shard: Shard) -> Recording {
    let plan = &suite.scenarios[0];
    let scenario: Arc<dyn Scenario> =
        scenario::build(&plan.settings, 7, "lg-many", Secrets::default())
            .expect("is written")
            .into();
    let schedule = Schedule::new(&plan.stages);
    let deal = Deal::new(plan, shard, &scenario);
    let mut recorder = recorder(plan, &scenario, deal.stages(&schedule));
    let (mut minute, mut used) = (u64::MAX, 0);
    for arrival in schedule.moments(deal.numbers(schedule.total())) {
        let (n, _, due) = arrival;
        if due.0 / 60_000_000_000 != minute {
            (minute, used) = (due.0 / 60_000_000_000, 0);
        }
        used += 1;
        let key = ((n - 1) % u64::from(plan.identities.count)) as u32;
        let sample = sample(arrival, key, used > LIMIT);
        recorder.sent(sample.sent, 1 + (n % 3) as u32);
        let failed = sample.outcome == Outcome::ServerError;
        recorder.record(&sample, failed.then_some(("unavailable", None)));
        if sample.outcome == Outcome::RateLimited {
            recorder.refused(true, false, false);
        }
    }
    recorder.finish(Ended::Completed, schedule.duration() + Nanos::from_secs(1))
}

fn report(suite: &SuitePlan, shard: Shard, recording: Recording) -> SuiteReport {
    let plan = suite.scenarios[0].clone();
    let verdict = gate::evaluate(&plan.criteria, &recording, None);
    let part = Part { shard, plan: suite.digest(), start_at: START, run: "many".to_owned() };
    let mut report = SuiteReport {
        schema_version: SCHEMA_VERSION,
        tool_version: load_gate::VERSION.to_owned(),
        tool_commit: None,
        run_id: "lg-many".to_owned(),
        started_at: recording.started_at,
        finished_at: recording.started_at.after(BEFORE_LOAD + recording.duration),
        environment: suite.environment.clone(),
        profile: suite.profile.clone(),
        seed: suite.seed,
        rate_scale: 1.0,
        duration_scale: 1.0,
        allow_skip: false,
        context: RunContext::default(),
        partial: false,
        shard: Some(part),
        verdict: verdict.kind,
        headline: String::new(),
        caveats: Vec::new(),
        doubts: Vec::new(),
        notices: Vec::new(),
        asked: vec![plan.scenario],
        scenarios: vec![ScenarioReport { plan, recording, verdict }],
    };
    report.weigh();
    report
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let shards: u32 = arguments.next().map_or(1_000, |n| n.parse().expect("a number"));
    let shard = |index| Shard::new(index, shards).expect("up to 10,000");
    let suite = plan(shards);
    let suite =
        suite.dealt(Dealing { shard: shard(1), start_at: Some(START), run: "many".to_owned() });
    for index in 1..=RECORDED.min(shards) {
        let recording = recorded(&suite, shard(index)).of_shard(index, shards);
        let text = suite_json(&report(&suite, shard(index), recording));
        println!("shard {index} of {shards}: {} bytes", text.len());
        let own = folder.join(index.to_string());
        std::fs::create_dir_all(&own)?;
        std::fs::write(own.join("suite.json"), text)?;
    }
    Ok(())
}
