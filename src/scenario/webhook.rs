//! Stripe webhooks: all seven event types, truly signed, some of them delivered again.

use serde_json::Value;

use super::call::{Answer, Call, Expect, Judgement, Past, ProbeResult, Request, Scenario};
use super::events::{self, EventType, Subject};
use super::judge::{self, BODY_IS_JSON, BODY_SIZE, COMMON};
use super::run::{Purpose, Run, as_probe, headers};
use super::stripe;
use crate::ids::{ProbeKind, ScenarioId, Traffic};
use crate::secret::Secret;
use crate::tags::{Label, LabelSet, TagKey};

const RECEIVED: u16 = 200;
const OWN_CHECKS: usize = 1;

const CHECKS: [&str; COMMON + OWN_CHECKS] =
    ["status is 200", BODY_SIZE, BODY_IS_JSON, "body says status: success"];

/// How old an expired signature is, in seconds; the API takes 300.
const EXPIRED: u64 = 3600;

/// `POST /api/webhooks/stripe`.
pub(super) struct Webhook {
    run: Run,
    duplicates: f64,
    customer: String,
    price: String,
    secret: Option<Secret>,
    /// The event types, then `duplicate:true` and `duplicate:false`.
    labels: Vec<Label>,
}

/// One event, as sent or sent before.
struct Event {
    body: Vec<u8>,
    kind: EventType,
}

impl Webhook {
    pub(super) fn new(
        run: Run,
        duplicates: f64,
        customer: &str,
        price: &str,
        secret: Option<Secret>,
    ) -> Self {
        let label = |key, value: &str| Label { key, value: value.to_owned() };
        let labels = (EventType::ALL.iter().map(|kind| label(TagKey::EventType, kind.name())))
            .chain(["true", "false"].map(|value| label(TagKey::Duplicate, value)))
            .collect();
        let (customer, price) = (customer.to_owned(), price.to_owned());
        Self { run, duplicates, customer, price, secret, labels }
    }

    /// The event of one call, whether or not that call sent it: a function of
    /// (seed, run, traffic, n, unix).
    fn event(&self, traffic: Traffic, n: u64, unix: u64) -> Event {
        let mut draw = self.run.draw(Purpose::Content, traffic, n);
        let kind = EventType::draw(&mut draw);
        let serial = self.run.serial(traffic, n);
        let (customer, price) = (&self.customer, &self.price);
        let body =
            events::bytes(kind, &Subject { customer, price, serial: &serial, unix }, &mut draw);
        Event { body, kind }
    }

    /// The acknowledged delivery that this call repeats, if it is to repeat one.
    fn repeated(&self, call: &Call<'_>) -> Option<Past> {
        if call.traffic != Traffic::Arrival {
            return None;
        }
        let mut draw = self.run.draw(Purpose::Delivery, call.traffic, call.n);
        let again = draw.share() < self.duplicates;
        if again { draw.pick(call.past).copied() } else { None }
    }
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
        path: "/api/webhooks/stripe",
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
        ScenarioId::Webhook
    }

    fn labels(&self) -> &[Label] {
        &self.labels
    }

    fn checks(&self) -> &[&'static str] {
        &CHECKS
    }

    fn probes(&self) -> &[ProbeKind] {
        &[ProbeKind::BadSignature, ProbeKind::ExpiredSignature, ProbeKind::MissingSignature]
    }

    fn request(&self, call: &Call<'_>) -> Request {
        let past = self.repeated(call);
        let event = match past {
            // Of what is remembered only the canary has number 0.
            Some(Past { n: 0, unix }) => self.event(Traffic::Canary, 0, unix.as_secs()),
            Some(Past { n, unix }) => self.event(Traffic::Arrival, n, unix.as_secs()),
            None => self.event(call.traffic, call.n, call.unix.as_secs()),
        };
        let sign = |secret| stripe::sign(secret, call.unix.as_secs(), &event.body);
        let signature = self.secret.as_ref().map(sign);
        post(call, event, past.is_some(), signature, Expect::Acknowledgement)
    }

    fn probe(&self, kind: ProbeKind, call: &Call<'_>) -> Request {
        let call = as_probe(call);
        let now = call.unix.as_secs();
        let event = self.event(call.traffic, call.n, now);
        let (kind, signature) = match kind {
            ProbeKind::ExpiredSignature => (
                kind,
                self.secret
                    .as_ref()
                    .map(|secret| stripe::sign(secret, now.saturating_sub(EXPIRED), &event.body)),
            ),
            ProbeKind::MissingSignature => (kind, None),
            _ => {
                let random = self.run.draw(Purpose::Probe, call.traffic, call.n).text(32);
                let other = Secret::new(format!("whsec_{random}"));
                (ProbeKind::BadSignature, Some(stripe::sign(&other, now, &event.body)))
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

    fn judge_probe(&self, kind: ProbeKind, answer: &Answer<'_>) -> ProbeResult {
        let refusal = if kind == ProbeKind::ExpiredSignature { 400 } else { 401 };
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
