//! Series as Prometheus remote write 1.0: protobuf, compressed as one raw snappy block.

use std::collections::{BTreeSet, HashMap};

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint, message};

use super::types::{Buckets, Family, Kind, SampleValue, Series};

/// The marker that ends a series: this very NaN (remote write 1.0, "Stale Markers").
const STALE: u64 = 0x7ff0_0000_0000_0002;

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

/// How long what families mean isn't told again, in milliseconds.
const TOLD_AGAIN: i64 = 60_000;

/// Fields of the messages that are put together here: `WriteRequest` and `TimeSeries`.
const TIMESERIES: u32 = 1;
const METADATA: u32 = 3;
const LABELS: u32 = 1;
const SAMPLES: u32 = 2;
const HISTOGRAMS: u32 = 4;

/// Writes a run's series, second by second. What a series is called, the most of a write, is
/// put into words once.
#[derive(Debug, Default)]
pub struct Writer {
    native: bool,
    known: Vec<Known>,
    /// The moment of the last points, and of those that told what families mean.
    last: Option<i64>,
    told: Option<i64>,
}

/// A series that was written once.
#[derive(Debug)]
struct Known {
    series: Series,
    /// The labels of each that the receiver keeps of it, as they are sent: a histogram is many.
    names: Vec<Vec<u8>>,
}

/// A point of one series as the receiver keeps it.
enum Point {
    Sample(f64),
    Native(NativeHistogram),
}

impl Point {
    /// One of the same kind: `value`, or a histogram without a sample whose sum it is.
    fn like(&self, value: f64) -> Self {
        match self {
            Self::Sample(_) => Self::Sample(value),
            Self::Native(_) => Self::Native(NativeHistogram {
                sum: value,
                schema: SCHEMA,
                ..NativeHistogram::default()
            }),
        }
    }
}

impl Writer {
    /// Nothing was written. `native`: histograms as native ones instead of classic buckets.
    #[must_use]
    pub fn new(native: bool) -> Self {
        Self { native, ..Self::default() }
    }

    /// The body of a write of `series`, all at the moment `at` (milliseconds since 1970). A
    /// counter that the points before didn't have was zero then: what appears later than the
    /// others has a rate all the same.
    pub fn write(&mut self, series: &[Series], at: i64) -> Vec<u8> {
        self.body(series, at, None)
    }

    /// The body of the last write: `series` at the moment `at`, and a millisecond later a stale
    /// marker for every series that was ever written. One write, so that nobody has the last
    /// points of series that never end.
    pub fn finish(&mut self, series: &[Series], at: i64) -> Vec<u8> {
        self.body(series, at, Some(at.saturating_add(1)))
    }

    fn body(&mut self, series: &[Series], at: i64, end: Option<i64>) -> Vec<u8> {
        let before = self.last.replace(at).filter(|before| *before < at);
        let again = self.told.is_none_or(|told| at.saturating_sub(told) >= TOLD_AGAIN);
        if again {
            self.told = Some(at);
        }
        let (mut body, mut scratch) = (Vec::new(), Vec::new());
        let mut told: Vec<&Family> = Vec::new();
        let mut written = vec![false; self.known.len()];
        let mut next = 0;
        for one in series {
            let (place, new) = self.place(one, next);
            next = place + 1;
            written.resize(self.known.len(), false);
            written[place] = true;
            let zero = before.filter(|_| new && one.family.kind != Kind::Gauge);
            let points = points(&one.value, self.native);
            for (name, point) in self.known[place].names.iter().zip(points) {
                scratch.clear();
                scratch.extend_from_slice(name);
                if let Some(before) = zero {
                    put(point.like(0.0), before, &mut scratch);
                }
                let marker = point.like(f64::from_bits(STALE));
                put(point, at, &mut scratch);
                if let Some(end) = end {
                    put(marker, end, &mut scratch);
                }
                field(TIMESERIES, &scratch, &mut body);
            }
            if (again || new) && !told.iter().any(|known| known.name == one.family.name) {
                told.push(&one.family);
            }
        }
        if let Some(end) = end {
            let rest = self.known.iter().zip(written).filter(|(_, written)| !written);
            self.mark(rest.map(|(known, _)| known), end, &mut body);
        }
        for family in told {
            message::encode(METADATA, &metadata(family), &mut body);
        }
        compressed(&body)
    }

    /// Stale markers for what has no last point.
    fn mark<'a>(&self, rest: impl Iterator<Item = &'a Known>, end: i64, body: &mut Vec<u8>) {
        for known in rest {
            let points = points(&known.series.value, self.native);
            for (name, point) in known.names.iter().zip(points) {
                let mut one = name.clone();
                put(point.like(f64::from_bits(STALE)), end, &mut one);
                field(TIMESERIES, &one, body);
            }
        }
    }

    /// Where `one` is known, and whether it wasn't before; mostly at `likely`, for series come
    /// in the same order each time.
    fn place(&mut self, one: &Series, likely: usize) -> (usize, bool) {
        let same = |known: &Known| {
            known.series.family.name == one.family.name && known.series.labels == one.labels
        };
        if self.known.get(likely).is_some_and(same) {
            return (likely, false);
        }
        if let Some(place) = self.known.iter().position(same) {
            return (place, false);
        }
        let names = names(one, self.native);
        self.known.push(Known { series: one.clone(), names });
        (self.known.len() - 1, true)
    }
}

/// Several writes as one, in their order: what a receiver that answers slowly has fallen behind.
/// A series is in it once, with the points of all. `None`: one of them is none of ours.
#[must_use]
pub fn joined<'a>(bodies: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut series: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut metadata: BTreeSet<Vec<u8>> = BTreeSet::new();
    for body in bodies {
        let plain = snap::raw::Decoder::new().decompress_vec(body).ok()?;
        for (tag, bytes) in fields(&plain)? {
            if tag == METADATA {
                metadata.insert(bytes.to_vec());
                continue;
            }
            let (mut name, mut points) = (Vec::new(), Vec::new());
            for (tag, bytes) in fields(bytes)? {
                field(tag, bytes, if tag == LABELS { &mut name } else { &mut points });
            }
            let place = *places.entry(name.clone()).or_insert_with(|| {
                series.push((name, Vec::new()));
                series.len() - 1
            });
            series[place].1.append(&mut points);
        }
    }
    let mut body = Vec::new();
    for (mut name, mut points) in series {
        name.append(&mut points);
        field(TIMESERIES, &name, &mut body);
    }
    for bytes in metadata {
        field(METADATA, &bytes, &mut body);
    }
    Some(compressed(&body))
}

/// The fields of a message whose fields are all length-delimited.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (tag, kind) = decode_key(&mut bytes).ok()?;
        let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
        if kind != WireType::LengthDelimited {
            return None;
        }
        let (own, rest) = bytes.split_at_checked(length)?;
        all.push((tag, own));
        bytes = rest;
    }
    Some(all)
}

/// One length-delimited field.
fn field(tag: u32, bytes: &[u8], into: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, into);
    encode_varint(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}

fn put(point: Point, at: i64, into: &mut Vec<u8>) {
    match point {
        Point::Sample(value) => message::encode(SAMPLES, &Sample { value, timestamp: at }, into),
        Point::Native(histogram) => {
            let histogram = NativeHistogram { timestamp: at, ..histogram };
            message::encode(HISTOGRAMS, &histogram, into);
        }
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    // A raw block errs only above 4 GiB.
    snap::raw::Encoder::new().compress_vec(body).unwrap_or_default()
}

fn metadata(family: &Family) -> Metadata {
    let kind = match family.kind {
        Kind::Counter => 1,
        Kind::Gauge => 2,
        Kind::Histogram => 3,
    };
    Metadata {
        kind,
        family: family.name.to_string(),
        help: family.help.to_owned(),
        unit: family.unit.to_owned(),
    }
}

/// What a series is to the receiver, in the order of `points`.
fn names(series: &Series, native: bool) -> Vec<Vec<u8>> {
    match &series.value {
        SampleValue::Histogram(buckets) if !native => {
            let bounds = buckets.bounds.iter().map(|(bound, _)| format!("{bound}"));
            let bounds = bounds.chain(["+Inf".to_owned()]);
            let mut names: Vec<_> = bounds.map(|le| labels(series, "_bucket", Some(le))).collect();
            names.extend(["_count", "_sum"].map(|suffix| labels(series, suffix, None)));
            names
        }
        _ => vec![labels(series, "", None)],
    }
}

/// How a series stands, point by point.
fn points(value: &SampleValue, native: bool) -> Vec<Point> {
    match value {
        SampleValue::Number(value) => vec![Point::Sample(*value)],
        SampleValue::Histogram(buckets) if native => vec![Point::Native(native_of(buckets))],
        SampleValue::Histogram(buckets) => {
            let counts = buckets.bounds.iter().map(|(_, n)| *n as f64);
            let all = buckets.count as f64;
            counts.chain([all, all, buckets.sum]).map(Point::Sample).collect()
        }
    }
}

/// Labels sorted by name, as the protocol demands, as they are sent.
fn labels(series: &Series, suffix: &str, le: Option<String>) -> Vec<u8> {
    let own = series.labels.iter().map(|(n, v)| (n.to_string(), v.clone()));
    let name = ("__name__".to_owned(), format!("{}{suffix}", series.family.name));
    let mut all: Vec<(String, String)> = own.chain([name]).collect();
    all.extend(le.map(|le| ("le".to_owned(), le)));
    all.sort();
    let mut bytes = Vec::new();
    for (name, value) in all {
        message::encode(LABELS, &Label { name, value }, &mut bytes);
    }
    bytes
}

fn native_of(buckets: &Buckets) -> NativeHistogram {
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
        timestamp: 0,
    }
}
