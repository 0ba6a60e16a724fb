//! What the tests of the scenarios share: settings, calls and answers.

use std::time::Duration;

use proptest::test_runner::{Config, RngSeed};
use serde_json::Value;

use super::{Answer, Call, Identity, Scenario, Secrets, Settings, build};
use crate::ids::{IdentityId, ScenarioId, Traffic};
use crate::outcome::Outcome;
use crate::secret::Secret;

pub(super) const UNIX: Duration = Duration::new(1_760_000_000, 250_000_000);
pub(super) const WEBHOOK_SECRET: &str = "whsec_of_the_test";
pub(super) const KEY: &str = "an-opaque-key";

/// Property tests try the same cases in every run and leave no files.
pub(super) fn same_cases() -> Config {
    Config { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() }
}

/// A scenario of seed 7 and run `run-1`.
pub(super) fn scenario(id: ScenarioId) -> Box<dyn Scenario> {
    scenario_of(id, 7, "run-1")
}

pub(super) fn scenario_of(id: ScenarioId, seed: u64, run_id: &str) -> Box<dyn Scenario> {
    let settings = match id.name() {
        "onboarding" => Settings::new(id, [("email_domain", "loadtest.test".into())]),
        "credential-vending" => Settings::new(
            id,
            [
                ("providers", vec!["anthropic", "openai"].into()),
                ("ttl_minutes", vec![60, 120, 180, 240].into()),
            ],
        ),
        _ => Settings::new(
            id,
            [
                ("duplicates", 0.1.into()),
                ("stripe_customer", "cus_loadgate".into()),
                ("stripe_price", "price_loadgate".into()),
            ],
        ),
    };
    let secrets =
        Secrets { signing: Some(Secret::new(WEBHOOK_SECRET)), known: vec![Secret::new(KEY)] };
    build(&settings, seed, run_id, secrets).expect("is built in")
}

pub(super) fn identity() -> Identity {
    Identity { id: IdentityId(0), address: None, key: Some(Secret::new(KEY)), captured: None }
}

pub(super) fn call(identity: &Identity, traffic: Traffic, n: u64) -> Call<'_> {
    Call { n, traffic, unix: UNIX, identity, past: &() }
}

/// An answer that took 40 ms.
pub(super) fn answer(status: u16, body: &[u8]) -> Answer<'_> {
    Answer {
        status,
        content_type: Some("application/json"),
        headers: None,
        body: Some(body),
        sent_unix: UNIX,
        done_unix: UNIX + Duration::from_millis(40),
        skew: 0.0,
        secrets: &[],
        refused: status == 429,
    }
}

pub(super) fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("is JSON")
}

/// Holds that `scenario` finds fault with `body` (and what it says first).
#[track_caller]
pub(super) fn assert_contract(
    scenario: &dyn Scenario,
    request: &super::Request,
    status: u16,
    body: &Value,
    check: &str,
) {
    let body = body.to_string();
    let judgement = scenario.judge(request, &answer(status, body.as_bytes()));
    assert_eq!(judgement.outcome, Some(Outcome::Contract), "{check}: {body}");
    let first = scenario.checks()[judgement.failed.trailing_zeros() as usize];
    assert_eq!(first, check, "{body}");
    assert_eq!(judgement.items, 0);
    assert_eq!((judgement.excerpt, judgement.minted.is_none()), (None, true));
    let all = (1_u32 << scenario.checks().len()) - 1;
    assert_eq!(judgement.passed ^ judgement.failed, all, "every check is recorded once");
}
