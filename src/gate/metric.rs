//! What a row of the table of metrics tells: whose it is, what it selects, how it is said.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Method, MetricKind};
use crate::ids::ScenarioId;
use crate::measure::{Recording, Resource, Slice, Trend};
use crate::outcome::{Outcome, OutcomeCounts};
use crate::tags::{Selector, TagKey};
use crate::units;

/// The tags that an arrival counted by a scenario's own metric always has.
const ACCEPTED: [(TagKey, &str); 2] =
    [(TagKey::Outcome, Outcome::Accepted.name()), (TagKey::ExpectedResponse, "true")];

/// The tag that says which resource of the service is meant.
pub const RESOURCE_NAME: TagKey = TagKey::own("name");

/// A metric: a row of the one table.
#[derive(Clone, Copy)]
pub struct Metric(pub(super) &'static MetricRow);

/// One row of the table of metrics.
#[derive(Clone, Copy)]
pub(super) struct MetricRow {
    /// Its name in thresholds and files.
    pub(super) name: &'static str,
    /// What its values are.
    pub(super) unit: Unit,
    /// The one scenario that has it; `None`: every scenario has.
    pub(super) owner: Option<ScenarioId>,
    /// How it is drawn from what a recording kept of the samples selected.
    pub(super) draw: Reading,
    /// Of a rate: how many of a second's ends count against it, and how many it is
    /// of, as far as ends alone tell. Shows whether failures come in streaks.
    pub(super) fate: fn(&OutcomeCounts) -> (u64, u64),
    /// Of a rate: the hits, and the samples they are among, of which the generator
    /// itself may be the reason.
    pub(super) spare: fn(&Slice) -> (u64, u64),
    /// Whether its spans count from the moment at which an arrival was due.
    pub(super) from_due: bool,
    /// Which samples it is about, whatever a selector asks for.
    pub(super) samples: Samples,
    /// The tag whose values tell its parts apart. An accepted arrival counts
    /// once in each of its parts.
    pub(super) split: Option<TagKey>,
    /// What bounds it before anything is sent.
    pub(super) basis: Basis,
    /// Whether an arrival's outcome alone decides its sample: under a selector
    /// that fixes the outcome it is always 0 or 1.
    pub(super) by_outcome: bool,
    /// Whether it speaks of the generator, not of the target.
    pub(super) of_generator: bool,
    /// What it is, in words.
    pub(super) about: &'static str,
}

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// Bytes.
    Bytes,
    /// A fraction, 0 to 1.
    Share,
    /// Milliseconds.
    Milliseconds,
    /// What each series says of itself.
    Own,
}

/// How a metric is drawn from a slice.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// A count.
    Counter(fn(&Slice) -> u64),
    /// Hits, and the samples they are among.
    Rate(fn(&Slice) -> (u64, u64)),
    /// A distribution of spans.
    Trend(fn(&Slice) -> &Trend),
    /// A series of the service's own monitoring, by the name that a selector gives.
    Resource,
}

/// Which samples a metric is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    /// All that the selector picks.
    All,
    /// Accepted arrivals, and the slice must be of those alone.
    Accepted,
    /// Accepted arrivals, which a slice counts apart; with a tag, of those that
    /// carry it.
    Counted(Option<(TagKey, &'static str)>),
}

/// What bounds a metric before anything is sent: a rate or trend rests on so
/// many samples, a counter counts at most so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The arrivals of the plan.
    Arrivals,
    /// The arrivals that a correct limiter admits.
    Admitted,
    /// Every request of the plan; of a part of them nothing is known.
    Requests,
    /// The refusals that a correct limiter gives, and more if it is worse.
    Refusals,
    /// Nothing is known.
    Unknown,
}

/// A metric of a recording, drawn from the samples that were selected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drawn<'a> {
    /// A count.
    Counter(u64),
    /// Hits among samples, at least one.
    Rate {
        /// The samples that were not zero.
        hits: u64,
        /// All samples.
        of: u64,
        /// The arrivals that they came with.
        arrivals: u64,
    },
    /// A distribution, not empty.
    Trend(&'a Trend),
    /// A series of the service's own monitoring, with at least one value.
    Gauge(&'a Resource),
}

impl Metric {
    /// Its name in thresholds and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// What it is, in words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        self.0.about
    }

    /// Its type.
    #[must_use]
    pub const fn kind(self) -> MetricKind {
        match self.0.draw {
            Reading::Counter(_) => MetricKind::Counter,
            Reading::Rate(_) => MetricKind::Rate,
            Reading::Trend(_) => MetricKind::Trend,
            Reading::Resource => MetricKind::Gauge,
        }
    }

    /// What its values are.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.0.unit
    }

    /// The one scenario that has it; `None`: every scenario has.
    #[must_use]
    pub const fn scenario(self) -> Option<ScenarioId> {
        self.0.owner
    }

    /// Whether `scenario` has it.
    #[must_use]
    pub fn belongs_to(self, scenario: ScenarioId) -> bool {
        self.scenario().is_none_or(|own| own == scenario)
    }

    /// The tag whose values tell its parts apart, if it has parts.
    #[must_use]
    pub const fn split(self) -> Option<TagKey> {
        self.0.split
    }

    /// Of a rate: how many of these ends count against it, and how many it is of.
    pub(super) fn fate(self, ends: &OutcomeCounts) -> (u64, u64) {
        (self.0.fate)(ends)
    }

    /// Of a trend: its spans, counted from sending where they count from the moment
    /// at which an arrival was due.
    pub(super) fn since_sent(self, slice: &Slice) -> Option<&Trend> {
        match self.0.draw {
            Reading::Trend(_) if self.0.from_due => Some(&slice.service_time),
            Reading::Trend(of) => Some(of(slice)),
            Reading::Counter(_) | Reading::Rate(_) | Reading::Resource => None,
        }
    }

    /// Of a rate: hits and samples without those of which the generator itself may be
    /// the reason.
    pub(super) fn spared(self, slice: &Slice) -> (u64, u64) {
        let Reading::Rate(of) = self.0.draw else { return (0, 0) };
        let ((hits, of), (spared_hits, spared)) = (of(slice), (self.0.spare)(slice));
        (hits.saturating_sub(spared_hits), of.saturating_sub(spared))
    }

    /// What bounds it before anything is sent.
    #[must_use]
    pub const fn basis(self) -> Basis {
        self.0.basis
    }

    /// Whether an arrival's outcome alone decides its sample.
    #[must_use]
    pub const fn is_by_outcome(self) -> bool {
        self.0.by_outcome
    }

    /// Whether it speaks of the generator, not of the target.
    #[must_use]
    pub const fn is_of_generator(self) -> bool {
        self.0.of_generator
    }

    /// The tag and the value that every sample of this metric has, where
    /// `selector` asks for another value: nothing could ever match.
    #[must_use]
    pub fn contradicts(self, selector: &Selector) -> Option<(TagKey, &'static str)> {
        let tag = match self.0.samples {
            Samples::All => return None,
            Samples::Accepted => None,
            Samples::Counted(tag) => tag,
        };
        let implied = ACCEPTED.into_iter().chain(tag);
        implied
            .into_iter()
            .find(|(key, value)| selector.get(*key).is_some_and(|asked| asked != *value))
    }

    /// `selector`, narrowed by what the metric itself is about: what a recording
    /// has to keep for it.
    #[must_use]
    pub fn narrow(self, selector: &Selector) -> Selector {
        let accepted = || selector.clone().with(TagKey::Outcome, Outcome::Accepted.name());
        match self.0.samples {
            Samples::All | Samples::Counted(None) => selector.clone(),
            Samples::Accepted => accepted(),
            Samples::Counted(Some((key, value))) => accepted().with(key, value),
        }
    }

    /// What was kept of the samples that `selector` picks; `None`: nothing was.
    pub(super) fn slice<'a>(
        self,
        selector: &Selector,
        recording: &'a Recording,
    ) -> Option<&'a Slice> {
        kept(&self.narrow(selector), recording)
    }

    /// The service's resource that `selector` names, with values or without; `None`: this
    /// is no metric of resources, or nobody asked for that one.
    #[must_use]
    pub fn resource<'a>(
        self,
        selector: &Selector,
        recording: &'a Recording,
    ) -> Option<&'a Resource> {
        matches!(self.0.draw, Reading::Resource).then_some(())?;
        recording.resource(selector.get(RESOURCE_NAME)?)
    }

    /// It over the samples that `selector` picks; `None` when there are none, or
    /// when the recording didn't keep that slice.
    #[must_use]
    pub fn draw<'a>(self, selector: &Selector, recording: &'a Recording) -> Option<Drawn<'a>> {
        if let Reading::Resource = self.0.draw {
            let resource = self.resource(selector, recording)?;
            return (resource.count() > 0).then_some(Drawn::Gauge(resource));
        }
        let slice = self.slice(selector, recording)?;
        match self.0.draw {
            Reading::Resource => None,
            Reading::Trend(of) => Some(of(slice)).filter(|t| !t.is_empty()).map(Drawn::Trend),
            Reading::Rate(of) => {
                let (hits, of) = of(slice);
                let arrivals = (self.0.fate)(&slice.outcomes).1;
                (of > 0).then_some(Drawn::Rate { hits, of, arrivals })
            }
            Reading::Counter(_) if nothing_to_count(selector, recording) => None,
            Reading::Counter(_) if self.split().is_some_and(|tag| selector.get(tag).is_some()) => {
                Some(Drawn::Counter(slice.outcomes.get(Outcome::Accepted)))
            }
            Reading::Counter(of) => Some(Drawn::Counter(of(slice))),
        }
    }

    /// A value of it, taken by `method`, for people: `12.3 ms`, `99.53 %`, `40,200`.
    #[must_use]
    pub fn say(self, method: Method, value: f64) -> String {
        match (self.kind(), method) {
            (MetricKind::Trend, _) if value >= 0.0 && value.is_finite() => units::millis(value),
            (MetricKind::Rate, _) if (0.0..=1.0).contains(&value) => units::percent(value),
            (MetricKind::Counter, Method::Rate) if value.is_finite() => units::rate(value),
            (MetricKind::Counter, _) if value >= 0.0 && value.fract() == 0.0 => {
                units::count(value as u64)
            }
            _ => units::number(value),
        }
    }
}

/// The slice of `selector`. What is accepted is what was expected, so one stands
/// for the other.
fn kept<'a>(selector: &Selector, recording: &'a Recording) -> Option<&'a Slice> {
    let same = || {
        let (expected, accepted) = (TagKey::ExpectedResponse, Outcome::Accepted.name());
        let rest = selector.iter().filter(|(key, _)| *key != expected);
        let rest = rest.fold(Selector::all(), |all, (key, value)| all.with(key, value));
        let replaced = selector.get(expected) == Some("true")
            && selector.get(TagKey::Outcome).is_none_or(|outcome| outcome == accepted);
        replaced.then(|| rest.with(TagKey::Outcome, accepted))
    };
    recording.slice(selector).or_else(|| recording.slice(&same()?))
}

/// Whether no traffic at all has what `selector` asks for apart from how it ended:
/// counting none of that would say nothing. None of a certain status or outcome is
/// a count like any other.
fn nothing_to_count(selector: &Selector, recording: &Recording) -> bool {
    let ends = [TagKey::Outcome, TagKey::Status, TagKey::ExpectedResponse];
    let base = selector
        .iter()
        .filter(|(key, _)| !ends.contains(key))
        .fold(Selector::all(), |base, (key, value)| base.with(key, value));
    let empty = |slice: &Slice| slice.requests == 0 && slice.outcomes.total() == 0;
    empty(recording.total()) || recording.slice(&base).is_some_and(empty)
}

impl Unit {
    /// Its name, for documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => "bytes",
            Self::Share => "fraction",
            Self::Milliseconds => "ms",
            Self::Own => "its own",
        }
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Metric {}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name)
            .ok_or_else(|| serde::de::Error::custom(format!("there is no metric `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for metric in Metric::all() {
            let named: Vec<_> = Metric::all().filter(|m| m.name() == metric.name()).collect();
            assert_eq!(named.len(), 1, "{metric}");
            assert_eq!(Metric::parse(metric.name()), Some(metric));
            assert!(!metric.about().is_empty(), "{metric}");
        }
    }

    #[test]
    fn a_unit_belongs_to_the_kind() {
        for metric in Metric::all() {
            let fits = match metric.kind() {
                MetricKind::Trend => metric.unit() == Unit::Milliseconds,
                MetricKind::Rate => metric.unit() == Unit::Share,
                MetricKind::Counter => matches!(metric.unit(), Unit::Count | Unit::Bytes),
                MetricKind::Gauge => metric.unit() == Unit::Own,
            };
            assert!(fits, "{metric}");
        }
    }

    #[test]
    fn values_are_said_in_the_unit_of_the_metric() {
        let said = |name: &str, method, value| {
            Metric::parse(name).map(|m| m.say(method, value)).unwrap_or_default()
        };
        assert_eq!(said("response_time", Method::Percentile(95.0), 12.34), "12.3 ms");
        assert_eq!(said("success_rate", Method::Rate, 0.9953), "99.53 %");
        assert_eq!(said("success_rate", Method::Rate, 1.5), "1.5");
        assert_eq!(said("http_reqs", Method::Count, 40_200.0), "40,200");
        assert_eq!(said("http_reqs", Method::Rate, 12.5), "12.5/s");
    }
}
