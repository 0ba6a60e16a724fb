//! Customer onboarding: a new customer for every arrival, who gets a trial and a key.

use serde::Serialize;
use serde_json::Value;

use crate::ids::{IdentityKind, ProbeKind, ScenarioId, Traffic};
use crate::outcome::ProbeEnd;
use crate::scenario::call::{Answer, Call, Expect, Judgement, Request, Scenario};
use crate::scenario::entry::{Entry, Probe, Setting, Takes};
use crate::scenario::judge::{self, BODY_IS_JSON, BODY_SIZE, COMMON, UNIQUE_KEYS};
use crate::scenario::metrics::{Own, OwnMetric};
use crate::scenario::run::{Dice, Run, as_probe, headers, json_bytes};
use crate::scenario::settings::Settings;
use crate::secret::Secret;
use crate::tags::{Label, LabelSet};

pub(super) const ID: ScenarioId = ScenarioId::fixed("onboarding");
const MALFORMED_EMAIL: ProbeKind = ProbeKind::fixed("malformed_email");
const PATH: &str = "/api/v1/customers/onboard";

/// What others may know.
pub(super) const ENTRY: Entry = Entry {
    id: ID,
    method: "POST",
    path: PATH,
    success: CREATED,
    identity: IdentityKind::Address,
    credential: None,
    minted_through: None,
    creates: Some("customers"),
    settings: &[Setting { key: "email_domain", takes: Takes::Environment }],
    probes: &[Probe {
        kind: MALFORMED_EMAIL,
        what: "an e-mail address without @",
        unchecked: "the e-mail address is not checked",
    }],
    tags: &[],
    metrics: METRICS,
    defaults: ("load_tests/onboarding.toml", include_str!("../../../load_tests/onboarding.toml")),
    stream: 0,
    build: |run, settings, _| Box::new(Onboarding::new(run, settings)),
};

const CREATED: u16 = 201;
const OWN_CHECKS: usize = 8;

const CHECKS: [&str; COMMON + OWN_CHECKS] = [
    "status is 201",
    BODY_SIZE,
    BODY_IS_JSON,
    UNIQUE_KEYS,
    "customer id is a number",
    "customer name is the one sent",
    "customer email is the one sent",
    "trial_fixes_limit is 5",
    "trial_fixes_used is 0",
    "subscription_type is trial",
    "api_key is present",
    "api_key has its shape",
];

const METRICS: &[OwnMetric] = &[
    OwnMetric::new("successful_onboards", Own::Accepted, "onboardings accepted"),
    OwnMetric::new("onboarding_duration", Own::Duration, "service time of accepted onboardings"),
];

const GIVEN_NAMES: [&str; 16] = [
    "Ada", "Amara", "Bruno", "Chen", "Dalia", "Edsger", "Farah", "Grace", "Hugo", "Ines", "Jonas",
    "Kofi", "Lena", "Mei", "Nadia", "Omar",
];

const FAMILY_NAMES: [&str; 16] = [
    "Abara", "Bauer", "Castro", "Dijkstra", "Eriksen", "Ferrari", "Garcia", "Hopper", "Ito",
    "Jensen", "Keller", "Lovelace", "Moreau", "Novak", "Okafor", "Perez",
];

/// `POST /api/v1/customers/onboard`.
pub(super) struct Onboarding {
    run: Run,
    email_domain: String,
}

/// The body of a request.
#[derive(Serialize)]
struct NewCustomer<'a> {
    name: &'a str,
    email: &'a str,
    source: &'static str,
    company: &'static str,
}

impl Onboarding {
    fn new(run: Run, settings: &Settings) -> Self {
        // Domains have no case, but an e-mail is to be echoed to the letter.
        Self { run, email_domain: settings.text("email_domain").to_lowercase() }
    }

    /// A customer whom nobody else has created.
    fn customer(&self, call: &Call<'_>) -> (String, String) {
        let mut draw = self.run.draw(Dice::Content, call.traffic, call.n);
        let given = draw.pick(&GIVEN_NAMES).copied().unwrap_or_default();
        let family = draw.pick(&FAMILY_NAMES).copied().unwrap_or_default();
        let serial = self.run.serial(call.traffic, call.n);
        (format!("{given} {family} {serial}"), format!("loadgate-{serial}@{}", self.email_domain))
    }
}

fn post(call: &Call<'_>, name: &str, email: &str, expect: Expect) -> Request {
    let body = NewCustomer { name, email, source: "load-gate", company: "load-gate" };
    Request {
        method: http::Method::POST,
        path: PATH.into(),
        headers: headers(call.identity, 0),
        body: json_bytes(&body),
        labels: LabelSet::EMPTY,
        repeatable: false,
        expect,
    }
}

impl Scenario for Onboarding {
    fn id(&self) -> ScenarioId {
        ID
    }

    fn labels(&self) -> &[Label] {
        &[]
    }

    fn checks(&self) -> &[&'static str] {
        &CHECKS
    }

    fn request(&self, call: &Call<'_>) -> Request {
        let (name, email) = self.customer(call);
        let minting = call.traffic == Traffic::Minting;
        let expect = Expect::Customer { name: name.clone(), email: email.clone(), minting };
        post(call, &name, &email, expect)
    }

    fn probe(&self, _: ProbeKind, call: &Call<'_>) -> Request {
        let (name, email) = self.customer(&as_probe(call));
        let malformed = email.replace('@', ".");
        post(call, &name, &malformed, Expect::Refusal(MALFORMED_EMAIL))
    }

    fn judge(&self, request: &Request, answer: &Answer<'_>) -> Judgement {
        let mut key = None;
        let mut judgement = judge::judge(answer, CREATED, &self.run.known, |body| {
            if matches!(request.expect, Expect::Customer { minting: true, .. }) {
                key = body["api_key"].as_str().map(Secret::new);
            }
            contract(body, &request.expect)
        });
        judgement.minted = key.filter(|_| judgement.failed == 0);
        judgement
    }

    fn judge_probe(&self, _: ProbeKind, answer: &Answer<'_>) -> ProbeEnd {
        judge::judge_probe(422, answer.status)
    }

    fn advice(&self, status: u16) -> String {
        match status {
            422 => format!(
                "the target refuses e-mail addresses at {}, as malformed or of a disposable \
                 domain: set email_domain in [environments.NAME] to a domain of your own that it \
                 takes (example.com and everything below it is refused)",
                self.email_domain
            ),
            _ => format!(
                "onboarding needs no authentication, yet the target answered {status}: is the \
                 URL that of the API itself, with no login, firewall or allow list before it?"
            ),
        }
    }
}

/// The checks of a new customer, in the order of [`CHECKS`].
fn contract(body: &Value, expect: &Expect) -> [bool; OWN_CHECKS] {
    let customer = &body["customer"];
    let (name_echoed, email_echoed) = match expect {
        Expect::Customer { name, email, .. } => {
            (customer["name"] == name.as_str(), customer["email"] == email.as_str())
        }
        _ => (false, false),
    };
    [
        customer["id"].is_number(),
        name_echoed,
        email_echoed,
        customer["trial_fixes_limit"].as_u64() == Some(5),
        customer["trial_fixes_used"].as_u64() == Some(0),
        customer["subscription_type"] == "trial",
        judge::is_text(&body["api_key"]),
        body["api_key"].as_str().is_some_and(has_key_shape),
    ]
}

/// Whether `key` is `rsolv_` and 43 characters of url-safe base64 (32 bytes unpadded).
fn has_key_shape(key: &str) -> bool {
    key.strip_prefix("rsolv_").is_some_and(|rest| {
        rest.len() == 43
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::outcome::Outcome;
    use crate::scenario::fixtures::{answer, assert_contract, call, identity, json, scenario};

    const KEY: &str = "rsolv_abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNO_";

    /// The answer that docs/api.md promises.
    fn created(request: &Request) -> Value {
        let sent = json(&request.body);
        json!({
            "customer": {
                "id": 4711, "name": sent["name"], "email": sent["email"],
                "trial_fixes_limit": 5, "trial_fixes_used": 0, "subscription_type": "trial",
            },
            "api_key": KEY,
        })
    }

    #[test]
    fn every_customer_is_new() {
        let (scenario, identity) = (scenario(ID), identity());
        let (mut names, mut emails) = (HashSet::new(), HashSet::new());
        for traffic in Traffic::ALL {
            for n in 0..2000 {
                let body = json(&scenario.request(&call(&identity, *traffic, n)).body);
                let email = body["email"].as_str().expect("a text").to_owned();
                assert!(email.ends_with("@loadtest.test") && email.len() < 64, "{email}");
                assert!(emails.insert(email));
                assert!(names.insert(body["name"].to_string()));
            }
        }
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        insta::assert_snapshot!(String::from_utf8_lossy(&request.body));
    }

    #[test]
    fn a_malformed_email_is_malformed_and_nothing_else_is() {
        let (scenario, identity) = (scenario(ID), identity());
        let kind = MALFORMED_EMAIL;
        let body = json(&scenario.probe(kind, &call(&identity, Traffic::Probe, 0)).body);
        assert!(!body["email"].as_str().expect("a text").contains('@'));
        assert_eq!(body["source"], "load-gate");
        assert!(judge::is_text(&body["name"]));
    }

    #[test]
    fn the_key_is_handed_out_to_minting_alone() {
        let (scenario, identity) = (scenario(ID), identity());
        for traffic in Traffic::ALL {
            let request = scenario.request(&call(&identity, *traffic, 1));
            let body = created(&request).to_string();
            let judgement = scenario.judge(&request, &answer(201, body.as_bytes()));
            assert_eq!(judgement.outcome, Some(Outcome::Accepted));
            let minted = judgement.minted.as_ref().map(Secret::expose);
            assert_eq!(minted, (*traffic == Traffic::Minting).then_some(KEY));
        }
    }

    #[test]
    fn each_part_of_the_contract_is_checked() {
        let (scenario, identity) = (scenario(ID), identity());
        let request = scenario.request(&call(&identity, Traffic::Minting, 9));
        let wrong = |pointer: &str, value: Value, check: &str| {
            let mut body = created(&request);
            *body.pointer_mut(pointer).expect("is there") = value;
            assert_contract(scenario.as_ref(), &request, 201, &body, check);
        };
        wrong("/customer", Value::Null, "customer id is a number");
        wrong("/customer/id", json!("4711"), "customer id is a number");
        wrong("/customer/name", json!("Ada"), "customer name is the one sent");
        wrong("/customer/email", json!("x@loadtest.test"), "customer email is the one sent");
        for limit in [json!(6), json!("5"), json!(5.5), Value::Null] {
            wrong("/customer/trial_fixes_limit", limit, "trial_fixes_limit is 5");
        }
        wrong("/customer/trial_fixes_used", json!(1), "trial_fixes_used is 0");
        wrong("/customer/subscription_type", json!("pro"), "subscription_type is trial");
        wrong("/api_key", Value::Null, "api_key is present");
        wrong("/api_key", json!(""), "api_key is present");
        for key in ["rsolv_short", &KEY[1..], &KEY.replace('-', "+"), &format!("{KEY}x")] {
            wrong("/api_key", json!(key), "api_key has its shape");
        }
    }

    proptest! {
        #![proptest_config(crate::scenario::fixtures::same_cases())]

        #[test]
        fn the_promised_answer_is_accepted(n in any::<u64>()) {
            let (scenario, identity) = (scenario(ID), identity());
            let request = scenario.request(&call(&identity, Traffic::Arrival, n));
            let mut body = created(&request);
            body["customer"]["extra"] = json!({"more": [1, 2]});
            let judgement = scenario.judge(&request, &answer(201, body.to_string().as_bytes()));
            prop_assert_eq!(judgement.outcome, Some(Outcome::Accepted));
            prop_assert_eq!(judgement.passed, (1 << CHECKS.len()) - 1);
            prop_assert_eq!((judgement.failed, judgement.items), (0, 1));
        }
    }
}
