//! Stripe webhooks: all seven event types, truly signed, some of them delivered again.

use serde_json::Value;

use crate::ids::{IdentityKind, ProbeKind, ScenarioId, Traffic};
use crate::outcome::ProbeEnd;
use crate::scenario::call::{Answer, Call, Expect, Judgement, Past, REMEMBERED, Request, Scenario};
use crate::scenario::entry::{Credential, Entry, ExchangeTrial, Probe, Setting, Takes, Trial};
use crate::scenario::events::{self, EventType, Subject};
use crate::scenario::judge::{self, BODY_IS_JSON, BODY_SIZE, COMMON, UNIQUE_KEYS};
use crate::scenario::metrics::{Own, OwnMetric};
use crate::scenario::random::Draw;
use crate::scenario::run::{Dice, Run, as_probe, headers};
use crate::scenario::settings::Settings;
use crate::scenario::stripe;
use crate::secret::Secret;
use crate::tags::{Label, LabelSet, TagKey};

pub(super) const ID: ScenarioId = ScenarioId::fixed("webhook");
const BAD_SIGNATURE: ProbeKind = ProbeKind::fixed("bad_signature");
const EXPIRED_SIGNATURE: ProbeKind = ProbeKind::fixed("expired_signature");
const MISSING_SIGNATURE: ProbeKind = ProbeKind::fixed("missing_signature");
const EVENT_TYPE: TagKey = TagKey::own("event_type");
const DUPLICATE: TagKey = TagKey::own("duplicate");
const PATH: &str = "/api/webhooks/stripe";

/// What others may know.
pub(super) const ENTRY: Entry = Entry {
    id: ID,
    method: "POST",
    path: PATH,
    success: RECEIVED,
    identity: IdentityKind::Global,
    credential: Some(&SECRET),
    minted_through: None,
    creates: Some("events"),
    settings: &[
        Setting { key: "duplicates", takes: Takes::Share },
        Setting { key: "stripe_customer", takes: Takes::Text },
        Setting { key: "stripe_price", takes: Takes::Text },
    ],
    probes: &[
        Probe {
            kind: BAD_SIGNATURE,
            what: "a wrongly signed event",
            unchecked: "the signature is not checked",
        },
        Probe {
            kind: EXPIRED_SIGNATURE,
            what: "an event signed an hour ago",
            unchecked: "the signature's age is not checked",
        },
        Probe {
            kind: MISSING_SIGNATURE,
            what: "an unsigned event",
            unchecked: "the signature is not checked",
        },
    ],
    tags: &[EVENT_TYPE, DUPLICATE],
    metrics: METRICS,
    defaults: ("load_tests/webhook.toml", include_str!("../../../load_tests/webhook.toml")),
    stream: 2,
    build: |run, settings, secret| Box::new(Webhook::new(run, settings, secret.as_ref())),
};

const SECRET: Credential = Credential {
    env: "STRIPE_WEBHOOK_SECRET",
    title: "webhook secret",
    missing: "no webhook secret: set STRIPE_WEBHOOK_SECRET",
    hint: "set STRIPE_WEBHOOK_SECRET to the signing secret of this environment (whsec_…)",
    trial: Trial::Exchange(&ExchangeTrial {
        probe: BAD_SIGNATURE,
        probe_title: "webhook signatures",
        right: "a rightly signed event",
        wrong: "a wrongly signed event",
        trace: "an accepted event leaves a trace there",
        refusals: &[
            (
                400,
                "the target finds the signature's time outside ±300 s, or the event malformed",
                "compare the clocks (see `clock`), then stripe_customer and stripe_price",
            ),
            (
                401,
                "the secret is not this environment's: every event would be refused",
                "copy STRIPE_WEBHOOK_SECRET from the endpoint's page in Stripe, whsec_ included",
            ),
        ],
        otherwise: ("events are not accepted now", "read the target's log for this event"),
        limited: "the webhook limiter is used up, so nobody can tell",
        promised: "the API promises 401",
        breach: "anybody can post events: signatures are not verified",
        unknown: "nobody can tell whether signatures are verified",
    }),
};

const RECEIVED: u16 = 200;
const OWN_CHECKS: usize = 1;

const CHECKS: [&str; COMMON + OWN_CHECKS] =
    ["status is 200", BODY_SIZE, BODY_IS_JSON, UNIQUE_KEYS, "body says status: success"];

const METRICS: &[OwnMetric] = &[
    OwnMetric::new("successful_webhooks", Own::Accepted, "webhooks accepted"),
    OwnMetric::new(
        "webhook_processing_duration",
        Own::Duration,
        "service time of accepted webhooks",
    ),
    OwnMetric::new("webhooks_by_event_type", Own::AcceptedBy(EVENT_TYPE), "webhooks accepted"),
    OwnMetric::new(
        "duplicate_events_detected",
        Own::AcceptedWith(DUPLICATE, "true"),
        "redeliveries accepted",
    ),
];

/// How many deliveries are looked at for one that was acknowledged.
const TRIES: usize = 64;

/// How old an expired signature is, in seconds; the API takes 300.
const EXPIRED: u64 = 3600;

/// `POST /api/webhooks/stripe`.
pub(super) struct Webhook {
    run: Run,
    duplicates: f64,
    customer: String,
    price: String,
    signer: Option<stripe::Signer>,
    /// The event types, then `duplicate:true` and `duplicate:false`.
    labels: Vec<Label>,
}

/// One event, as sent or sent before.
struct Event {
    body: Vec<u8>,
    kind: EventType,
}

impl Webhook {
    fn new(run: Run, settings: &Settings, secret: Option<&Secret>) -> Self {
        let label = |key, value: &str| Label { key, value: value.to_owned() };
        let labels = (EventType::ALL.iter().map(|kind| label(EVENT_TYPE, kind.name())))
            .chain(["true", "false"].map(|value| label(DUPLICATE, value)))
            .collect();
        let text = |key| settings.text(key).to_owned();
        let (customer, price) = (text("stripe_customer"), text("stripe_price"));
        let signer = secret.map(stripe::Signer::new);
        let duplicates = settings.number("duplicates");
        Self { run, duplicates, customer, price, signer, labels }
    }

    /// The event of one call, whether or not that call sent it: a function of
    /// (seed, run, traffic, n, unix).
    fn event(&self, traffic: Traffic, n: u64, unix: u64) -> Event {
        let mut draw = self.run.draw(Dice::Content, traffic, n);
        let kind = EventType::draw(&mut draw);
        let serial = self.run.serial(traffic, n);
        let (customer, price) = (&self.customer, &self.price);
        let body =
            events::bytes(kind, &Subject { customer, price, serial: &serial, unix }, &mut draw);
        Event { body, kind }
    }

    /// The acknowledged delivery that this call repeats, if it is to repeat one. Which
    /// arrivals are looked at is a function of (seed, n): neither who sends nor how
    /// soon answers come decides it, only what was acknowledged by then.
    fn repeated(&self, call: &Call<'_>) -> Option<Past> {
        if call.traffic != Traffic::Arrival {
            return None;
        }
        self.candidates(call.n)?.find_map(|n| call.past.delivery(n))
    }

    /// The deliveries that arrival `n` is to repeat one of, the first that can be had;
    /// `None`: it is a delivery of its own.
    fn candidates(&self, n: u64) -> Option<impl Iterator<Item = u64> + '_> {
        let mut draw = self.again(n)?;
        let tries = (0..TRIES).map(move |_| self.delivered_first(back(&mut draw, n)));
        Some(tries.filter(move |first| n - first <= REMEMBERED))
    }

    /// The rest of the stream that decided that arrival `n` repeats another; `None`: it
    /// doesn't.
    fn again(&self, n: u64) -> Option<Draw> {
        let mut draw = self.run.draw(Dice::Delivery, Traffic::Arrival, n);
        (draw.share() < self.duplicates).then_some(draw)
    }

    /// The delivery that `n` is, or that it repeats itself: a chain that ends with one
    /// of its own, or with the canary (0).
    fn delivered_first(&self, mut n: u64) -> u64 {
        while n > 0 {
            let Some(mut draw) = self.again(n) else { break };
            n = back(&mut draw, n);
        }
        n
    }
}

/// An earlier arrival than `n` (0: the canary), at most [`REMEMBERED`] before it.
fn back(draw: &mut Draw, n: u64) -> u64 {
    n.saturating_sub(1 + draw.below(n.min(REMEMBERED) as usize) as u64)
}

fn post(
    call: &Call<'_>,
    event: Event,
    duplicate: bool,
    signature: Option<String>,
    expect: Expect,
) -> Request {
    let mut headers = headers(call.identity, 1);
    headers.extend(signature.map(|signature| ("stripe-signature", signature)));
    Request {
        method: http::Method::POST,
        path: PATH.into(),
        headers,
        body: event.body,
        labels: LabelSet::EMPTY
            .with(event.kind as usize)
            .with(EventType::ALL.len() + usize::from(!duplicate)),
        repeatable: !duplicate && expect == Expect::Acknowledgement,
        expect,
    }
}

impl Scenario for Webhook {
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
        let past = self.repeated(call);
        let event = match past {
            // Of what is remembered only the canary has number 0.
            Some(Past { n: 0, unix }) => self.event(Traffic::Canary, 0, unix.as_secs()),
            Some(Past { n, unix }) => self.event(Traffic::Arrival, n, unix.as_secs()),
            None => self.event(call.traffic, call.n, call.unix.as_secs()),
        };
        let sign = |signer: &stripe::Signer| signer.sign(call.unix.as_secs(), &event.body);
        let signature = self.signer.as_ref().map(sign);
        post(call, event, past.is_some(), signature, Expect::Acknowledgement)
    }

    fn probe(&self, kind: ProbeKind, call: &Call<'_>) -> Request {
        let call = as_probe(call);
        let now = call.unix.as_secs();
        let event = self.event(call.traffic, call.n, now);
        let (kind, signature) = match kind {
            EXPIRED_SIGNATURE => (
                kind,
                self.signer
                    .as_ref()
                    .map(|signer| signer.sign(now.saturating_sub(EXPIRED), &event.body)),
            ),
            MISSING_SIGNATURE => (kind, None),
            _ => {
                let random = self.run.draw(Dice::Probe, call.traffic, call.n).text(32);
                let other = Secret::new(format!("whsec_{random}"));
                (BAD_SIGNATURE, Some(stripe::sign(&other, now, &event.body)))
            }
        };
        post(&call, event, false, signature, Expect::Refusal(kind))
    }

    fn judge(&self, _: &Request, answer: &Answer<'_>) -> Judgement {
        judge::judge(
            answer,
            RECEIVED,
            &self.run.known,
            |body: &Value| [body["status"] == "success"],
        )
    }

    fn repeats(&self) -> bool {
        self.duplicates > 0.0
    }

    fn original(&self, n: u64) -> Option<u64> {
        self.candidates(n)?.next()
    }

    fn judge_probe(&self, kind: ProbeKind, answer: &Answer<'_>) -> ProbeEnd {
        let refusal = if kind == EXPIRED_SIGNATURE { 400 } else { 401 };
        judge::judge_probe(refusal, answer.status)
    }

    fn advice(&self, status: u16) -> String {
        match status {
            401 => "the target refuses our signature: set STRIPE_WEBHOOK_SECRET to the signing \
                    secret of this environment's webhook endpoint, whsec_ included"
                .to_owned(),
            _ => format!(
                "the target answered {status} to a rightly signed event: is the URL that of the \
                 API itself, and do stripe_customer and stripe_price in [scenarios.webhook] exist \
                 there?"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
