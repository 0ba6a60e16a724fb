//! Stripe events: the seven types, their mix, and the bytes of each.

use serde::Serialize;

use super::random::Draw;
use super::run::json_bytes;

/// What an invoice or a month of the plan costs, in cents.
const AMOUNT: u32 = 59_900;
const CURRENCY: &str = "usd";
const DAY: u64 = 86_400;

/// A type of event that the platform handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    SubscriptionCreated,
    SubscriptionUpdated,
    SubscriptionDeleted,
    PaymentSucceeded,
    PaymentFailed,
    MethodAttached,
    MethodDetached,
}

impl EventType {
    pub(super) const ALL: [Self; 7] = [
        Self::SubscriptionCreated,
        Self::SubscriptionUpdated,
        Self::SubscriptionDeleted,
        Self::PaymentSucceeded,
        Self::PaymentFailed,
        Self::MethodAttached,
        Self::MethodDetached,
    ];

    /// Stripe's name of it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SubscriptionCreated => "customer.subscription.created",
            Self::SubscriptionUpdated => "customer.subscription.updated",
            Self::SubscriptionDeleted => "customer.subscription.deleted",
            Self::PaymentSucceeded => "invoice.payment_succeeded",
            Self::PaymentFailed => "invoice.payment_failed",
            Self::MethodAttached => "payment_method.attached",
            Self::MethodDetached => "payment_method.detached",
        }
    }

    /// A type by the mix of docs/api.md: 30 % `payment_succeeded`, 20 %
    /// `subscription.updated`, and the remaining 50 % evenly over all seven.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        match draw.share() {
            share if share < 0.3 => Self::PaymentSucceeded,
            share if share < 0.5 => Self::SubscriptionUpdated,
            _ => draw.pick(&Self::ALL).copied().unwrap_or(Self::PaymentSucceeded),
        }
    }
}

/// What an event is about.
pub(super) struct Subject<'a> {
    /// The Stripe customer.
    pub(super) customer: &'a str,
    /// The Stripe price.
    pub(super) price: &'a str,
    /// What makes its ids unique.
    pub(super) serial: &'a str,
    /// When it happened, in seconds since 1970.
    pub(super) unix: u64,
}

#[derive(Serialize)]
struct Event<'a, O> {
    id: String,
    object: &'static str,
    r#type: &'static str,
    created: u64,
    livemode: bool,
    data: Data<'a, O>,
}

#[derive(Serialize)]
struct Data<'a, O> {
    object: &'a O,
}

#[derive(Serialize)]
struct Subscription<'a> {
    id: String,
    object: &'static str,
    customer: &'a str,
    status: &'static str,
    plan: Plan,
    current_period_start: u64,
    current_period_end: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_at_period_end: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canceled_at: Option<u64>,
}

#[derive(Serialize)]
struct Plan {
    id: &'static str,
    amount: u32,
    currency: &'static str,
    interval: &'static str,
}

#[derive(Serialize)]
struct Invoice<'a> {
    id: String,
    object: &'static str,
    customer: &'a str,
    subscription: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_paid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_due: Option<u32>,
    currency: &'static str,
    status: &'static str,
    attempt_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Lines<'a>>,
}

#[derive(Serialize)]
struct Lines<'a> {
    data: [Line<'a>; 1],
}

#[derive(Serialize)]
struct Line<'a> {
    pricing: Pricing<'a>,
}

#[derive(Serialize)]
struct Pricing<'a> {
    price_details: PriceDetails<'a>,
}

#[derive(Serialize)]
struct PriceDetails<'a> {
    price: &'a str,
}

#[derive(Serialize)]
struct PaymentMethod<'a> {
    id: String,
    object: &'static str,
    customer: &'a str,
    r#type: &'static str,
    card: Card,
}

#[derive(Serialize)]
struct Card {
    brand: &'static str,
    last4: String,
    exp_month: usize,
    exp_year: u64,
}

/// The bytes of an event: a function of its arguments, so that a redelivery can be
/// built again.
pub(super) fn bytes(kind: EventType, subject: &Subject<'_>, draw: &mut Draw) -> Vec<u8> {
    match kind {
        EventType::SubscriptionCreated
        | EventType::SubscriptionUpdated
        | EventType::SubscriptionDeleted => {
            envelope(kind, subject, &subscription(kind, subject, draw))
        }
        EventType::PaymentSucceeded | EventType::PaymentFailed => {
            envelope(kind, subject, &invoice(kind, subject, draw))
        }
        EventType::MethodAttached | EventType::MethodDetached => {
            envelope(kind, subject, &payment_method(subject, draw))
        }
    }
}

fn envelope<O: Serialize>(kind: EventType, subject: &Subject<'_>, object: &O) -> Vec<u8> {
    json_bytes(&Event {
        id: ["evt_", subject.serial].concat(),
        object: "event",
        r#type: kind.name(),
        created: subject.unix,
        livemode: false,
        data: Data { object },
    })
}

fn subscription<'a>(kind: EventType, subject: &Subject<'a>, draw: &mut Draw) -> Subscription<'a> {
    let deleted = kind == EventType::SubscriptionDeleted;
    // Somewhere within a month that has begun; a new one begins now.
    let begun =
        if kind == EventType::SubscriptionCreated { 0 } else { draw.below(28) as u64 * DAY };
    let start = subject.unix.saturating_sub(begun);
    Subscription {
        id: ["sub_", subject.serial].concat(),
        object: "subscription",
        customer: subject.customer,
        status: if deleted { "canceled" } else { "active" },
        plan: Plan { id: "pro_plan", amount: AMOUNT, currency: CURRENCY, interval: "month" },
        current_period_start: start,
        current_period_end: start.saturating_add(30 * DAY),
        cancel_at_period_end: deleted.then_some(false),
        canceled_at: deleted.then_some(subject.unix),
    }
}

fn invoice<'a>(kind: EventType, subject: &Subject<'a>, draw: &mut Draw) -> Invoice<'a> {
    let paid = kind == EventType::PaymentSucceeded;
    let price_details = PriceDetails { price: subject.price };
    Invoice {
        id: ["in_", subject.serial].concat(),
        object: "invoice",
        customer: subject.customer,
        subscription: ["sub_", subject.serial].concat(),
        amount_paid: paid.then_some(AMOUNT),
        amount_due: (!paid).then_some(AMOUNT),
        currency: CURRENCY,
        status: if paid { "paid" } else { "open" },
        attempt_count: if paid { 1 } else { 1 + draw.below(4) },
        lines: paid.then_some(Lines { data: [Line { pricing: Pricing { price_details } }] }),
    }
}

fn payment_method<'a>(subject: &Subject<'a>, draw: &mut Draw) -> PaymentMethod<'a> {
    // Mean Gregorian years: good enough for a card that expires after this one.
    let year = 1970 + subject.unix / 31_556_952;
    PaymentMethod {
        id: ["pm_", subject.serial].concat(),
        object: "payment_method",
        customer: subject.customer,
        r#type: "card",
        card: Card {
            brand: draw.pick(&["visa", "mastercard", "amex"]).copied().unwrap_or("visa"),
            last4: format!("{:04}", draw.below(10_000)),
            exp_month: 1 + draw.below(12),
            exp_year: year + 1 + draw.below(5) as u64,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes, for people to hold against docs/api.md.
    #[test]
    fn each_type_has_its_shape() {
        let subject =
            Subject { customer: "cus_1", price: "price_1", serial: "1a", unix: 1_760_000_000 };
        let shapes: Vec<String> = EventType::ALL
            .iter()
            .map(|kind| bytes(*kind, &subject, &mut Draw::of(&[*kind as u64])))
            .map(|body| String::from_utf8_lossy(&body).into_owned())
            .collect();
        insta::assert_snapshot!(shapes.join("\n"));
    }
}
