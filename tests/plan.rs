//! `plan` for every built-in profile: kept as snapshots, the numbers computed here once more, in another way.

use std::collections::BTreeMap;

use load_gate::config::{Flags, Purpose, Sources, resolve};
use load_gate::plan::{SuiteFeasibility, SuitePlan, suite_feasibility};
use load_gate::report::plan_text;

/// The plan of a built-in profile on an environment, with five keys.
fn plan(environment: &str, profile: &str) -> SuiteFeasibility {
    suite_feasibility(&resolved(environment, profile), false)
}

fn resolved(environment: &str, profile: &str) -> SuitePlan {
    let mut vars: BTreeMap<String, String> = (1..=5)
        .map(|n| (format!("TEST_API_KEY_{n}"), format!("rsolv_test_key_number_{n}_of_five")))
        .collect();
    vars.insert("STRIPE_WEBHOOK_SECRET".to_owned(), "whsec_of_a_test".to_owned());
    let flags = Flags {
        env: Some(environment.to_owned()),
        profile: Some(profile.to_owned()),
        ..Flags::default()
    };
    let sources = Sources { flags: &flags, vars: &vars, file: None };
    resolve(&sources, Purpose::Plan, 7).unwrap_or_else(|why| panic!("{why}")).plan
}

/// Moments of the arrivals of the nine-minute profiles and of smoke, by summing
/// the rate in steps of a tenth of a millisecond.
fn moments(rates: [f64; 3], lengths: [f64; 5]) -> Vec<f64> {
    let targets = [rates[0], rates[1], rates[2], rates[2], 0.0];
    let (mut moments, mut from, mut start, mut area) = (Vec::new(), 0.0, 0.0, 0.0);
    for (to, length) in targets.into_iter().zip(lengths) {
        let steps = (length * 10_000.0) as u64;
        for step in 0..steps {
            let middle = (step as f64 + 0.5) / steps as f64;
            area += (from + (to - from) * middle) / 10_000.0;
            if area >= moments.len() as f64 + 1.0 - 1e-6 {
                moments.push(start + step as f64 / 10_000.0);
            }
        }
        (from, start) = (to, start + length);
    }
    moments
}

/// What an anchored window admits of every `share`-th arrival, for all shares together.
fn anchored(moments: &[f64], share: usize, limit: u64, window: f64) -> u64 {
    let mut admitted = 0;
    for turn in 0..share {
        let (mut opened, mut count) = (f64::NEG_INFINITY, 0);
        for at in moments.iter().skip(turn).step_by(share) {
            if *at >= opened + window {
                (opened, count) = (*at, 0);
            }
            if count < limit {
                count += 1;
                admitted += 1;
            }
        }
    }
    admitted
}

/// What a sliding window admits of every `share`-th arrival, for all shares together.
fn sliding(moments: &[f64], share: usize, limit: usize, window: f64) -> u64 {
    let mut admitted = 0;
    for turn in 0..share {
        let mut seen: Vec<f64> = Vec::new();
        for at in moments.iter().skip(turn).step_by(share) {
            if seen.len() < limit || seen[seen.len() - limit] <= at - window {
                seen.push(*at);
            }
        }
        admitted += seen.len() as u64;
    }
    admitted
}

/// What an aligned window with that phase admits.
fn aligned(moments: &[f64], share: usize, limit: u64, window: f64, phase: f64) -> u64 {
    let mut counts: BTreeMap<(usize, i64), u64> = BTreeMap::new();
    for (i, at) in moments.iter().enumerate() {
        *counts.entry((i % share, ((at + phase) / window).floor() as i64)).or_default() += 1;
    }
    counts.into_values().map(|count| count.min(limit)).sum()
}

const NINE_MINUTES: [f64; 5] = [60.0, 60.0, 60.0, 300.0, 60.0];
const SMOKE: [f64; 5] = [2.0, 2.0, 2.0, 3.0, 1.0];

/// Profile, stage lengths, factor on the full rates, arrivals of each scenario.
const PROFILES: [(&str, [f64; 5], f64, [u64; 3]); 3] = [
    ("full", NINE_MINUTES, 1.0, [40_200, 80_400, 20_100]),
    ("production", NINE_MINUTES, 0.5, [20_100, 40_200, 10_050]),
    ("smoke", SMOKE, 1.0, [590, 1_180, 295]),
];

#[test]
fn the_numbers_of_every_built_in_profile_are_right() {
    for (profile, lengths, factor, totals) in PROFILES {
        let suite = plan("staging", profile);
        let scenarios = [
            ([20.0, 50.0, 100.0], 1, 10),
            ([40.0, 100.0, 200.0], 5, 60),
            ([10.0, 25.0, 50.0], 1, 1000),
        ];
        for (i, (rates, share, limit)) in scenarios.into_iter().enumerate() {
            let found = &suite.scenarios[i];
            let rates = rates.map(|rate| rate * factor);
            let moments = moments(rates, lengths);
            let name = format!("{profile} {}", found.scenario);
            assert_eq!(found.arrivals, totals[i], "{name}");
            assert!((moments.len() as u64).abs_diff(totals[i]) <= 1, "{name}: {}", moments.len());
            // A key may be set aside for the proof.
            let share = if found.set_aside { share - 1 } else { share };
            let (low, high) = found.accepted;
            for window in [60.0, 60.5, 61.0] {
                let admitted = anchored(&moments, share, limit, window);
                assert!((low..=high).contains(&admitted), "{name}: {admitted} of {low}..{high}");
            }
            for phase in 0..60 {
                let admitted = aligned(&moments, share, limit, 60.0, f64::from(phase));
                assert!((low..=high).contains(&admitted), "{name}: {admitted} of {low}..{high}");
            }
            // The fewest: a window of a minute, a second and the slack of clocks.
            let fewest = sliding(&moments, share, limit as usize, 61.25);
            if found.beside.is_empty() {
                assert!(low.abs_diff(fewest) <= 2, "{name}: {low}, not {fewest}");
            } else {
                // Another limit before it takes its places wherever its own windows lie.
                assert!(low <= fewest && low * 2 > fewest, "{name}: {low}, of {fewest}");
            }
        }
    }
}

#[test]
fn every_built_in_profile_reads_well() {
    for (environment, profile) in [
        ("staging", "full"),
        ("production", "production"),
        ("staging", "smoke"),
        ("embedded", "full"),
        ("embedded", "smoke"),
    ] {
        let text = plan_text(&plan(environment, profile), 100);
        insta::assert_snapshot!(format!("{environment}-{profile}"), text);
    }
}

/// The manifest in `load_tests/kubernetes` asks for what its plan needs, and deals it to as
/// many as there are pods.
#[test]
fn the_pods_of_the_manifest_get_what_the_plan_needs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("load_tests/kubernetes");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    let job: serde_norway::Value = serde_norway::from_str(&read("shards.yaml")).expect("YAML");
    let shards = job["spec"]["completions"].as_u64().expect("a number");
    for (field, named) in [("parallelism", "parallelism"), ("maxFailedIndexes", "failed")] {
        assert_eq!(job["spec"][field], shards, "{named} is not the number of shards");
    }
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let env = container["env"].as_sequence().expect("variables");
    let told = env.iter().find(|entry| entry["name"] == "LOAD_GATE_SHARDS").expect("is told");
    assert_eq!(told["value"], shards.to_string().as_str());
    let run = read("run.env");
    let of = |name: &str| {
        let line = run.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} isn't in run.env")).to_owned()
    };
    let plan = resolved(&of("LOAD_GATE_ENV"), &of("LOAD_GATE_PROFILE"));
    let shards = u32::try_from(shards).expect("few");
    let needs = load_gate::plan::Needs::of(&plan, shards);
    let requests = &container["resources"]["requests"];
    assert_eq!(requests["cpu"], needs.workers.to_string().as_str(), "{needs:?}");
    // What a process may open where nobody says otherwise, as in most container runtimes.
    assert!(needs.descriptors < 1 << 20, "{needs:?}");
}
