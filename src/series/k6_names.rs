//! The same run under k6's names, for the dashboards that its users already have.
//!
//! Source: k6's remote-write output: `k6_` + metric, counters `_total`, rates `_rate` (0 to
//! 1), trends one gauge a statistic in seconds; the labels that k6 gives by default, without
//! `proto` and `tls_version`. Unlike k6's, the gauges are of the interval since the points
//! before, not of the whole run so far.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::draw::{FORESEEN, status_name};
use super::types::{Common, Family, Kind, SampleValue, Series};
use crate::gate::{Drawn, Metric, MetricKind, Unit};
use crate::ids::Traffic;
use crate::measure::{Ended, Recording, Trend};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::scenario::{Endpoint, is_success};
use crate::tags::{Selector, TagKey};
use crate::units::{Nanos, Timestamp};

/// Statistics of a trend, with the quantile that each is.
const QUANTILES: [(&str, f64); 6] =
    [("_min", 0.0), ("_med", 0.5), ("_p90", 0.9), ("_p95", 0.95), ("_p99", 0.99), ("_max", 1.0)];

/// What k6 calls one go of a script: here an arrival.
const ITERATION: &str = "iteration_duration";

/// What stood at the points before, so that gauges can be of the interval between.
#[derive(Clone, Debug, Default)]
pub struct K6Interval {
    /// The target's URL.
    base: String,
    /// By scenario, metric and whether the answers were expected.
    trends: BTreeMap<(String, String), BTreeMap<u64, u64>>,
    rates: BTreeMap<(String, String), (u64, u64)>,
}

/// A label of one series.
type Label<'a> = (&'static str, &'a str);

impl K6Interval {
    /// Of a run against the target at `base`, of which nothing was drawn.
    #[must_use]
    pub fn of(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ..Self::default() }
    }

    /// The counters of a scenario at zero.
    #[must_use]
    pub fn begun(&self, plan: &Plan, common: &Common) -> Vec<Series> {
        let mut recording = plan.not_run(Timestamp { unix_millis: 0 }, Ended::Running);
        let refused_or_fine = |status: &u16| *status == 429 || is_success(&plan.settings, *status);
        let foreseen = FORESEEN.into_iter().filter(refused_or_fine);
        recording.statuses.extend(foreseen.map(|status| (status, 0)));
        let mut at_zero = Self::of(&self.base).series(plan, &recording, 0, common);
        let scenario = plan.scenario.to_string();
        for metric in Metric::of(plan.scenario).filter(|m| m.kind() == MetricKind::Counter) {
            let name = format!("k6_{metric}_total");
            if !at_zero.iter().any(|series| series.family.name == name) {
                let labels = [("scenario", scenario.as_str())];
                at_zero.push(named(common, &labels, name, Kind::Counter, metric, 0.0));
            }
        }
        at_zero
    }

    /// The series of one scenario at a moment; the next call's interval begins here.
    pub fn series(
        &mut self,
        plan: &Plan,
        recording: &Recording,
        in_flight: u64,
        common: &Common,
    ) -> Vec<Series> {
        let scenario = plan.scenario.to_string();
        let endpoint = Endpoint::of(&plan.settings);
        let url = endpoint.as_ref().map(|own| format!("{}{}", self.base, own.path));
        let method = endpoint.as_ref().map_or("", |own| own.method.as_str());
        let own: [Label<'_>; 1] = [("scenario", &scenario)];
        let http: [Label<'_>; 4] = [
            ("scenario", &scenario),
            ("name", &scenario),
            ("method", method),
            ("url", url.as_deref().unwrap_or_default()),
        ];
        let success = endpoint.as_ref().and_then(|own| own.success);
        let labels = Labels { own: &own, http: &http, success };
        let mut drawing = Drawing { before: self, scenario: &scenario, common, series: Vec::new() };
        for metric in Metric::of(plan.scenario) {
            drawing.metric(metric, plan, recording, &labels);
        }
        let mut series = drawing.series;
        for (name, n) in [("k6_vus", in_flight), ("k6_vus_max", recording.generator.max_in_flight)]
        {
            let family = Family::new(name, Kind::Gauge, "", "Requests under way.");
            series.push(common.number(&family, &own, n as f64));
        }
        series
    }
}

/// What the series of one scenario are labelled by.
struct Labels<'a> {
    /// Where a metric isn't about requests.
    own: &'a [Label<'a>; 1],
    /// Where it is.
    http: &'a [Label<'a>; 4],
    /// The one status of what was accepted, where there is one.
    success: Option<u16>,
}

/// The series of one scenario at a moment, while they are drawn.
struct Drawing<'a> {
    before: &'a mut K6Interval,
    scenario: &'a str,
    common: &'a Common,
    series: Vec<Series>,
}

impl Drawing<'_> {
    fn put(&mut self, metric: Metric, name: String, kind: Kind, labels: &[Label<'_>], value: f64) {
        self.series.push(named(self.common, labels, name, kind, metric, value));
    }

    fn metric(&mut self, metric: Metric, plan: &Plan, recording: &Recording, by: &Labels<'_>) {
        let name = metric.name();
        let of_http = name.starts_with("http_req");
        match metric.draw(&Selector::all(), recording) {
            _ if name == "http_reqs" => self.requests(metric, plan, recording, by.http),
            // What the service's own monitoring knows is there already.
            None | Some(Drawn::Gauge(_)) => {}
            Some(Drawn::Counter(n)) => self.counter(metric, by.own, n),
            Some(Drawn::Rate { .. }) if name == "checks" => {
                for check in &recording.checks {
                    let labels = [by.own[0], ("check", check.name.as_str())];
                    self.rate(metric, &labels, check.passes, check.passes + check.fails);
                }
            }
            Some(Drawn::Rate { hits, of, .. }) => {
                self.rate(metric, if of_http { by.http } else { by.own }, hits, of);
            }
            Some(Drawn::Trend(trend)) if of_http => {
                self.by_end(metric, recording, trend, by);
                if name == "http_req_duration" {
                    let fresh = self.since(ITERATION, steps(trend));
                    self.trend(ITERATION, metric, by.own, &fresh);
                }
            }
            Some(Drawn::Trend(trend)) => {
                let fresh = self.since(name, steps(trend));
                self.trend(name, metric, by.own, &fresh);
            }
        }
    }

    fn counter(&mut self, metric: Metric, labels: &[Label<'_>], n: u64) {
        self.put(metric, format!("k6_{metric}_total"), Kind::Counter, labels, n as f64);
    }

    /// Arrivals by status, and in a group of its own each kind of request beside the load.
    fn requests(&mut self, metric: Metric, plan: &Plan, recording: &Recording, http: &[Label<'_>]) {
        let mut counts: BTreeMap<(String, bool), u64> = BTreeMap::new();
        for (status, n) in &recording.statuses {
            let expected = is_success(&plan.settings, *status);
            *counts.entry((status_name(*status), expected)).or_default() += n;
        }
        // What was given up when the run was ended has no status either.
        let arrivals = recording.requests.get(&Traffic::Arrival).copied().unwrap_or(0);
        let given_up = arrivals.saturating_sub(counts.values().sum());
        if given_up > 0 {
            *counts.entry((status_name(0), false)).or_default() += given_up;
        }
        for ((status, expected), n) in &counts {
            let more = [("status", status.as_str()), ("expected_response", word(*expected))];
            self.counter(metric, &[http, &more].concat(), *n);
        }
        let beside = recording.requests.iter().filter(|(of, _)| **of != Traffic::Arrival);
        for (traffic, n) in beside {
            let group = format!("::{}", traffic.name());
            self.counter(metric, &[http, &[("group", group.as_str())]].concat(), *n);
        }
    }

    /// The share since the points before. Nothing new leaves the gauge out: no rate of nothing.
    fn rate(&mut self, metric: Metric, labels: &[Label<'_>], hits: u64, of: u64) {
        let which = labels.iter().find(|(name, _)| *name == "check").map_or("", |(_, check)| check);
        let key = (self.scenario.to_owned(), format!("{metric} {which}"));
        let (hits_before, of_before) = self.before.rates.insert(key, (hits, of)).unwrap_or((0, 0));
        if of > of_before {
            let share = hits.saturating_sub(hits_before) as f64 / (of - of_before) as f64;
            self.put(metric, format!("k6_{metric}_rate"), Kind::Gauge, labels, share);
        }
    }

    /// A trend of accepted arrivals and of the others apart, as `expected_response` of a threshold's
    /// selector tells them.
    fn by_end(&mut self, metric: Metric, recording: &Recording, all: &Trend, by: &Labels<'_>) {
        let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
        let accepted = match metric.draw(&accepted, recording) {
            Some(Drawn::Trend(trend)) => steps(trend),
            _ => BTreeMap::new(),
        };
        let mut others = steps(all);
        for (span, n) in &accepted {
            let left = others.entry(*span).or_default();
            *left = left.saturating_sub(*n);
        }
        let status = by.success.map(status_name);
        for (expected, steps) in [(true, accepted), (false, others)] {
            let fresh = self.since(&format!("{metric} {}", word(expected)), steps);
            let mut labels = by.http.to_vec();
            labels.push(("expected_response", word(expected)));
            labels.extend(status.as_deref().filter(|_| expected).map(|status| ("status", status)));
            self.trend(metric.name(), metric, &labels, &fresh);
        }
    }

    fn trend(&mut self, name: &str, metric: Metric, labels: &[Label<'_>], fresh: &[(f64, u64)]) {
        for (suffix, value) in statistics(fresh) {
            self.put(metric, format!("k6_{name}{suffix}"), Kind::Gauge, labels, value);
        }
    }

    /// The samples of `what` that came since the points before, by span.
    fn since(&mut self, what: &str, now: BTreeMap<u64, u64>) -> Vec<(f64, u64)> {
        let key = (self.scenario.to_owned(), what.to_owned());
        let fresh = since(&now, self.before.trends.get(&key).unwrap_or(&BTreeMap::new()));
        self.before.trends.insert(key, now);
        fresh
    }
}

const fn word(expected: bool) -> &'static str {
    if expected { "true" } else { "false" }
}

fn steps(trend: &Trend) -> BTreeMap<u64, u64> {
    trend.spans().map(|(span, n)| (span.0, n)).collect()
}

fn named(
    common: &Common,
    labels: &[Label<'_>],
    name: String,
    kind: Kind,
    metric: Metric,
    value: f64,
) -> Series {
    let unit = match metric.unit() {
        Unit::Milliseconds => "seconds",
        Unit::Bytes => "bytes",
        Unit::Count | Unit::Share | Unit::Own => "",
    };
    let family = Family { name: Cow::Owned(name), help: metric.about(), kind, unit };
    common.series(&family, labels, SampleValue::Number(value))
}

/// The samples that came since `before`, by span.
fn since(now: &BTreeMap<u64, u64>, before: &BTreeMap<u64, u64>) -> Vec<(f64, u64)> {
    let fresh = now.iter().filter_map(|(span, n)| {
        let n = n.saturating_sub(before.get(span).copied().unwrap_or(0));
        (n > 0).then(|| (Nanos(*span).as_secs_f64(), n))
    });
    fresh.collect()
}

/// k6's statistics, in seconds; none of no samples.
fn statistics(spans: &[(f64, u64)]) -> Vec<(&'static str, f64)> {
    let count: u64 = spans.iter().map(|(_, n)| n).sum();
    if count == 0 {
        return Vec::new();
    }
    let sum: f64 = spans.iter().map(|(span, n)| span * *n as f64).sum();
    let mut found: Vec<(&'static str, f64)> = QUANTILES
        .iter()
        .map(|(name, q)| {
            let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
            let mut seen = 0;
            let at = spans.iter().find(|(_, n)| {
                seen += n;
                seen >= rank
            });
            (*name, at.map_or(0.0, |(span, _)| *span))
        })
        .collect();
    found.extend([("_avg", sum / count as f64), ("_count", count as f64), ("_sum", sum)]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ScenarioId;
    use crate::plan::Stage;
    use crate::scenario::Settings;

    #[test]
    fn statistics_are_of_the_interval() {
        let before = BTreeMap::from([(1_000_000, 90)]);
        let now = BTreeMap::from([(1_000_000, 100), (2_000_000_000, 10)]);
        let found: BTreeMap<_, _> = statistics(&since(&now, &before)).into_iter().collect();
        assert_eq!(found["_count"], 20.0);
        assert_eq!((found["_med"], found["_p95"], found["_min"]), (0.001, 2.0, 0.001));
        assert!(statistics(&since(&now, &now)).is_empty());
    }

    fn plan(name: &'static str) -> Plan {
        let id = ScenarioId::fixed(name);
        let stage = Stage { duration: Nanos::from_secs(10), target: 20.0 };
        crate::plan::fixtures::plan(id, Settings::new(id, []), vec![stage])
    }

    /// A recording of so many accepted arrivals of 10 ms, refused ones of 1 ms and failures.
    fn measured(plan: &Plan, accepted: u64, refused: u64, failed: u64) -> Recording {
        let mut recording = plan.not_run(Timestamp { unix_millis: 0 }, Ended::Running);
        let selector = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
        for (key, outcome, n, millis) in [
            (selector, Outcome::Accepted, accepted, 10),
            (Selector::all(), Outcome::Accepted, accepted, 10),
            (Selector::all(), Outcome::RateLimited, refused, 1),
            (Selector::all(), Outcome::ServerError, failed, 500),
        ] {
            let slice = recording.slices.entry(key).or_default();
            for _ in 0..n {
                slice.requests += 1;
                slice.outcomes.add(outcome);
                slice.service_time.record(Nanos::from_millis(millis));
            }
        }
        let success = Endpoint::of(&plan.settings).and_then(|own| own.success).expect("one");
        recording.statuses = BTreeMap::from([(success, accepted), (429, refused), (503, failed)]);
        recording.requests =
            BTreeMap::from([(Traffic::Arrival, accepted + refused + failed), (Traffic::Probe, 2)]);
        recording
    }

    /// Series by name and labels, without those of all.
    fn told(series: &[Series], name: &str) -> BTreeMap<String, f64> {
        let of_name = series.iter().filter(|one| one.family.name == name);
        let told = |one: &Series| {
            let all = ["environment", "profile", "testid", "scenario", "name", "url"];
            let own = one.labels.iter().filter(|(name, _)| !all.contains(&name.as_ref()));
            let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
            let SampleValue::Number(value) = one.value else { panic!("a number") };
            (own.join(","), value)
        };
        of_name.map(told).collect()
    }

    #[test]
    fn requests_and_times_have_the_labels_that_k6_gives_them() {
        let (plan, common) = (plan("webhook"), Common::of("e", "p", "t"));
        let mut drawn = K6Interval::of("http://127.0.0.1:4000/");
        let series = drawn.series(&plan, &measured(&plan, 4, 2, 1), 0, &common);
        let requests = told(&series, "k6_http_reqs_total");
        let wanted = [
            ("expected_response=false,method=POST,status=429", 2.0),
            ("expected_response=false,method=POST,status=503", 1.0),
            ("expected_response=true,method=POST,status=200", 4.0),
            ("group=::probe,method=POST", 2.0),
        ];
        assert_eq!(requests, wanted.map(|(labels, n)| (labels.to_owned(), n)).into());
        let longest = told(&series, "k6_http_req_duration_max");
        let longest = longest.values().map(|span| (span * 1e3).round()).collect::<Vec<_>>();
        assert_eq!(longest, [500.0, 10.0], "others, accepted");
        let url = series.iter().find_map(|one| one.labels.get("url")).expect("one");
        assert!(url.starts_with("http://127.0.0.1:4000/") && !url.contains("//api//"), "{url}");
    }

    #[test]
    fn a_scenario_s_interval_begins_where_its_own_points_ended() {
        let common = Common::of("e", "p", "t");
        let (first, second) = (plan("onboarding"), plan("webhook"));
        let mut drawn = K6Interval::of("http://127.0.0.1:4000");
        drawn.series(&first, &measured(&first, 100, 0, 0), 0, &common);
        let series = drawn.series(&second, &measured(&second, 3, 0, 0), 0, &common);
        let counts: Vec<f64> = told(&series, "k6_http_req_duration_count").into_values().collect();
        assert_eq!(counts, [3.0]);
        let again = drawn.series(&first, &measured(&first, 101, 0, 0), 0, &common);
        assert_eq!(told(&again, "k6_iteration_duration_count").into_values().next(), Some(1.0));
    }
}
