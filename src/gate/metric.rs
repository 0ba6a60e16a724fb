//! The metrics of FORMATS.md: their names, their types, whose they are, and what they select.

use super::{Method, Metric, MetricKind, Operator};
use crate::ids::ScenarioId;
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};

impl Metric {
    /// Every metric, in FORMATS.md's order.
    pub const ALL: [Self; 23] = [
        Self::HttpReqs,
        Self::Iterations,
        Self::DroppedIterations,
        Self::HttpReqDuration,
        Self::HttpReqWaiting,
        Self::ResponseTime,
        Self::HttpReqFailed,
        Self::Checks,
        Self::Errors,
        Self::SuccessRate,
        Self::RateLimitHits,
        Self::SuccessfulOnboards,
        Self::OnboardingDuration,
        Self::SuccessfulExchanges,
        Self::CredentialVendingDuration,
        Self::CredentialsByProvider,
        Self::SuccessfulWebhooks,
        Self::WebhookProcessingDuration,
        Self::WebhooksByEventType,
        Self::DuplicateEventsDetected,
        Self::DataSent,
        Self::DataReceived,
        Self::ScheduleLag,
    ];

    /// Its name in thresholds and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpReqs => "http_reqs",
            Self::Iterations => "iterations",
            Self::DroppedIterations => "dropped_iterations",
            Self::HttpReqDuration => "http_req_duration",
            Self::HttpReqWaiting => "http_req_waiting",
            Self::ResponseTime => "response_time",
            Self::HttpReqFailed => "http_req_failed",
            Self::Checks => "checks",
            Self::Errors => "errors",
            Self::SuccessRate => "success_rate",
            Self::RateLimitHits => "rate_limit_hits",
            Self::SuccessfulOnboards => "successful_onboards",
            Self::OnboardingDuration => "onboarding_duration",
            Self::SuccessfulExchanges => "successful_exchanges",
            Self::CredentialVendingDuration => "credential_vending_duration",
            Self::CredentialsByProvider => "credentials_by_provider",
            Self::SuccessfulWebhooks => "successful_webhooks",
            Self::WebhookProcessingDuration => "webhook_processing_duration",
            Self::WebhooksByEventType => "webhooks_by_event_type",
            Self::DuplicateEventsDetected => "duplicate_events_detected",
            Self::DataSent => "data_sent",
            Self::DataReceived => "data_received",
            Self::ScheduleLag => "schedule_lag",
        }
    }

    /// The metric of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Its type.
    #[must_use]
    pub const fn kind(self) -> MetricKind {
        match self {
            Self::HttpReqDuration
            | Self::HttpReqWaiting
            | Self::ResponseTime
            | Self::OnboardingDuration
            | Self::CredentialVendingDuration
            | Self::WebhookProcessingDuration
            | Self::ScheduleLag => MetricKind::Trend,
            Self::HttpReqFailed | Self::Checks | Self::Errors | Self::SuccessRate => {
                MetricKind::Rate
            }
            _ => MetricKind::Counter,
        }
    }

    /// The one scenario that has it; `None`: every scenario has.
    #[must_use]
    pub const fn scenario(self) -> Option<ScenarioId> {
        match self {
            Self::SuccessfulOnboards | Self::OnboardingDuration => Some(ScenarioId::Onboarding),
            Self::SuccessfulExchanges
            | Self::CredentialVendingDuration
            | Self::CredentialsByProvider => Some(ScenarioId::CredentialVending),
            Self::SuccessfulWebhooks
            | Self::WebhookProcessingDuration
            | Self::WebhooksByEventType
            | Self::DuplicateEventsDetected => Some(ScenarioId::Webhook),
            _ => None,
        }
    }

    /// Whether `scenario` has it.
    #[must_use]
    pub fn belongs_to(self, scenario: ScenarioId) -> bool {
        self.scenario().is_none_or(|own| own == scenario)
    }

    /// The tag and the value that every sample of this metric has, where
    /// `selector` asks for another value: nothing could ever match.
    #[must_use]
    pub fn contradicts(self, selector: &Selector) -> Option<(TagKey, &'static str)> {
        self.scenario()?;
        let duplicates = (self == Self::DuplicateEventsDetected).then_some(TagKey::Duplicate);
        let implied =
            [(TagKey::Outcome, Outcome::Accepted.name()), (TagKey::ExpectedResponse, "true")]
                .into_iter()
                .chain(duplicates.map(|key| (key, "true")));
        implied
            .into_iter()
            .find(|(key, value)| selector.get(*key).is_some_and(|asked| asked != *value))
    }

    /// `selector`, narrowed by what the metric itself is about.
    #[must_use]
    pub fn narrow(self, selector: &Selector) -> Selector {
        let accepted = || selector.clone().with(TagKey::Outcome, Outcome::Accepted.name());
        match self {
            Self::OnboardingDuration
            | Self::CredentialVendingDuration
            | Self::WebhookProcessingDuration => accepted(),
            Self::DuplicateEventsDetected => accepted().with(TagKey::Duplicate, "true"),
            _ => selector.clone(),
        }
    }
}

impl MetricKind {
    /// What it takes, for messages.
    #[must_use]
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Trend => "avg, min, med, max or p(N)",
            Self::Rate => "rate",
            Self::Counter => "count or rate",
            Self::Gauge => "value",
        }
    }

    /// Its name, for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trend => "trend",
            Self::Rate => "rate",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }

    /// Whether it takes `method`.
    #[must_use]
    pub const fn takes(self, method: Method) -> bool {
        match self {
            Self::Trend => matches!(
                method,
                Method::Avg | Method::Min | Method::Med | Method::Max | Method::Percentile(_)
            ),
            Self::Rate => matches!(method, Method::Rate),
            Self::Counter => matches!(method, Method::Count | Method::Rate),
            Self::Gauge => matches!(method, Method::Value),
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Rate => f.write_str("rate"),
            Self::Value => f.write_str("value"),
            Self::Avg => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Med => f.write_str("med"),
            Self::Max => f.write_str("max"),
            Self::Percentile(n) => write!(f, "p({n})"),
        }
    }
}

impl Method {
    /// The quantile it asks for (0 to 1), if it asks for one.
    #[must_use]
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Med => Some(0.5),
            Self::Percentile(n) => Some(n / 100.0),
            _ => None,
        }
    }
}

impl Operator {
    /// Its sign.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether `observed` stands so to `bound`.
    #[must_use]
    pub fn holds(self, observed: f64, bound: f64) -> bool {
        match self {
            Self::Less => observed < bound,
            Self::LessOrEqual => observed <= bound,
            Self::Greater => observed > bound,
            Self::GreaterOrEqual => observed >= bound,
            Self::Equal => observed == bound,
            Self::NotEqual => observed != bound,
        }
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.sign())
    }
}
