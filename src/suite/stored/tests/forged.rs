//! What takes an accusation back, and was made up.

use super::*;

/// Eighty arrivals that took half a second each, some refused and some lost.
fn slow() -> Value {
    let outcome = |n| match n % 20 {
        3 => Outcome::RateLimited,
        7 => Outcome::Timeout,
        _ => Outcome::Accepted,
    };
    let place = |of| Outcome::ALL.iter().position(|outcome| *outcome == of).expect("is one");
    let fates: Vec<Fate> = (0..80).map(|n| (place(outcome(n)), 500_000 + n, 0)).collect();
    json(&suite(recorded(&fates, Ended::Completed, u64::MAX)))
}

/// `slow`, changed: why it is no recording.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut forged = slow();
    assert!(read_suite(&forged.to_string()).is_ok());
    change(&mut forged["scenarios"][0]);
    refusal(&forged)
}

#[test]
fn nothing_is_the_generators_doing_that_was_not_measured_of_it() {
    let excused = |n: u64| {
        changed(|scenario| {
            let slices = scenario["recording"]["slices"].as_object_mut().expect("is one");
            slices.values_mut().for_each(|slice| slice["excused"] = n.into());
        })
    };
    // Four timeouts, none of them in the slice of the accepted ones.
    for n in [1, 5, u64::MAX] {
        let said = excused(n);
        assert!(said.contains(".excused: ") && said.contains("timeouts"), "{said}");
    }
    for of in ["response_time", "service_time"] {
        let said = changed(|scenario| {
            let slices = scenario["recording"]["slices"].as_object_mut().expect("is one");
            slices.values_mut().for_each(|slice| slice["held"] = slice[of].clone());
        });
        assert!(said.contains("].held: the generator was neither away nor late"), "{said}");
    }
}

#[test]
fn what_was_measured_of_the_generator_may_have_been_its_doing() {
    let mut away = slow();
    let recording = &mut away["scenarios"][0]["recording"];
    recording["generator"]["longest_away"] = 600_000_000.into();
    let slices = recording["slices"].as_object_mut().expect("is one");
    slices.values_mut().for_each(|slice| slice["held"] = slice["service_time"].clone());
    assert!(read_suite(&away.to_string()).is_ok(), "it was away for longer");
    // Where connections had to be opened, every absence counts.
    let recording = &mut away["scenarios"][0]["recording"];
    recording["generator"]["longest_away"] = 9_000_000.into();
    let slices = recording["slices"].as_object_mut().expect("is one");
    for slice in slices.values_mut() {
        slice["phases"]["blocked"] = slice["service_time"].clone();
    }
    assert!(read_suite(&away.to_string()).is_ok(), "it was away often");
}

#[test]
fn what_contradicts_the_run_it_is_of_is_told_with_its_place() {
    type Case = (&'static str, Value, &'static str);
    let recording: [Case; 16] = [
        ("refusals/refused", 0.into(), "refusals: 0 refusals, but 4 rate-limit hits"),
        ("ledgers/1/refused", 9.into(), "refusals: "),
        ("ledgers/0/entries/0/0", 1_000_000_000_000_000_u64.into(), "ledgers[0]: the run was"),
        ("load_offset", u64::MAX.into(), "load_offset: "),
        ("excerpts/0/status", 204.into(), "excerpts[0]: status 204 does not end so"),
        ("excerpts/0/count", 0.into(), "excerpts[0]: it is there twice, or of nothing"),
        ("excerpts/0/arrival", 1_000_000.into(), "excerpts[0]: 1,000,000 arrival"),
        ("excerpts/0/at", 1_000_000_000_000_000_u64.into(), "excerpts[0].at: the run was over"),
        ("excerpts/0/text", "x".repeat(5000).into(), "excerpts[0].text: "),
        ("slowest/0/arrival", 1_000_000.into(), "slowest[0]: no such arrival"),
        ("slowest/0/arrival", 0.into(), "slowest[0]: no such arrival"),
        ("slowest/0/at", 1_000_000_000_000_000_u64.into(), "slowest[0]: no such arrival"),
        (
            "checks",
            vec![slow()["scenarios"][0]["recording"]["checks"][0].clone(); 40].into(),
            "checks: too many",
        ),
        (
            "statuses",
            serde_json::json!({"0": 4, "200": 72, "429": 4, "1": 0}),
            "statuses: there is no such",
        ),
        ("slices//held/count", 4.into(), "held"),
        ("ledgers/0/full_at", 1_000_000_000_000_000_000_u64.into(), "ledgers[0]"),
    ];
    let plan: [Case; 5] = [
        ("criteria/generator/max_dropped", 1e308.into(), "criteria.generator.max_dropped: "),
        ("criteria/generator/max_off_plan", 0.5.into(), "criteria.generator.max_off_plan: "),
        ("criteria/generator/max_lag", u64::MAX.into(), "criteria.generator.max_lag: "),
        ("engine/max_lag", u64::MAX.into(), "engine.max_lag: "),
        (
            "criteria/prediction",
            serde_json::json!({
                "admitted_low": 1, "admitted_high": 2, "hits_low": 3, "hits_high": 4,
                "hits_probable": 5
            }),
            "criteria.prediction: ",
        ),
    ];
    let recording =
        recording.map(|(path, value, said)| (format!("/recording/{path}"), value, said));
    let plan = plan.map(|(path, value, said)| (format!("/plan/{path}"), value, said));
    for (path, value, said) in recording.into_iter().chain(plan) {
        let found = changed(|scenario| match scenario.pointer_mut(&path) {
            Some(place) => *place = value,
            None => panic!("{path}"),
        });
        assert!(found.contains(said), "{path}: {found}");
    }
    let twice = changed(|scenario| {
        let excerpts = scenario["recording"]["excerpts"].as_array_mut().expect("is a list");
        excerpts.push(excerpts[0].clone());
    });
    assert!(twice.contains("it is there twice"), "{twice}");
}

#[test]
fn names_that_stand_at_every_series_are_as_short_as_they_may_be_made() {
    for path in ["/profile", "/run_id", "/environment/name", "/tool_version"] {
        let mut named = slow();
        *named.pointer_mut(path).expect("is there") = "x".repeat(255).into();
        assert!(read_suite(&named.to_string()).is_ok(), "{path}");
        *named.pointer_mut(path).expect("is there") = "x".repeat(256).into();
        let said = refusal(&named);
        assert!(said.ends_with("no name has 256 bytes"), "{path}: {said}");
    }
    let said = changed(|scenario| scenario["plan"]["profile"] = "x".repeat(256).into());
    assert!(said.contains("plan.profile: no profile's name is that long"), "{said}");
    let mut joined = slow();
    joined["run_id"] = vec!["lg-1"; 10_001].join("+").into();
    assert!(refusal(&joined).contains("run_id: these are too many runs"));
}

#[test]
fn quotes_of_nothing_are_no_recording_however_many() {
    let none = changed(|scenario| {
        let excerpts = scenario["recording"]["excerpts"].as_array_mut().expect("is a list");
        let nothing = Value::Object(
            excerpts[0]
                .as_object()
                .expect("is one")
                .clone()
                .into_iter()
                .chain([("count".to_owned(), 0.into())])
                .collect(),
        );
        *excerpts = vec![nothing; 1000];
    });
    assert!(none.contains("excerpts[0]: it is there twice, or of nothing"), "{none}");
}
