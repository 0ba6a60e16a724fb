//! What a resolved plan announces: it is all that will be sent.

use super::*;
use crate::plan::{Dealing, Shard};

#[test]
fn a_plan_is_complete_when_it_is_handed_out() {
    let resolved = Try::default().env("embedded").run();
    let forging = resolved.plan.environment.verify_limits;
    for plan in &resolved.plan.scenarios {
        assert!(plan.criteria.prediction.is_some(), "{}", plan.scenario);
        assert_eq!(plan.clone().completed(SEED, forging), *plan, "nothing is left to be added");
        let proved = plan.identities.set_aside > 0;
        assert_eq!(plan.extras.proof_requests() > 0, proved, "{}", plan.scenario);
        let found = crate::plan::feasibility(plan, &resolved.plan);
        assert_eq!(found.prediction, plan.criteria.prediction);
    }
}

#[test]
fn time_goes_faster_for_embedded_limiters_where_the_load_is_short() {
    let limits = |resolved: &Resolved| -> Vec<_> {
        let of = |plan: &crate::plan::Plan| {
            let limit = plan.criteria.limit.expect("a limit");
            (limit.limit, limit.window)
        };
        resolved.plan.scenarios.iter().map(of).collect()
    };
    let smoke = Try::default().env("embedded").run();
    let two = Nanos::from_secs(2);
    assert_eq!((smoke.embedded_pace, limits(&smoke)), (30, vec![(10, two), (60, two), (34, two)]));
    let full = Try::default().env("embedded").flags(|f| f.profile = Some("full".to_owned())).run();
    let minute = Nanos::from_secs(60);
    assert_eq!(full.embedded_pace, 1);
    assert_eq!(limits(&full), [(10, minute), (60, minute), (1000, minute)]);
    assert_eq!(
        limits(&Try::default().flags(|f| f.profile = Some("smoke".to_owned())).run())[0].1,
        minute
    );
}

#[test]
fn a_profile_may_go_on() {
    let text = "[scenarios.onboarding.profiles.smoke]\nextend = \"4s\"";
    let plain = Try::default().env("embedded").run();
    let resolved = Try::file(text).env("embedded").run();
    let (before, after) = (&plain.plan.scenarios[0], &resolved.plan.scenarios[0]);
    assert_eq!(before.stages, after.stages);
    let most = after.extension.expect("it may go on").most;
    assert_eq!((most, after.criteria.decision.looks), (Nanos::from_secs(4), 3));
    let (short, long) = (before.criteria.prediction, after.criteria.prediction);
    let spans = |of: Option<crate::limits::Prediction>| of.map(|p| (p.hits_low, p.admitted_high));
    assert!(spans(long).expect("a limit").1 > spans(short).expect("a limit").1);
    let scaled = Try::file(text).env("embedded");
    let scaled = scaled.flags(|f| f.duration_scale = Some("0.5".to_owned())).run();
    assert_eq!(scaled.plan.scenarios[0].extension.map(|e| e.most), Some(Nanos::from_secs(2)));
    // Nobody could tell several machines that it does.
    let shard = Shard::new(1, 2).expect("is one");
    let dealt = resolved.plan.clone().dealt(Dealing { shard, ..Dealing::default() });
    let dealt = &dealt.scenarios[0];
    assert_eq!((dealt.extension, dealt.criteria.decision.looks), (None, 1));
    let ramps = "[scenarios.onboarding.profiles.smoke]\nextend = \"4s\"\n\
                 stages = [{ duration = \"5s\", target = 9 }]";
    assert!(Try::file(ramps).env("embedded").refusal().contains("holds a rate"));
}

#[test]
fn one_address_announces_the_request_that_names_another() {
    let one = "[scenarios.onboarding]\nidentities = 1";
    let resolved = Try::file(one).env("embedded").run();
    let plan = &resolved.plan.scenarios[0];
    assert!(plan.extras.naming && plan.identities.set_aside == 0);
    let prediction = plan.criteria.prediction.expect("a limit is declared");
    let mut silent = plan.clone();
    silent.extras.naming = false;
    let silent = silent.completed(SEED, false).criteria.prediction.expect("as before");
    assert_eq!(prediction.hits_high, silent.hits_high + 1);
    assert_eq!(prediction.hits_low, silent.hits_low);
    let mut never = Try::file(one).env("production");
    never.flags.confirm_production = Some("api.rsolv.dev".to_owned());
    let never = never.resolve(Purpose::Plan).expect("a plan");
    assert!(never.plan.scenarios.iter().all(|plan| !plan.extras.naming), "nothing is forged there");
}

#[test]
fn keys_that_could_not_be_had_change_the_prediction_too() {
    let wanted = Try::file("[scenarios.credential-vending]\nmint_keys = 4\nprofiles.full = [{ duration = \"0s\", target = 3 }, { duration = \"2m\", target = 3 }]")
        .var("TEST_API_KEY_1", "rsolv_the_only_key_there_is_0000000000000")
        .flags(|flags| flags.scenarios = vec![ScenarioId::fixed("credential-vending")])
        .run();
    let minting = wanted.plan.minting.as_ref().expect("keys are to be minted");
    assert_eq!(minting.through.scenario, ScenarioId::fixed("onboarding"));
    assert!(minting.through.stages.is_empty() && !minting.through.extras.naming);
    assert_eq!(minting.per_address, Some(10));
    let plan = wanted.plan.scenarios[0].clone();
    assert_eq!((plan.identities.count, plan.identities.set_aside), (4, 1));
    assert_eq!(plan.clone().with_identities(5, SEED), plan, "as many as planned");
    let short = plan.clone().with_identities(2, SEED);
    assert_eq!((short.identities.count, short.identities.set_aside), (2, 0));
    assert_eq!(short.extras.proof_requests(), 0);
    let (before, after) = (plan.criteria.prediction, short.criteria.prediction);
    let hits = |of: Option<crate::limits::Prediction>| of.expect("a limit").hits_high;
    assert!(
        hits(after) > hits(before),
        "two keys may be refused more than four: {before:?} {after:?}"
    );
}

#[test]
fn several_limits_stand_in_a_row_and_the_one_that_lets_through_least_comes_first() {
    let of = |limits: &str| {
        Try::file(&format!("[scenarios.onboarding]\nrate_limit = [{limits}]")).env("embedded")
    };
    let two = "{ limit = 1000, window = \"1h\", scope = \"ip\", refusal = { status = 503 } }, \
               { limit = 10, window = \"60s\", scope = \"ip\" }";
    let criteria = &of(two).run().plan.scenarios[0].criteria;
    assert_eq!(criteria.limit.expect("is declared").limit, 10);
    assert_eq!(criteria.beside.len(), 1);
    assert!([429, 503].into_iter().all(|status| criteria.refuses(status)));
    assert!(!criteria.refuses(500));
    for (limits, said) in [("", "1 to 8"), (&"{}, ".repeat(9), "1 to 8"), ("7", "table")] {
        let refusal = of(limits).refusal();
        assert!(refusal.contains(said), "{limits}: {refusal}");
    }
}
