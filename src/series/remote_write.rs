//! Series as Prometheus remote write 1.0: protobuf, compressed as one raw snappy block.

use prost::Message;

use super::types::{Buckets, Kind, SampleValue, Series};

/// The marker that ends a series: this very NaN (remote write 1.0, "Stale Markers").
const STALE: u64 = 0x7ff0_0000_0000_0002;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    family: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<NativeHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The fields of prompb.Histogram that an integer histogram without negative values has.
#[derive(Clone, PartialEq, Message)]
struct NativeHistogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, tag = "6")]
    zero_count: u64,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct BucketSpan {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

/// Eight buckets to a doubling: bounds 9 % apart.
const SCHEMA: i32 = 3;

/// The body of a write of `series`, all at the moment `at` (milliseconds since 1970).
/// `native`: histograms as native ones instead of classic buckets. Where `begins` has a
/// moment before that for a series, it was zero then: what appears later than the others
/// has a rate all the same.
#[must_use]
pub fn remote_write(
    series: &[Series],
    at: i64,
    native: bool,
    begins: impl Fn(&Series) -> Option<i64>,
) -> Vec<u8> {
    let mut timeseries = Vec::new();
    for one in series {
        let from = timeseries.len();
        expand(one, at, native, &mut timeseries);
        let before = begins(one).filter(|before| *before < at);
        for own in timeseries.iter_mut().skip(from).filter(|_| before.is_some()) {
            let timestamp = before.unwrap_or_default();
            if own.histograms.is_empty() {
                own.samples.insert(0, Sample { value: 0.0, timestamp });
            } else {
                let zero = NativeHistogram { schema: SCHEMA, timestamp, ..Default::default() };
                own.histograms.insert(0, zero);
            }
        }
    }
    encode(timeseries, metadata(series))
}

/// The body that ends `series` at the moment `at`: a stale marker for each.
#[must_use]
pub fn stale(series: &[Series], at: i64, native: bool) -> Vec<u8> {
    let mut timeseries = Vec::new();
    for one in series {
        expand(one, at, native, &mut timeseries);
    }
    for one in &mut timeseries {
        one.samples = vec![Sample { value: f64::from_bits(STALE), timestamp: at }];
        if !one.histograms.is_empty() {
            one.samples.clear();
            let sum = f64::from_bits(STALE);
            one.histograms = vec![NativeHistogram { sum, timestamp: at, ..Default::default() }];
        }
    }
    encode(timeseries, Vec::new())
}

fn encode(timeseries: Vec<TimeSeries>, metadata: Vec<Metadata>) -> Vec<u8> {
    let body = WriteRequest { timeseries, metadata }.encode_to_vec();
    // A raw block errs only above 4 GiB.
    snap::raw::Encoder::new().compress_vec(&body).unwrap_or_default()
}

fn metadata(series: &[Series]) -> Vec<Metadata> {
    let mut told: Vec<Metadata> = Vec::new();
    for one in series {
        if told.iter().any(|known| known.family == one.family.name) {
            continue;
        }
        let kind = match one.family.kind {
            Kind::Counter => 1,
            Kind::Gauge => 2,
            Kind::Histogram => 3,
        };
        told.push(Metadata {
            kind,
            family: one.family.name.to_string(),
            help: one.family.help.to_owned(),
            unit: one.family.unit.to_owned(),
        });
    }
    told
}

/// One series as the receiver keeps it: a histogram is many.
fn expand(series: &Series, at: i64, native: bool, into: &mut Vec<TimeSeries>) {
    let mut push = |suffix: &str, le: Option<String>, value: f64| {
        let labels = labels(series, suffix, le);
        let samples = vec![Sample { value, timestamp: at }];
        into.push(TimeSeries { labels, samples, histograms: Vec::new() });
    };
    match &series.value {
        SampleValue::Number(value) => push("", None, *value),
        SampleValue::Histogram(buckets) if native => {
            let histograms = vec![native_of(buckets, at)];
            let labels = labels(series, "", None);
            into.push(TimeSeries { labels, samples: Vec::new(), histograms });
        }
        SampleValue::Histogram(buckets) => {
            for (bound, n) in &buckets.bounds {
                push("_bucket", Some(format!("{bound}")), *n as f64);
            }
            push("_bucket", Some("+Inf".to_owned()), buckets.count as f64);
            push("_count", None, buckets.count as f64);
            push("_sum", None, buckets.sum);
        }
    }
}

/// Labels sorted by name, as the protocol demands.
fn labels(series: &Series, suffix: &str, le: Option<String>) -> Vec<Label> {
    let own = series.labels.iter().map(|(n, v)| (n.to_string(), v.clone()));
    let name = ("__name__".to_owned(), format!("{}{suffix}", series.family.name));
    let mut all: Vec<(String, String)> = own.chain([name]).collect();
    all.extend(le.map(|le| ("le".to_owned(), le)));
    all.sort();
    all.into_iter().map(|(name, value)| Label { name, value }).collect()
}

fn native_of(buckets: &Buckets, at: i64) -> NativeHistogram {
    let mut counts: Vec<(i32, i64)> = Vec::new();
    for (span, n) in &buckets.spans {
        // Bucket i holds (2^((i-1)/8), 2^(i/8)].
        let index = (span.max(1e-9).log2() * f64::from(1 << SCHEMA)).ceil() as i32;
        match counts.last_mut() {
            Some((last, count)) if *last == index => *count += *n as i64,
            _ => counts.push((index, *n as i64)),
        }
    }
    let (mut spans, mut deltas) = (Vec::<BucketSpan>::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (index, count) in counts {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(BucketSpan { offset: index - next, length: 1 }),
        }
        deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    NativeHistogram {
        count: buckets.count,
        sum: buckets.sum,
        schema: SCHEMA,
        zero_threshold: 1e-12,
        zero_count: 0,
        positive_spans: spans,
        positive_deltas: deltas,
        timestamp: at,
    }
}
