//! Series as plain data: a family's name and meaning, labels, and a value at one moment.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::measure::Trend;
use crate::plan::LONGEST_NAME;

/// What a family's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows while a run lasts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound, with count and sum.
    Histogram,
}

/// A name and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name as Prometheus has it: a counter's with `_total`.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub help: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The unit as OpenMetrics and UCUM-minded readers have it: `seconds`, `bytes`; empty: none.
    pub unit: &'static str,
}

impl Family {
    /// A family of load-gate's own names.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        unit: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name: Cow::Borrowed(name), help, kind, unit }
    }
}

/// Samples by upper bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Upper bounds in seconds, ascending, and how many samples are at most that (cumulative).
    /// The bound +Inf is `count`.
    pub bounds: Vec<(f64, u64)>,
    /// All samples.
    pub count: u64,
    /// Their sum in seconds.
    pub sum: f64,
    /// Every distinct span of the histogram behind it, in seconds, and its count: what native
    /// and exponential histograms are made of. Ascending.
    pub spans: Vec<(f64, u64)>,
}

impl Buckets {
    /// A trend's samples by `bounds` (seconds, ascending).
    #[must_use]
    pub fn of(trend: &Trend, bounds: &[f64]) -> Self {
        let spans: Vec<(f64, u64)> = trend.spans().map(|(s, n)| (s.as_secs_f64(), n)).collect();
        let mut rest = spans.iter().peekable();
        let mut seen = 0;
        let bounds = bounds
            .iter()
            .map(|&bound| {
                while let Some((_, n)) = rest.next_if(|(span, _)| *span <= bound) {
                    seen += n;
                }
                (bound, seen)
            })
            .collect();
        Self { bounds, count: trend.count(), sum: trend.total().as_secs_f64(), spans }
    }
}

/// A value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A counter's or a gauge's.
    Number(f64),
    /// A histogram's.
    Histogram(Buckets),
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub family: Family,
    /// Its labels, sorted by name; never empty values.
    pub labels: BTreeMap<Cow<'static, str>, String>,
    /// How it stands.
    pub value: SampleValue,
}

/// The labels that all series of a run share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// The environment's name.
    pub environment: String,
    /// The profile's name.
    pub profile: String,
    /// The run's id (k6's word, so that dashboards feel known).
    pub testid: String,
    /// Which part of a run this is; `None`: the whole.
    pub shard: Option<String>,
}

impl Common {
    /// The labels of a run. The id of one that many were put together to names them all:
    /// of that no more stands at every series than of other names.
    #[must_use]
    pub fn of(environment: &str, profile: &str, run_id: &str) -> Self {
        Self {
            environment: environment.to_owned(),
            profile: profile.to_owned(),
            testid: run_id.chars().take(LONGEST_NAME).collect(),
            shard: None,
        }
    }

    /// A series of this run.
    #[must_use]
    pub fn series(
        &self,
        family: &Family,
        labels: &[(&'static str, &str)],
        value: SampleValue,
    ) -> Series {
        let shared = [
            ("environment", self.environment.as_str()),
            ("profile", &self.profile),
            ("testid", &self.testid),
            ("shard", self.shard.as_deref().unwrap_or("")),
        ];
        let all = shared.iter().chain(labels).filter(|(_, value)| !value.is_empty());
        Series {
            family: family.clone(),
            labels: all.map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned())).collect(),
            value,
        }
    }

    /// A counter or a gauge of this run.
    #[must_use]
    pub fn number(&self, family: &Family, labels: &[(&'static str, &str)], value: f64) -> Series {
        self.series(family, labels, SampleValue::Number(value))
    }
}
