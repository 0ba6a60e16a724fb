//! Credential exchange: every combination of providers and TTL, judged credential by credential.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ids::{IdentityKind, ProbeKind, ScenarioId, Traffic};
use crate::outcome::ProbeEnd;
use crate::scenario::call::{Answer, Call, Expect, Judgement, Request, Scenario};
use crate::scenario::entry::{Credential, Entry, GetTrial, Probe, Setting, Takes, Trial};
use crate::scenario::judge::{self, BODY_IS_JSON, BODY_SIZE, COMMON, UNIQUE_KEYS};
use crate::scenario::metrics::{Own, OwnMetric};
use crate::scenario::run::{Dice, Run, as_probe, headers, json_bytes};
use crate::scenario::settings::Settings;
use crate::secret::Secret;
use crate::tags::{Label, LabelSet, TagKey};

pub(super) const ID: ScenarioId = ScenarioId::fixed("credential-vending");
const BAD_KEY: ProbeKind = ProbeKind::fixed("bad_key");
const PROVIDER: TagKey = TagKey::own("provider");
const TTL: TagKey = TagKey::own("ttl");
const PATH: &str = "/api/v1/credentials/exchange";

/// What others may know.
pub(super) const ENTRY: Entry = Entry {
    id: ID,
    method: "POST",
    path: PATH,
    success: EXCHANGED,
    identity: IdentityKind::Key,
    credential: Some(&KEYS),
    minted_through: Some(super::onboarding::ID),
    creates: None,
    settings: &[
        Setting {
            key: "providers",
            takes: Takes::Words {
                what: "provider",
                known: &["anthropic", "openai", "openrouter", "ollama"],
            },
        },
        Setting {
            key: "ttl_minutes",
            takes: Takes::Numbers { what: "minutes", low: 1, high: 240, most: MAX_TTLS },
        },
    ],
    probes: &[Probe {
        kind: BAD_KEY,
        what: "an API key that nobody was given",
        unchecked: "the key is not checked",
    }],
    tags: &[PROVIDER, TTL],
    metrics: METRICS,
    defaults: (
        "load_tests/credential-vending.toml",
        include_str!("../../../load_tests/credential-vending.toml"),
    ),
    stream: 1,
    build: |run, settings, _| Box::new(CredentialVending::new(run, settings)),
};

const KEYS: Credential = Credential {
    env: "TEST_API_KEY_*",
    title: "API keys",
    missing: "no API key: set TEST_API_KEY_1 (and _2, …)",
    hint: "set TEST_API_KEY_1, _2, … to keys of test customers, or set mint_keys",
    trial: Trial::Get(&GetTrial {
        path: "/api/health",
        header: "x-api-key",
        one: "API key",
        limiter: "the key's own limiter (500 calls a minute) is used up",
    }),
};

const EXCHANGED: u16 = 200;
const OWN_CHECKS: usize = 7;

const CHECKS: [&str; COMMON + OWN_CHECKS] = [
    "status is 200",
    BODY_SIZE,
    BODY_IS_JSON,
    UNIQUE_KEYS,
    "every provider asked for is there",
    "no other provider is there",
    "api_key is present",
    "expires_at is a time",
    "expires_at is as asked",
    "usage.remaining_fixes is a number",
    "usage.reset_at is a time",
];

const METRICS: &[OwnMetric] = &[
    OwnMetric::new("successful_exchanges", Own::Accepted, "exchanges accepted"),
    OwnMetric::new(
        "credential_vending_duration",
        Own::Duration,
        "service time of accepted exchanges",
    ),
    OwnMetric::new(
        "credentials_by_provider",
        Own::ItemsBy(PROVIDER),
        "credentials delivered by accepted exchanges",
    ),
];

/// How far `expires_at` may lie outside sent + TTL to done + TTL, in seconds (docs/api.md).
const TOLERANCE: f64 = 5.0;

/// How much further when the server's clock is known to differ from ours: the
/// difference comes from Date headers, which show whole seconds.
const SKEW_TOLERANCE: f64 = 1.0;

/// The most providers and TTLs that are used; the config refuses more. Together
/// they fit into a [`LabelSet`].
const MAX_PROVIDERS: usize = 4;
const MAX_TTLS: usize = 48;

/// `POST /api/v1/credentials/exchange`.
pub(super) struct CredentialVending {
    run: Run,
    providers: Vec<String>,
    ttls: Vec<u16>,
    /// Providers, then TTLs.
    labels: Vec<Label>,
    /// Every non-empty set of providers (bit i: provider i) with every TTL (an
    /// index), shuffled. Arrival after arrival goes round it, so any as many
    /// arrivals in a row as it is long ask for everything once.
    deck: Vec<(usize, usize)>,
}

/// The body of a request.
#[derive(Serialize)]
struct Exchange<'a> {
    providers: &'a [String],
    ttl_minutes: u16,
}

impl CredentialVending {
    fn new(run: Run, settings: &Settings) -> Self {
        let mut providers = settings.texts("providers");
        providers.truncate(MAX_PROVIDERS);
        let mut ttls = settings.numbers("ttl_minutes");
        ttls.truncate(MAX_TTLS);
        let label = |key, value: String| Label { key, value };
        let labels = (providers.iter().map(|name| label(PROVIDER, name.clone())))
            .chain(ttls.iter().map(|ttl| label(TTL, ttl.to_string())))
            .collect();
        let mut deck: Vec<(usize, usize)> = (1..1 << providers.len())
            .flat_map(|set| (0..ttls.len()).map(move |ttl| (set, ttl)))
            .collect();
        run.draw(Dice::Order, Traffic::Arrival, 0).shuffle(&mut deck);
        Self { run, providers, ttls, labels, deck }
    }

    /// What arrival `n` asks for, and its labels.
    fn wish(&self, n: u64) -> (Vec<String>, u16, LabelSet) {
        let at = n.checked_rem(self.deck.len() as u64).unwrap_or(0) as usize;
        let (set, ttl) = self.deck.get(at).copied().unwrap_or((0, 0));
        let mut labels = LabelSet::EMPTY.with(self.providers.len() + ttl);
        let mut providers = Vec::with_capacity(self.providers.len());
        for (index, provider) in self.providers.iter().enumerate() {
            if set >> index & 1 == 1 {
                labels = labels.with(index);
                providers.push(provider.clone());
            }
        }
        (providers, self.ttls.get(ttl).copied().unwrap_or(60), labels)
    }

    fn post(&self, call: &Call<'_>, key: Option<&str>) -> Request {
        let (providers, ttl_minutes, labels) = self.wish(call.n);
        let mut headers = headers(call.identity, 3);
        if let Some(key) = key {
            headers.push(("x-api-key", key.to_owned()));
        }
        headers.push(("x-github-job", self.run.serial(call.traffic, call.n)));
        headers.push(("x-github-run", self.run.name.clone()));
        Request {
            method: http::Method::POST,
            path: PATH.into(),
            headers,
            body: json_bytes(&Exchange { providers: &providers, ttl_minutes }),
            labels,
            repeatable: false,
            expect: Expect::Credentials { providers, ttl_minutes },
        }
    }
}

impl Scenario for CredentialVending {
    fn id(&self) -> ScenarioId {
        ID
    }

    fn labels(&self) -> &[Label] {
        &self.labels
    }

    fn checks(&self) -> &[&'static str] {
        &CHECKS
    }

    fn request(&self, call: &Call<'_>) -> Request {
        self.post(call, call.identity.key.as_ref().map(Secret::expose))
    }

    fn probe(&self, _: ProbeKind, call: &Call<'_>) -> Request {
        let call = as_probe(call);
        let key = self.run.draw(Dice::Probe, call.traffic, call.n).text(43);
        let expect = Expect::Refusal(BAD_KEY);
        Request { expect, ..self.post(&call, Some(&format!("rsolv_{key}"))) }
    }

    fn judge(&self, request: &Request, answer: &Answer<'_>) -> Judgement {
        let (providers, ttl_minutes) = match &request.expect {
            Expect::Credentials { providers, ttl_minutes } => (providers.as_slice(), *ttl_minutes),
            _ => (&[][..], 0),
        };
        let mut judgement = judge::judge(answer, EXCHANGED, &self.run.known, |body| {
            contract(body, providers, ttl_minutes, answer)
        });
        judgement.items *= providers.len() as u32;
        judgement
    }

    fn judge_probe(&self, _: ProbeKind, answer: &Answer<'_>) -> ProbeEnd {
        judge::judge_probe(401, answer.status)
    }

    fn advice(&self, status: u16) -> String {
        match status {
            401 => "the target doesn't know the first API key: set TEST_API_KEY_1 to a key of a \
                    customer of this environment (keys of another environment don't work here)"
                .to_owned(),
            403 => "the customer of TEST_API_KEY_1 has reached the monthly usage limit: use a key \
                    of another customer, or raise the limit of this one"
                .to_owned(),
            422 => format!(
                "the target refuses what is asked of it (providers {}; TTLs {} minutes): set \
                 providers and ttl_minutes in [scenarios.credential-vending] to what it offers",
                self.providers.join(", "),
                self.ttls.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
            ),
            _ => format!("the target answered {status} to the first credential exchange"),
        }
    }
}

/// The checks of the credentials, in the order of [`CHECKS`].
fn contract(
    body: &Value,
    providers: &[String],
    ttl_minutes: u16,
    answer: &Answer<'_>,
) -> [bool; OWN_CHECKS] {
    let given = body["credentials"].as_object();
    let credential =
        |provider: &String| given.and_then(|given| given.get(provider)).unwrap_or(&Value::Null);
    let expiry = |provider: &String| unix_seconds(&credential(provider)["expires_at"]);
    let (earliest, latest) = expiry_bounds(ttl_minutes, answer);
    [
        providers.iter().all(|provider| credential(provider).is_object()),
        given.is_some_and(|given| given.keys().all(|name| providers.contains(name))),
        providers.iter().all(|provider| judge::is_text(&credential(provider)["api_key"])),
        providers.iter().all(|provider| expiry(provider).is_some()),
        providers.iter().all(|provider| {
            expiry(provider).is_some_and(|unix| (earliest..=latest).contains(&unix))
        }),
        body["usage"]["remaining_fixes"].is_number(),
        unix_seconds(&body["usage"]["reset_at"]).is_some(),
    ]
}

/// Between which moments of the server's clock `expires_at` must lie, in seconds
/// since 1970: sent + TTL - 5 s to done + TTL + 5 s, both moved by the server's
/// skew, and a second wider on each side where there is one.
fn expiry_bounds(ttl_minutes: u16, answer: &Answer<'_>) -> (f64, f64) {
    let skew = if answer.skew.is_finite() { answer.skew } else { 0.0 };
    let tolerance = if skew == 0.0 { TOLERANCE } else { TOLERANCE + SKEW_TOLERANCE };
    let shift = f64::from(ttl_minutes) * 60.0 + skew;
    (
        answer.sent_unix.as_secs_f64() + shift - tolerance,
        answer.done_unix.as_secs_f64() + shift + tolerance,
    )
}

/// A text of RFC 3339 as seconds since 1970.
fn unix_seconds(value: &Value) -> Option<f64> {
    let moment = OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()?;
    Some(moment.unix_timestamp() as f64 + f64::from(moment.nanosecond()) / 1e9)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::outcome::Outcome;
    use crate::scenario::fixtures::{
        KEY, UNIX, answer, assert_contract, call, identity, json, scenario,
    };

    /// The clock of the fixtures and so many seconds, in RFC 3339.
    fn moment(seconds: f64) -> String {
        let unix = UNIX.as_nanos() as i128 + (seconds * 1e9) as i128;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(unix).expect("in range");
        moment.format(&Rfc3339).expect("formats")
    }

    /// The answer that docs/api.md promises, `off` seconds from the TTL asked for.
    fn exchanged(request: &Request, off: f64) -> Value {
        let sent = json(&request.body);
        let expires_at = moment(sent["ttl_minutes"].as_f64().expect("a number") * 60.0 + off);
        let credentials: HashMap<&str, Value> = sent["providers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|provider| {
                let provider = provider.as_str().expect("a text");
                (provider, json!({"api_key": "sk-secret", "expires_at": expires_at}))
            })
            .collect();
        json!({
            "credentials": credentials,
            "usage": {"remaining_fixes": 85, "reset_at": "2025-11-01T00:00:00Z"},
        })
    }

    /// A request for both providers.
    fn for_both(scenario: &dyn Scenario) -> Request {
        let identity = identity();
        (0..12)
            .map(|n| scenario.request(&call(&identity, Traffic::Arrival, n)))
            .find(|request| request.labels.contains(0) && request.labels.contains(1))
            .expect("asks for both")
    }

    #[test]
    fn every_combination_comes_once_in_a_round() {
        let (scenario, identity) = (scenario(ID), identity());
        let labels: Vec<String> = scenario.labels().iter().map(ToString::to_string).collect();
        assert_eq!(
            labels,
            ["provider:anthropic", "provider:openai", "ttl:60", "ttl:120", "ttl:180", "ttl:240"]
        );
        for start in [1, 5, 1_000_003] {
            let mut seen = HashMap::new();
            for n in start..start + 12 {
                let request = scenario.request(&call(&identity, Traffic::Arrival, n));
                let body = json(&request.body);
                for (index, label) in scenario.labels().iter().enumerate() {
                    let asked = match label.key {
                        TTL => body["ttl_minutes"].as_u64() == label.value.parse().ok(),
                        _ => body["providers"]
                            .as_array()
                            .expect("a list")
                            .contains(&json!(label.value)),
                    };
                    assert_eq!(request.labels.contains(index), asked, "{label} of {body}");
                }
                *seen.entry(body.to_string()).or_insert(0) += 1;
            }
            assert_eq!(seen.len(), 12, "3 sets of providers, 4 TTLs");
        }
    }

    #[test]
    fn the_key_and_the_job_are_named() {
        let (scenario, identity) = (scenario(ID), identity());
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        assert_eq!(request.header("x-api-key"), Some(KEY));
        assert_eq!(request.header("x-github-run"), Some("run-1"));
        assert!(request.header("x-github-job").expect("is there").ends_with("a1"));
        let probe = scenario.probe(BAD_KEY, &call(&identity, Traffic::Probe, 1));
        let key = probe.header("x-api-key").expect("is there");
        assert_eq!(key.len(), "rsolv_".len() + 43);
        assert!(key.starts_with("rsolv_") && key != KEY);
        let next = scenario.probe(BAD_KEY, &call(&identity, Traffic::Probe, 2));
        assert_ne!(next.header("x-api-key"), Some(key));
    }

    #[test]
    fn each_part_of_the_contract_is_checked() {
        let scenario = scenario(ID);
        let request = for_both(scenario.as_ref());
        let wrong = |pointer: &str, value: Value, check: &str| {
            let mut body = exchanged(&request, 0.0);
            *body.pointer_mut(pointer).expect("is there") = value;
            assert_contract(scenario.as_ref(), &request, 200, &body, check);
        };
        let missing = "every provider asked for is there";
        wrong("/credentials", json!([]), missing);
        wrong("/credentials/openai", Value::Null, missing);
        wrong("/credentials/openai/api_key", json!(""), "api_key is present");
        wrong("/credentials/openai/api_key", json!(7), "api_key is present");
        for time in [json!("tomorrow"), json!(1_760_003_600), json!("2025-10-30")] {
            wrong("/credentials/openai/expires_at", time, "expires_at is a time");
        }
        wrong("/credentials/openai/expires_at", json!(moment(0.0)), "expires_at is as asked");
        wrong("/usage/remaining_fixes", json!("85"), "usage.remaining_fixes is a number");
        wrong("/usage", Value::Null, "usage.remaining_fixes is a number");
        wrong("/usage/reset_at", json!("soon"), "usage.reset_at is a time");

        let mut body = exchanged(&request, 0.0);
        body["credentials"]["ollama"] = body["credentials"]["openai"].clone();
        assert_contract(scenario.as_ref(), &request, 200, &body, "no other provider is there");
    }

    #[test]
    fn expiry_has_five_seconds_either_way_and_a_sixth_with_skew() {
        let scenario = scenario(ID);
        let request = for_both(scenario.as_ref());
        let accepts = |off: f64, skew: f64| {
            let body = exchanged(&request, off).to_string();
            let answer = Answer { skew, ..answer(200, body.as_bytes()) };
            scenario.judge(&request, &answer).outcome == Some(Outcome::Accepted)
        };
        assert!(accepts(-4.99, 0.0) && !accepts(-5.01, 0.0));
        assert!(accepts(5.03, 0.0) && !accepts(5.05, 0.0));
        // The server's clock is 100 s ahead of ours, and so is what it promises.
        assert!(accepts(100.0, 100.0) && !accepts(0.0, 100.0));
        assert!(accepts(94.01, 100.0) && !accepts(93.99, 100.0));
        assert!(accepts(-93.97, -100.0) && !accepts(-93.95, -100.0));
        assert!(accepts(0.0, f64::NAN));
    }

    proptest! {
        #![proptest_config(crate::scenario::fixtures::same_cases())]

        #[test]
        fn the_promised_answer_is_accepted(n in any::<u64>(), off in -4.9..4.9, slow in 0_u64..60) {
            let (scenario, identity) = (scenario(ID), identity());
            let request = scenario.request(&call(&identity, Traffic::Arrival, n));
            let body = exchanged(&request, off).to_string();
            let mut answer = answer(200, body.as_bytes());
            answer.done_unix += Duration::from_secs(slow);
            let judgement = scenario.judge(&request, &answer);
            prop_assert_eq!(judgement.outcome, Some(Outcome::Accepted));
            prop_assert_eq!(judgement.passed, (1 << CHECKS.len()) - 1);
            prop_assert_eq!(judgement.failed, 0);
            let asked = json(&request.body)["providers"].as_array().map_or(0, Vec::len);
            prop_assert_eq!(judgement.items as usize, asked);
        }
    }
}
