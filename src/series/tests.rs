//! Series against the recordings they are drawn from.

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::ids::ScenarioId;
use crate::measure::{Ended, Trend};
use crate::plan::Stage;
use crate::scenario::Settings;
use crate::units::{Nanos, Timestamp};

const TIMES: Family =
    Family::new("loadgate_times_seconds", Kind::Histogram, "seconds", "Times of a test.");
const ENDS: Family = Family::new("loadgate_ends_total", Kind::Counter, "", "Ends of a test.");

fn common() -> Common {
    Common { shard: Some("2/4".to_owned()), ..Common::of("staging", "pr", "lg-1") }
}

fn trend(millis: &[u64]) -> Trend {
    let mut trend = Trend::default();
    for ms in millis {
        trend.record(Nanos::from_millis(*ms));
    }
    trend
}

fn some() -> Vec<Series> {
    let times = SampleValue::Histogram(Buckets::of(&trend(&[3, 40, 41, 2500]), &[0.005, 0.1, 1.0]));
    vec![
        common().number(&ENDS, &[("outcome", "accepted")], 3.0),
        common().series(&TIMES, &[("scenario", "a\"b\\c\nd")], times),
    ]
}

#[test]
fn the_id_of_thousands_of_runs_is_not_told_whole_at_every_series() {
    let many = vec!["lg-0123456789ab"; 4000].join("+");
    let common = Common::of("staging", "pr", &many);
    assert_eq!(common.testid.len(), 255);
    assert!(many.starts_with(&common.testid));
}

#[test]
fn text_is_as_both_formats_want_it() {
    insta::assert_snapshot!(exposition(&some(), Dialect::OpenMetrics), @r#"
    # TYPE loadgate_ends counter
    # HELP loadgate_ends Ends of a test.
    loadgate_ends_total{environment="staging",outcome="accepted",profile="pr",shard="2/4",testid="lg-1"} 3
    # TYPE loadgate_times_seconds histogram
    # UNIT loadgate_times_seconds seconds
    # HELP loadgate_times_seconds Times of a test.
    loadgate_times_seconds_bucket{environment="staging",profile="pr",scenario="a\"b\\c\nd",shard="2/4",testid="lg-1",le="0.005"} 1
    loadgate_times_seconds_bucket{environment="staging",profile="pr",scenario="a\"b\\c\nd",shard="2/4",testid="lg-1",le="0.1"} 3
    loadgate_times_seconds_bucket{environment="staging",profile="pr",scenario="a\"b\\c\nd",shard="2/4",testid="lg-1",le="1.0"} 3
    loadgate_times_seconds_bucket{environment="staging",profile="pr",scenario="a\"b\\c\nd",shard="2/4",testid="lg-1",le="+Inf"} 4
    loadgate_times_seconds_count{environment="staging",profile="pr",scenario="a\"b\\c\nd",shard="2/4",testid="lg-1"} 4
    loadgate_times_seconds_sum{environment="staging",profile="pr",scenario="a\"b\\c\nd",shard="2/4",testid="lg-1"} 2.584
    # EOF
    "#);
    let older = exposition(&some(), Dialect::Prometheus);
    assert!(older.contains("# TYPE loadgate_ends_total counter"), "{older}");
    assert!(older.contains("le=\"1\"} 3"), "{older}");
    assert!(!older.contains("# EOF"), "{older}");
}

/// The parts of a write request that a receiver reads.
#[derive(Clone, PartialEq, Message)]
struct Written {
    #[prost(message, repeated, tag = "1")]
    series: Vec<OneWritten>,
}

#[derive(Clone, PartialEq, Message)]
struct OneWritten {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Pair>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    at: i64,
}

fn read(body: &[u8]) -> Written {
    let plain = snap::raw::Decoder::new().decompress_vec(body).expect("raw snappy");
    Written::decode(plain.as_slice()).expect("protobuf")
}

#[test]
fn what_is_written_has_sorted_labels_and_ends_stale() {
    let written = read(&Writer::default().write(&some(), 1_700_000_000_123));
    // The counter, and of the histogram three bounds, +Inf, count and sum.
    assert_eq!(written.series.len(), 7);
    for one in &written.series {
        let names: Vec<&str> = one.labels.iter().map(|l| l.name.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(one.samples[0].at, 1_700_000_000_123);
    }
    let mut writer = Writer::default();
    let at = |one: &OneWritten| one.samples.iter().map(|s| (s.at, s.value)).collect::<Vec<_>>();
    // The histogram comes later than the counter: it was zero before. What was there isn't.
    let first = read(&writer.write(&some()[..1], 1_000));
    assert_eq!(first.series.iter().map(at).collect::<Vec<_>>(), [[(1_000, 3.0)]]);
    let begun = read(&writer.write(&some(), 2_000));
    assert_eq!(at(&begun.series[0]), [(2_000, 3.0)]);
    assert_eq!(at(&begun.series[1]), [(1_000, 0.0), (2_000, 1.0)]);
    // Known by then, in whatever order they come.
    let turned: Vec<Series> = some().into_iter().rev().collect();
    let again = read(&writer.write(&turned, 3_000));
    assert_eq!(at(&again.series[0]), [(3_000, 1.0)]);
    assert_eq!(again.series[6].labels, begun.series[0].labels);
    // The last write ends what is in it, and what isn't any more.
    let ended = read(&writer.finish(&some()[1..], 4_000));
    assert_eq!(ended.series.len(), 7);
    assert_eq!(at(&ended.series[0])[0], (4_000, 1.0));
    for (place, one) in ended.series.iter().enumerate() {
        assert_eq!(one.labels, written.series[(place + 1) % 7].labels);
        assert_eq!(one.samples.len(), if place == 6 { 1 } else { 2 });
        let last = one.samples[one.samples.len() - 1];
        assert_eq!((last.at, last.value.to_bits()), (4_001, 0x7ff0_0000_0000_0002));
    }
}

#[test]
fn several_writes_are_one_in_which_each_series_is_once() {
    let mut writer = Writer::default();
    let bodies = [
        writer.write(&some()[..1], 1_000),
        writer.write(&some(), 2_000),
        writer.finish(&some(), 3_000),
    ];
    let alone: Vec<Written> = bodies.iter().map(|body| read(body)).collect();
    let whole = read(&joined(bodies.iter().map(Vec::as_slice)).expect("writes"));
    assert_eq!(whole.series.len(), 7);
    for one in &whole.series {
        let of_it = alone.iter().flat_map(|write| &write.series).filter(|s| s.labels == one.labels);
        let bits = |point: &Point| (point.at, point.value.to_bits());
        let points: Vec<_> = of_it.flat_map(|series| &series.samples).map(bits).collect();
        assert_eq!(one.samples.iter().map(bits).collect::<Vec<_>>(), points);
        assert!(one.samples.is_sorted_by_key(|point| point.at));
    }
    assert!(joined([b"garbage".as_slice()].into_iter()).is_none());
}

proptest! {
    #[test]
    fn buckets_hold_every_sample_once(
        millis in prop::collection::vec(1_u64..40_000, 0..200),
        bounds in prop::collection::btree_set(1_u32..60_000, 0..8),
    ) {
        let bounds: Vec<f64> = bounds.into_iter().map(|ms| f64::from(ms) / 1e3).collect();
        let buckets = Buckets::of(&trend(&millis), &bounds);
        prop_assert!(buckets.bounds.is_sorted_by_key(|(_, n)| *n));
        prop_assert_eq!(buckets.count, millis.len() as u64);
        prop_assert_eq!(buckets.spans.iter().map(|(_, n)| n).sum::<u64>(), buckets.count);
        for (bound, n) in &buckets.bounds {
            // The histogram tells spans apart to a thousandth.
            let sure = millis.iter().filter(|ms| **ms as f64 / 1e3 <= bound * 0.999).count() as u64;
            let most = millis.iter().filter(|ms| **ms as f64 / 1e3 <= bound * 1.001).count() as u64;
            prop_assert!((sure..=most).contains(n), "{} of {} to {}", n, sure, most);
        }
    }
}

#[test]
fn before_the_load_nothing_is_asked_for() {
    let id = ScenarioId::fixed("webhook");
    let stage = |target| Stage { duration: Nanos::from_secs(10), target };
    let settings = Settings::new(id, []);
    let plan = crate::plan::fixtures::plan(id, settings, vec![stage(20.0), stage(20.0)]);
    let recording = plan.not_run(Timestamp { unix_millis: 0 }, Ended::Running);
    let asked = |series: Vec<Series>| -> Vec<SampleValue> {
        let asked = |one: &Series| {
            ["loadgate_target_rate", "loadgate_stage"].contains(&one.family.name.as_ref())
        };
        series.into_iter().filter(asked).map(|one| one.value).collect()
    };
    let at = |elapsed| asked(of_recording(&plan, &recording, elapsed, 0, &common()));
    let told = |rate, stage| [SampleValue::Number(rate), SampleValue::Number(stage)];
    assert_eq!(asked(begun(&plan, &recording, &common())), told(0.0, 0.0));
    assert_eq!(at(None), told(0.0, 0.0));
    assert_eq!(at(Some(Nanos::from_secs(5))), told(10.0, 1.0));
    assert_eq!(at(Some(Nanos::from_secs(12))), told(20.0, 2.0));
}
