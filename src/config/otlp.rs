//! OpenTelemetry's own variables (OpenTelemetry, "OTLP Exporter Configuration" and "SDK Environment Variables").

use super::access::{headers, percent_decoded, receiver_url};
use super::diagnostics::{Diagnostics, Wrong, quote};
use super::inputs::Sources;
use super::receivers::{Access, OtlpSettings, below};
use crate::secret::Secret;
use crate::units::Nanos;

/// Those of the signal go before the general ones.
const PREFIXES: [&str; 2] = ["OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_"];
/// Longest interval and timeout, in milliseconds.
const LONGEST: u64 = 3_600_000;
/// The standard's own, where no variable says how long an answer is awaited.
const TIMEOUT: Nanos = Nanos::from_secs(10);

/// What the variables ask for; `least`: the time between two points.
pub(super) fn otlp(
    sources: &Sources<'_>,
    least: Nanos,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> Option<OtlpSettings> {
    let said = |name: &str| sources.variable(name).map(str::trim).unwrap_or_default();
    let others = said("OTEL_METRICS_EXPORTER");
    let off = said("OTEL_SDK_DISABLED").eq_ignore_ascii_case("true");
    if off || (!others.is_empty() && others.split(',').all(|one| one.trim() != "otlp")) {
        return None;
    }
    let (from, url) = of_signal(sources, "ENDPOINT")?;
    // The signal's own is taken as it is.
    let url =
        if from.starts_with(PREFIXES[0]) { url.to_owned() } else { below(url, "/v1/metrics") };
    let url = receiver_url(&url).map_err(|wrong| problems.outside(&from, wrong)).ok()?;
    unspoken(sources, notices);
    let mut own_headers: Vec<(String, Secret)> = Vec::new();
    for prefix in PREFIXES {
        let name = format!("{prefix}HEADERS");
        for (header, value) in headers(sources.variable(&name), &name, problems) {
            if own_headers.iter().all(|(known, _)| *known != header) {
                own_headers.push((header, value));
            }
        }
    }
    let interval = "OTEL_METRIC_EXPORT_INTERVAL";
    let interval = sources.variable(interval).map(|text| (interval.to_owned(), text.trim()));
    let interval = span(interval, problems).unwrap_or(least);
    if interval < least {
        notices.push(format!(
            "OTEL_METRIC_EXPORT_INTERVAL asks for points every {interval}, and [metrics] interval makes \
             them every {least}: these are sent"
        ));
    }
    let gzip = of_signal(sources, "COMPRESSION").is_some_and(|(from, named)| {
        if !["gzip", "none"].contains(&named) {
            let wrong =
                Wrong::new(format!("{} is no compression", quote(named)), "expected gzip or none");
            problems.outside(&from, wrong);
        }
        named == "gzip"
    });
    Some(OtlpSettings {
        access: Access { headers: own_headers, ..Access::default() }.at(&url),
        url,
        resource: resource(sources, notices),
        interval,
        timeout: span(of_signal(sources, "TIMEOUT"), problems).unwrap_or(TIMEOUT),
        gzip,
        ca_file: of_signal(sources, "CERTIFICATE").map(|(_, file)| file.to_owned()),
    })
}

/// The variable of the signal, or else the general one, and what it says.
fn of_signal<'a>(sources: &'a Sources<'_>, name: &str) -> Option<(String, &'a str)> {
    PREFIXES.into_iter().find_map(|prefix| {
        let name = format!("{prefix}{name}");
        let text = sources.variable(&name)?.trim();
        Some((name, text))
    })
}

/// Milliseconds, from the variable of that name.
fn span(given: Option<(String, &str)>, problems: &mut Diagnostics) -> Option<Nanos> {
    let (from, text) = given?;
    match text.parse() {
        Ok(millis) if (1..=LONGEST).contains(&millis) => Some(Nanos::from_millis(millis)),
        _ => {
            let expected = format!("expected milliseconds, 1 to {LONGEST}");
            problems.outside(&from, Wrong::new(format!("{} is no time", quote(text)), expected));
            None
        }
    }
}

/// Says where something is asked for that isn't done.
fn unspoken(sources: &Sources<'_>, notices: &mut Vec<String>) {
    let mut told = |name, ours: &str, what: &str| {
        if let Some((from, other)) = of_signal(sources, name).filter(|(_, other)| *other != ours) {
            notices.push(format!("{from} asks for {}; {what}", quote(other)));
        }
    };
    let protocol = "load-gate speaks OTLP as http/protobuf alone (usually port 4318)";
    told("PROTOCOL", "http/protobuf", protocol);
    told("TEMPORALITY_PREFERENCE", "cumulative", "load-gate's counters are cumulative");
    let histogram =
        "load-gate's histograms have explicit buckets, those of the thresholds among them";
    told("DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram", histogram);
    for name in ["CLIENT_CERTIFICATE", "CLIENT_KEY"] {
        if let Some((from, _)) = of_signal(sources, name) {
            notices
                .push(format!("{from} is passed over: load-gate shows receivers no certificate"));
        }
    }
}

fn resource(sources: &Sources<'_>, notices: &mut Vec<String>) -> Vec<(String, String)> {
    let given = sources.variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let unnamed = |pair: &str| !pair.trim().is_empty() && !pair.contains('=');
    if given.split(',').any(unnamed) {
        notices.push(
            "OTEL_RESOURCE_ATTRIBUTES has a part without `=`, which is left out: expected \
             name=value, more after commas"
                .to_owned(),
        );
    }
    let pairs = given.split(',').filter_map(|pair| pair.split_once('='));
    let mut all: Vec<(String, String)> =
        pairs.map(|(k, v)| (k.trim().to_owned(), percent_decoded(v.trim()))).collect();
    // The name has a variable of its own, which goes before.
    let named = sources.variable("OTEL_SERVICE_NAME").map(str::to_owned);
    let named =
        named.or_else(|| all.iter().find(|(k, _)| k == "service.name").map(|(_, v)| v.clone()));
    all.retain(|(k, _)| k != "service.name");
    all.push(("service.name".to_owned(), named.unwrap_or_else(|| "load-gate".to_owned())));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::inputs::Flags;
    use super::*;

    /// What those variables come to, with points every two seconds; what is said of them.
    fn asked(vars: &[(&str, &str)]) -> (Option<OtlpSettings>, Vec<String>, String) {
        let flags = Flags::default();
        let vars: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = Sources { flags: &flags, vars: &vars, file: None };
        let (mut notices, mut problems) = (Vec::new(), Diagnostics::default());
        let settings = otlp(&sources, Nanos::from_secs(2), &mut notices, &mut problems);
        (settings, notices, problems.to_string())
    }

    /// The settings where a base is given beside `vars`, and nothing is said.
    fn quietly(vars: &[(&str, &str)]) -> OtlpSettings {
        let base = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/base/")];
        let all: Vec<(&str, &str)> = base.iter().chain(vars).copied().collect();
        let (settings, notices, problems) = asked(&all);
        assert_eq!((notices, problems), (Vec::new(), String::new()));
        settings.expect("an endpoint")
    }

    #[test]
    fn the_endpoint_of_metrics_goes_before_the_base_and_is_taken_as_it_is() {
        assert_eq!(quietly(&[]).url, "http://127.0.0.1:4318/base/v1/metrics");
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:9/own");
        assert_eq!(quietly(&[own]).url, "http://127.0.0.1:9/own");
        let query = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9/base?key=hush-hush");
        let settings = asked(&[query]).0.expect("an endpoint");
        assert_eq!(settings.url, "http://127.0.0.1:9/base/v1/metrics?key=hush-hush");
        assert_eq!(settings.access.secrets()[0].expose(), "hush-hush");
        assert_eq!(asked(&[own]).0.expect("an endpoint").url, "http://127.0.0.1:9/own");
        assert!(asked(&[]).0.is_none());
        let (none, _, said) = asked(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "nowhere")]);
        assert!(none.is_none() && said.contains("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"), "{said}");
    }

    #[test]
    fn headers_are_decoded_and_those_of_metrics_go_before() {
        let settings = quietly(&[
            ("OTEL_EXPORTER_OTLP_HEADERS", "X-Tenant=t%3D1, api-key = a+b"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "api-key=own"),
        ]);
        let headers = settings.access.to_headers();
        let mut headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        headers.sort_unstable();
        assert_eq!(headers, [("api-key", "own"), ("x-tenant", "t=1")]);
        let general = quietly(&[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a+b")]);
        assert_eq!(general.access.to_headers()[0].1.expose(), "a+b");
    }

    #[test]
    fn the_resource_is_what_its_variables_say_and_has_one_name() {
        let of = |vars: &[(&str, &str)]| quietly(vars).resource;
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(of(&[]), [pair("service.name", "load-gate")]);
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb,service.name=theirs");
        assert_eq!(of(&[attributes]), [pair("team", "a,b"), pair("service.name", "theirs")]);
        let named = ("OTEL_SERVICE_NAME", "ours");
        assert_eq!(of(&[attributes, named]), [pair("team", "a,b"), pair("service.name", "ours")]);
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let (_, notices, _) = asked(&[base, ("OTEL_RESOURCE_ATTRIBUTES", "team")]);
        assert!(notices.iter().any(|n| n.contains("OTEL_RESOURCE_ATTRIBUTES")), "{notices:?}");
    }

    #[test]
    fn the_interval_is_in_milliseconds_and_no_shorter_than_that_of_points() {
        let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "5000");
        assert_eq!(quietly(&[]).interval, Nanos::from_secs(2));
        assert_eq!(quietly(&[interval]).interval, Nanos::from_secs(5));
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let (_, notices, _) = asked(&[base, ("OTEL_METRIC_EXPORT_INTERVAL", "250")]);
        assert!(notices.iter().any(|n| n.contains("every 250 ms")), "{notices:?}");
        let (_, _, said) = asked(&[base, ("OTEL_METRIC_EXPORT_INTERVAL", "soon")]);
        assert!(said.contains("OTEL_METRIC_EXPORT_INTERVAL"), "{said}");
    }

    #[test]
    fn the_sdk_s_switches_and_protocols_are_heard() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(asked(&[base, ("OTEL_SDK_DISABLED", "true")]).0.is_none());
        assert!(asked(&[base, ("OTEL_METRICS_EXPORTER", "none")]).0.is_none());
        assert!(asked(&[base, ("OTEL_METRICS_EXPORTER", "prometheus, otlp")]).0.is_some());
        for name in ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"] {
            let (settings, notices, _) = asked(&[base, (name, "grpc")]);
            assert!(settings.is_some() && notices[0].starts_with(name), "{notices:?}");
            assert!(asked(&[base, (name, "http/protobuf")]).1.is_empty());
        }
        for (name, ours, other) in [
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", Some("cumulative"), "delta"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", None, "key.pem"),
        ] {
            let (settings, notices, _) = asked(&[base, (name, other)]);
            assert!(settings.is_some() && notices[0].starts_with(name), "{notices:?}");
            assert!(ours.is_none_or(|ours| asked(&[base, (name, ours)]).1.is_empty()));
        }
    }

    #[test]
    fn timeout_compression_and_certificate_are_heard_those_of_metrics_first() {
        let of = |vars: &[(&str, &str)]| {
            let settings = quietly(vars);
            (settings.timeout, settings.gzip, settings.ca_file)
        };
        assert_eq!(of(&[]), (Nanos::from_secs(10), false, None));
        let general = [
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"),
        ];
        let ca = Some("ca.pem".to_owned());
        assert_eq!(of(&general), (Nanos::from_millis(2500), true, ca));
        let own = [
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "700"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "own.pem"),
        ];
        let ca = Some("own.pem".to_owned());
        assert_eq!(of(&[general, own].concat()), (Nanos::from_millis(700), false, ca));
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (name, wrong) in [
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "zstd"),
        ] {
            let (_, _, said) = asked(&[base, (name, wrong)]);
            assert!(said.contains(name) && said.contains(wrong), "{said}");
        }
    }
}
