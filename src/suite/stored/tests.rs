//! What load-gate recorded is read and judged as it was; what somebody made up is not.

mod forged;

use proptest::prelude::*;
use serde_json::Value;

use super::super::{ScenarioReport, SuiteReport, fixtures};
use super::*;
use crate::admission::{Admitted, DeclaredLimit, Scope};
use crate::gate::{self, VerdictKind};
use crate::ids::{IdentityId, ProbeKind, ScenarioId, Traffic};
use crate::measure::fixtures::accepted;
use crate::measure::{Ended, LineEvent, Recorder, RecorderConfig, Recording, Sample};
use crate::outcome::{Outcome, ProbeEnd};
use crate::plan::{Plan, Schedule, Stage};
use crate::scenario::Settings;
use crate::units::{Nanos, Timestamp};

const ID: ScenarioId = ScenarioId::fixed("webhook");
const NOW: Timestamp = Timestamp { unix_millis: 1_700_000_000_000 };
const LIMIT: DeclaredLimit = DeclaredLimit::of(10, Nanos::from_secs(2), Scope::Ip);

fn plan() -> Plan {
    let stage = |seconds| Stage { duration: Nanos::from_secs(seconds), target: 20.0 };
    let settings = Settings::new(ID, []);
    let mut plan = crate::plan::fixtures::plan(ID, settings, vec![stage(2), stage(3)]);
    plan.identities.count = 2;
    plan.probes.kinds = vec![ProbeKind::fixed("bad_signature")];
    plan.criteria.limit = Some(LIMIT);
    plan.criteria.thresholds = ["rate>0.5", "rate<0.2"]
        .into_iter()
        .zip(["success_rate", "errors{stage:hold}"])
        .map(|(text, key)| gate::parse_threshold(key, text).expect("reads"))
        .collect();
    plan
}

/// What became of an arrival: an outcome, a service time in microseconds, a lag in milliseconds.
type Fate = (usize, u64, u64);

fn answer(outcome: Outcome) -> (u16, Admitted) {
    match outcome {
        Outcome::Accepted | Outcome::Contract => (200, Admitted::Yes),
        Outcome::RateLimited => (429, Admitted::No),
        Outcome::Rejected => (403, Admitted::Yes),
        Outcome::ServerError => (503, Admitted::Unknown),
        Outcome::Unexpected => (302, Admitted::Yes),
        Outcome::Timeout | Outcome::Transport | Outcome::Dropped => (0, Admitted::Unknown),
    }
}

/// The recording of `fates`, an arrival each; of every fiftieth nobody waited for the end.
fn recording(fates: &[Fate], ended: Ended) -> Recording {
    recorded(fates, ended, 50)
}

/// The same, where nobody waited for the end of every `given_up`-th.
fn recorded(fates: &[Fate], ended: Ended, given_up: u64) -> Recording {
    let plan = plan();
    let schedule = Schedule::new(&plan.stages);
    let mut recorder = Recorder::new(RecorderConfig {
        scenario: ID,
        labels: Vec::new(),
        checks: vec!["status is 200", "body_size"],
        probes: plan.probes.kinds.clone(),
        stages: schedule.stages(),
        selectors: gate::required_selectors(&plan.criteria),
        limit_declared: true,
        identities: vec![("198.18.0.1".to_owned(), false), ("198.18.0.2".to_owned(), false)],
        joined: false,
        planned: schedule.total(),
        started_at: NOW,
    });
    recorder.connection(LineEvent::Opened { tcp: Nanos(900), tls: None, ahead: true });
    let probe = accepted(0, Nanos(1), Nanos(2), Nanos(3));
    recorder.record(&Sample { traffic: Traffic::Probe, ..probe }, None);
    recorder.probe(ProbeKind::fixed("bad_signature"), ProbeEnd::Held);
    let mut latest = 0;
    for ((n, stage, due), (outcome, took, lag)) in schedule.iter().zip(fates) {
        latest = latest.max(*lag);
        let outcome = Outcome::ALL[*outcome];
        let (status, admitted) = answer(outcome);
        let sent = due + Nanos::from_millis(*lag);
        let sample = Sample {
            stage: stage as u16,
            identity: IdentityId((n % 2) as u32),
            first_byte: sent + Nanos::from_micros(took / 2),
            // One of a bunch, whose latest was that late.
            held: Nanos::from_millis(latest - lag),
            excused: *lag > 100 && matches!(outcome, Outcome::Timeout | Outcome::Transport),
            status,
            outcome,
            bytes_sent: 9,
            bytes_received: 99,
            checks_passed: if outcome == Outcome::Accepted { 3 } else { 0 },
            checks_failed: u32::from(outcome == Outcome::Contract),
            admitted,
            ..accepted(n, due, sent, sent + Nanos::from_micros(*took))
        };
        if outcome == Outcome::Dropped {
            recorder.record(&Sample { sent: due, done: due, first_byte: due, ..sample }, None);
            continue;
        }
        if n % given_up == given_up - 1 {
            recorder.gave_up(&Sample { admitted: Admitted::Unknown, status: 0, ..sample });
            continue;
        }
        recorder.sent(sent, 1);
        let quoted = outcome != Outcome::Accepted;
        recorder.record(&sample, quoted.then_some(("said", None)));
        if status == 429 {
            recorder.refused(n % 2 == 0, false, false);
        }
    }
    recorder.finish(ended, Nanos::from_secs(6))
}

fn suite(recording: Recording) -> SuiteReport {
    let plan = plan();
    let verdict = gate::evaluate(&plan.criteria, &recording, None);
    let scenario = ScenarioReport { plan, recording, verdict };
    let mut suite = SuiteReport { asked: vec![ID], ..fixtures::suite(NOW, vec![scenario]) };
    suite.weigh();
    suite
}

/// Eighty arrivals, all accepted but a few.
fn fine() -> SuiteReport {
    let fates: Vec<Fate> = (0..80).map(|n| (if n % 40 == 7 { 2 } else { 0 }, 900 + n, 0)).collect();
    suite(recording(&fates, Ended::Completed))
}

fn json(suite: &SuiteReport) -> Value {
    serde_json::to_value(suite).expect("serialises")
}

fn refusal(suite: &Value) -> String {
    match read_suite(&suite.to_string()) {
        Ok(_) => panic!("it is read"),
        Err(refused) => refused.to_string(),
    }
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    prop::collection::vec((0..Outcome::ALL.len(), 0_u64..3_000_000, 0_u64..400), 0..80)
}

proptest! {
    // A case records, judges, writes, reads and judges again.
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// The promise to everybody who stores a run: it is read again, and judged as it was.
    #[test]
    fn whatever_was_recorded_is_read_and_judged_as_it_was(fates in fates(), end in 0_usize..3) {
        let after = Nanos::from_secs(1);
        let ended = [Ended::Completed, Ended::Running, Ended::Interrupted { after }];
        let suite = suite(recording(&fates, ended[end].clone()));
        let text = serde_json::to_string(&suite).expect("serialises");
        let read = read_suite(&text);
        prop_assert!(read.is_ok(), "{:?}", read.map(drop));
        let read = read.expect("was read").judged_anew(None);
        let again = serde_json::to_string(&read).expect("serialises");
        let differs = again.bytes().zip(text.bytes()).position(|(a, b)| a != b);
        let near = |text: &str| text.get(differs.unwrap_or(0).saturating_sub(99)..).map(|rest| {
            rest.chars().take(300).collect::<String>()
        });
        prop_assert!(again == text, "{:?} {:?}", near(&again), near(&text));
    }

    #[test]
    fn shards_that_were_merged_are_read(left in fates(), right in fates()) {
        let mut merged = recording(&left, Ended::Completed);
        merged.merge(&recording(&right, Ended::Completed)).expect("shards of one run");
        let mut suite = suite(merged);
        suite.run_id = "a+b".to_owned();
        for stage in &mut suite.scenarios[0].plan.stages {
            stage.target *= 2.0;
        }
        let read = read_suite(&serde_json::to_string(&suite).expect("serialises"));
        prop_assert!(read.is_ok(), "{:?}", read.map(drop));
    }
}

#[test]
fn what_did_not_run_is_read() {
    for ended in [
        Ended::Skipped { reason: "no key".to_owned() },
        Ended::Unreachable { reason: "refused".to_owned() },
        Ended::Interrupted { after: Nanos::ZERO },
    ] {
        for recording in [plan().not_run(NOW, ended.clone()), Recording::empty(ID, NOW, ended)] {
            let suite = suite(recording);
            let read = read_suite(&json(&suite).to_string()).expect("reads");
            assert_eq!(read.judged_anew(None), suite);
        }
    }
}

#[test]
fn figures_that_contradict_each_other_are_told_with_their_place() {
    let honest = json(&fine());
    assert!(read_suite(&honest.to_string()).is_ok());
    let recording = "/scenarios/0/recording";
    let all = format!("{recording}/slices/");
    for (path, value, said) in [
        (format!("{all}/outcomes/accepted"), 3900.into(), "recording.slices[\"\"]"),
        (format!("{all}/outcomes/accepted"), u64::MAX.into(), "slices[\"\"].outcomes"),
        (format!("{all}/requests"), 5.into(), "requests"),
        (format!("{all}/response_time/count"), 5.into(), "slices[\"\"].response_time"),
        (format!("{all}/response_time/max_ns"), 5.into(), "slices[\"\"].response_time"),
        (format!("{all}/response_time/sum_ns"), 5.into(), "slices[\"\"].response_time"),
        (format!("{all}/checks_failed"), 0.into(), "checks"),
        (format!("{recording}/statuses/200"), 5.into(), "statuses"),
        (format!("{recording}/checks/0/passes"), 90.into(), "checks[0]"),
        (format!("{recording}/generator/planned"), 8000.into(), "generator"),
        (format!("{recording}/generator/planned"), 8.into(), "generator"),
        (format!("{recording}/generator/sent"), 8.into(), "generator"),
        (format!("{recording}/stages/0/planned"), 8.into(), "stages"),
        (format!("{recording}/stages/1/end"), 8.into(), "stages"),
        (format!("{recording}/stages/1/target"), 8.into(), "stages[1]"),
        (format!("{recording}/duration"), 1_000_000_000.into(), "recording.duration"),
        (format!("{recording}/probes"), Value::Array(Vec::new()), "recording.probes"),
        (format!("{recording}/probes/0/kind"), "bad_key".into(), "recording.probes"),
        (format!("{recording}/ledgers"), Value::Array(Vec::new()), "ledgers"),
        (format!("{recording}/ledgers/0/full_at"), 0.into(), "ledgers[0].full_at"),
        (format!("{all}stage:1/requests"), 5.into(), "slices[\"stage:1\"]"),
        (format!("{all}stage:1/lag/max_ns"), 400_000_000.into(), "slices[\"stage:1\"].lag"),
        (format!("{recording}/timeline/width"), 0.into(), "timeline"),
        (format!("{recording}/timeline/bins/1/sent"), 800.into(), "timeline"),
        (format!("{recording}/timeline/bins/1/due"), 800.into(), "timeline.bins[1]"),
        (format!("{recording}/ledgers/0/admitted"), 1.into(), "ledgers[0]"),
        (format!("{recording}/ledgers/0/refused"), 1000.into(), "refusals on record"),
        (format!("{recording}/ledgers/0/entries/0"), "x".into(), "ledgers[0].entries[0]"),
        (format!("{recording}/refusals/json"), 1.into(), "refusals"),
        (format!("{recording}/excerpts/0/count"), 50.into(), "excerpts[0]"),
        (format!("{recording}/connections/ahead"), 50.into(), "connections"),
        (format!("{recording}/scenario"), "other".into(), "scenarios[0]"),
        ("/scenarios/0/plan/stages/0/target".to_owned(), (-1.0).into(), "plan.stages"),
        ("/scenarios/0/plan/stages/0/target".to_owned(), 21.into(), "recording.stages"),
        ("/schema_version".to_owned(), 0.into(), "schema_version"),
        ("/scenarios/0/plan/stages/0/target".to_owned(), 1e300.into(), "plan.stages"),
        ("/scenarios/0/plan/criteria/limit/limit".to_owned(), 0.into(), "criteria.limit"),
        (
            "/scenarios/0/plan/criteria/thresholds/0/expression".to_owned(),
            "rate>0.01".into(),
            "criteria.thresholds[0]",
        ),
        ("/scenarios/0/plan/stages".to_owned(), Value::Null, "scenarios[0].plan.stages"),
    ] {
        let mut forged = honest.clone();
        let place = forged.pointer_mut(&path);
        *place.unwrap_or_else(|| panic!("{path}")) = value;
        let refusal = refusal(&forged);
        assert!(refusal.starts_with("not a recording of load-gate: "), "{path}: {refusal}");
        assert!(refusal.contains(said), "{path}: {refusal}");
    }
    let mut twice = honest.clone();
    let scenarios = twice["scenarios"].as_array_mut().expect("is a list");
    scenarios.push(scenarios[0].clone());
    assert!(refusal(&twice).contains("scenarios[1]: there are two reports of webhook"));
}

#[test]
fn a_text_of_another_shape_is_told_so() {
    assert_eq!(
        refusal(&Value::Null),
        "not a recording of load-gate: invalid type: null, expected a recording at line 1 column 4"
    );
    let mut newer = json(&fine());
    newer["schema_version"] = 99.into();
    assert!(refusal(&newer).contains("schema version 99"));
    let mut skipped = json(&fine());
    skipped["scenarios"][0]["verdict"]["kind"] = "skipped".into();
    skipped["verdict"] = "skipped".into();
    let read = read_suite(&skipped.to_string()).expect("only its verdict is wrong");
    assert_eq!(read.judged_anew(None).verdict, fine().verdict);
    let large = " ".repeat(MOST_SUITE as usize + 1);
    assert!(matches!(read_suite(&large), Err(ReadError::TooLarge(_))));
}

#[test]
fn what_would_take_more_memory_than_any_run_is_not_read() {
    let mut many = json(&fine());
    many["notices"] = vec![""; 1_000_000].into();
    let refusal = refusal(&many);
    assert!(refusal.contains("notices: ") && refusal.contains("more memory"), "{refusal}");
    // The same again where nobody looks: it takes none.
    let mut unknown = json(&fine());
    unknown["something"] = vec![""; 1_000_000].into();
    assert!(read_suite(&unknown.to_string()).is_ok());
}

#[test]
fn a_stored_verdict_is_not_believed() {
    let honest = fine();
    assert!(honest.clone().judged_anew(None).caveats.is_empty());
    let mut forged = honest.clone();
    forged.verdict = VerdictKind::Fail;
    forged.headline = "fail: forged".to_owned();
    forged.scenarios[0].verdict.kind = VerdictKind::Fail;
    let read = forged.judged_anew(None);
    assert_eq!((read.verdict, &read.headline), (honest.verdict, &honest.headline));
    let [caveat] = read.caveats.as_slice() else { panic!("one caveat") };
    assert!(caveat.contains("stored verdict"), "{caveat}");
    assert!(caveat.contains(&format!("webhook is {}, stored as fail", honest.verdict)), "{caveat}");
    let whole = SuiteReport { verdict: VerdictKind::Fail, ..honest }.judged_anew(None);
    assert!(whole.caveats[0].contains("the run is"), "{:?}", whole.caveats);
}

#[test]
fn a_run_without_its_scenarios_is_inconclusive() {
    let mut none = json(&fine());
    none.as_object_mut().expect("is an object").remove("scenarios");
    for mut suite in [none, json(&SuiteReport { scenarios: Vec::new(), ..fine() })] {
        suite["verdict"] = "pass".into();
        let read = read_suite(&suite.to_string()).expect("reads").judged_anew(None);
        assert_eq!(read.verdict, VerdictKind::Inconclusive);
        assert_eq!(read.caveats.len(), 1);
    }
    let mut one = fine();
    one.scenarios[0].plan.criteria.thresholds.clear();
    one.scenarios[0].plan.criteria.limit = None;
    one.asked.push(ScenarioId::fixed("onboarding"));
    let read = one.judged_anew(None);
    assert_eq!(read.scenarios[0].verdict.kind, VerdictKind::Pass);
    assert_eq!(read.headline, "inconclusive: nothing is here of onboarding, which was to run");
    // Nor can anything be missed where nobody kept what was to run.
    let mut passed = json(&fine());
    let mut unasked = fine();
    unasked.scenarios[0].plan.criteria.thresholds.clear();
    unasked.scenarios[0].plan.criteria.limit = None;
    unasked.asked.clear();
    let text = json(&unasked);
    assert!(text.get("asked").is_none());
    let read = read_suite(&text.to_string()).expect("reads").judged_anew(None);
    assert_eq!(read.scenarios[0].verdict.kind, VerdictKind::Pass);
    assert_eq!(read.verdict, VerdictKind::Inconclusive);
    assert!(read.headline.contains("which scenarios were to run"), "{}", read.headline);
    passed["asked"] = vec!["onboarding"].into();
    assert!(refusal(&passed).contains("asked: something ran that was not to"));
    passed["asked"] = vec!["webhook", "webhook"].into();
    assert!(refusal(&passed).contains("asked: one is there twice"));
}

#[test]
fn a_run_that_never_ended_is_no_pass_though_all_was_measured() {
    let mut all = fine();
    all.scenarios[0].plan.criteria.thresholds.clear();
    all.scenarios[0].plan.criteria.limit = None;
    assert_eq!(all.clone().judged_anew(None).verdict, VerdictKind::Pass);
    all.partial = true;
    let read = read_suite(&json(&all).to_string()).expect("reads").judged_anew(None);
    assert_eq!(read.headline, "inconclusive: partial, the run never ended");
    assert_eq!(read.verdict, VerdictKind::Inconclusive);
}

#[test]
fn thresholds_relative_to_a_baseline_are_judged_by_what_the_run_kept_of_it() {
    let relative = gate::parse_threshold("http_req_duration", "avg<2*baseline").expect("reads");
    let mut suite = fine();
    let criteria = &mut suite.scenarios[0].plan.criteria;
    criteria.thresholds = vec![relative];
    let slow: Vec<Fate> = (0..80).map(|n| (0, 9_000 + n, 0)).collect();
    let baseline = recording(&slow, Ended::Completed);
    criteria.hold_against(&baseline);
    suite.judge(None);
    let finding = suite.scenarios[0].verdict.findings.iter().find_map(|f| f.threshold.as_ref());
    let bound = finding.and_then(|threshold| threshold.bound).expect("is known");
    assert!((17.0..19.0).contains(&bound), "{bound}");
    let read = read_suite(&json(&suite).to_string()).expect("reads").judged_anew(None);
    assert_eq!(read.scenarios[0].verdict, suite.scenarios[0].verdict);
    // What it is judged by is kept of it, whoever judges.
    let base = self::suite(baseline);
    suite.scenarios[0].plan.criteria.thresholds =
        vec![gate::parse_threshold("http_req_duration", "avg<2*baseline").expect("reads")];
    suite.judge(Some(&base));
    let again = read_suite(&json(&suite).to_string()).expect("reads").judged_anew(None);
    assert_eq!(again.scenarios[0].verdict, read.scenarios[0].verdict);
}
