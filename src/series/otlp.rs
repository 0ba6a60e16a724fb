//! Series as OTLP metrics: protobuf as opentelemetry-proto 1.x describes it, cumulative.

use prost::Message;

use super::types::{Buckets, Kind, SampleValue, Series};

#[derive(Clone, PartialEq, Message)]
struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    resource: Option<ResourceMessage>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceMessage {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    description: String,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(oneof = "Data", tags = "5, 7, 9")]
    data: Option<Data>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Data {
    #[prost(message, tag = "5")]
    Gauge(GaugeData),
    #[prost(message, tag = "7")]
    Sum(SumData),
    #[prost(message, tag = "9")]
    Histogram(HistogramData),
}

#[derive(Clone, PartialEq, Message)]
struct GaugeData {
    #[prost(message, repeated, tag = "1")]
    points: Vec<NumberPoint>,
}

#[derive(Clone, PartialEq, Message)]
struct SumData {
    #[prost(message, repeated, tag = "1")]
    points: Vec<NumberPoint>,
    #[prost(int32, tag = "2")]
    temporality: i32,
    #[prost(bool, tag = "3")]
    monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
struct HistogramData {
    #[prost(message, repeated, tag = "1")]
    points: Vec<HistogramPoint>,
    #[prost(int32, tag = "2")]
    temporality: i32,
}

#[derive(Clone, PartialEq, Message)]
struct NumberPoint {
    #[prost(fixed64, tag = "2")]
    start: u64,
    #[prost(fixed64, tag = "3")]
    time: u64,
    #[prost(double, optional, tag = "4")]
    value: Option<f64>,
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct HistogramPoint {
    #[prost(fixed64, tag = "2")]
    start: u64,
    #[prost(fixed64, tag = "3")]
    time: u64,
    #[prost(fixed64, tag = "4")]
    count: u64,
    #[prost(double, optional, tag = "5")]
    sum: Option<f64>,
    #[prost(fixed64, repeated, tag = "6")]
    bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    explicit_bounds: Vec<f64>,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: i32 = 2;

/// Who sends: the attributes of the resource, `service.name` among them.
pub type Resource = Vec<(String, String)>;

/// The body of an `ExportMetricsServiceRequest`; moments in nanoseconds since 1970:
/// `start` of the run, `at` of the points.
#[must_use]
pub fn export_request(series: &[Series], resource: &Resource, start: u64, at: u64) -> Vec<u8> {
    let mut metrics: Vec<Metric> = Vec::new();
    for one in series {
        // OTLP's names carry no `_total`: Prometheus' receiver adds it.
        let name = one.family.name.strip_suffix("_total").unwrap_or(&one.family.name);
        let place = metrics.iter().position(|metric| metric.name == name).unwrap_or_else(|| {
            metrics.push(Metric {
                name: name.to_owned(),
                description: one.family.help.to_owned(),
                unit: unit(one.family.unit).to_owned(),
                data: Some(empty(one.family.kind)),
            });
            metrics.len() - 1
        });
        if let Some(data) = &mut metrics[place].data {
            add(data, one, start, at);
        }
    }
    let scope = Scope { name: "load-gate".to_owned(), version: crate::VERSION.to_owned() };
    let attributes = resource.iter().map(|(key, value)| key_value(key, value)).collect();
    ExportRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(ResourceMessage { attributes }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics }],
        }],
    }
    .encode_to_vec()
}

const fn empty(kind: Kind) -> Data {
    match kind {
        Kind::Gauge => Data::Gauge(GaugeData { points: Vec::new() }),
        Kind::Counter => {
            Data::Sum(SumData { points: Vec::new(), temporality: CUMULATIVE, monotonic: true })
        }
        Kind::Histogram => {
            Data::Histogram(HistogramData { points: Vec::new(), temporality: CUMULATIVE })
        }
    }
}

fn add(data: &mut Data, series: &Series, start: u64, time: u64) {
    let attributes: Vec<KeyValue> = series.labels.iter().map(|(k, v)| key_value(k, v)).collect();
    match (data, &series.value) {
        (
            Data::Gauge(GaugeData { points }) | Data::Sum(SumData { points, .. }),
            SampleValue::Number(value),
        ) => {
            points.push(NumberPoint { start, time, value: Some(*value), attributes });
        }
        (Data::Histogram(HistogramData { points, .. }), SampleValue::Histogram(buckets)) => {
            points.push(histogram_point(buckets, attributes, start, time));
        }
        // A family's values are of its kind.
        _ => {}
    }
}

fn histogram_point(
    buckets: &Buckets,
    attributes: Vec<KeyValue>,
    start: u64,
    time: u64,
) -> HistogramPoint {
    let mut before = 0;
    let mut bucket_counts: Vec<u64> = buckets
        .bounds
        .iter()
        .map(|(_, n)| {
            let own = n - before;
            before = *n;
            own
        })
        .collect();
    bucket_counts.push(buckets.count - before);
    HistogramPoint {
        start,
        time,
        count: buckets.count,
        sum: Some(buckets.sum),
        bucket_counts,
        explicit_bounds: buckets.bounds.iter().map(|(bound, _)| *bound).collect(),
        attributes,
    }
}

/// UCUM's letters for our units.
fn unit(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "bytes" => "By",
        _ => "1",
    }
}

fn key_value(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { text: Some(value.to_owned()) }) }
}
