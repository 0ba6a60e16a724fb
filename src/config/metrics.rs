//! `[metrics]`: where series go while a run lasts, from file, flags and variables; credentials from variables alone.

use super::diagnostics::{Diagnostics, Place, Wrong, quote};
use super::inputs::Sources;
use super::reader::Section;
use super::receivers::{Access, MetricsSettings, OtlpSettings, PrometheusSettings, SeriesNames};
use super::tree::{Node, Table};
use super::values::{self, base_url, flag, text};
use crate::secret::Secret;
use crate::units::Nanos;

/// What the file says.
#[derive(Clone, Debug, Default)]
pub(super) struct MetricsConfig {
    interval: Option<Nanos>,
    grafana_url: Option<String>,
    prometheus_url: Option<String>,
    names: SeriesNames,
    native_histograms: bool,
    pushgateway_url: Option<String>,
}

const INTERVAL: Nanos = Nanos::from_secs(1);

/// Reads `[metrics]`.
pub(super) fn read(
    table: &Table,
    place: &Place,
    path: String,
    problems: &mut Diagnostics,
) -> MetricsConfig {
    let known = ["interval", "grafana_url", "prometheus", "pushgateway"];
    let mut section = Section::new(table, place, path, &known, problems);
    let mut config = MetricsConfig {
        interval: section.value("interval", |node| {
            values::span(node, Nanos::from_secs(1), Nanos::from_secs(60))
        }),
        grafana_url: section.value("grafana_url", url),
        ..MetricsConfig::default()
    };
    if let Some((table, place, path)) = section.table("prometheus") {
        let known = ["url", "names", "native_histograms"];
        let mut prometheus = Section::new(table, &place, path, &known, section.problems);
        config.prometheus_url = prometheus.value("url", url);
        config.names = prometheus.value("names", names).unwrap_or_default();
        config.native_histograms = prometheus.value("native_histograms", flag).unwrap_or(false);
    }
    if let Some((table, place, path)) = section.table("pushgateway") {
        let mut gateway = Section::new(table, &place, path, &["url"], section.problems);
        config.pushgateway_url = gateway.value("url", url);
    }
    config
}

pub(super) fn url(node: &Node) -> Result<String, Wrong> {
    receiver_url(&text(node)?)
}

/// An http or https URL; credentials in it are refused without being quoted.
pub(super) fn receiver_url(text: &str) -> Result<String, Wrong> {
    let (plain, query) = text.trim().split_once('?').unwrap_or((text.trim(), ""));
    base_url(plain)?;
    Ok(if query.is_empty() { plain.to_owned() } else { format!("{plain}?{query}") })
}

fn names(node: &Node) -> Result<SeriesNames, Wrong> {
    match text(node)?.as_str() {
        "loadgate" => Ok(SeriesNames::LoadGate),
        "k6" => Ok(SeriesNames::K6),
        other => Err(Wrong::new(
            format!("{} are nobody's names", quote(other)),
            "expected \"loadgate\" or \"k6\"",
        )),
    }
}

/// The file's settings, with flags and variables over them.
pub(super) fn resolve(
    sources: &Sources<'_>,
    config: &MetricsConfig,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> MetricsSettings {
    let interval = config.interval.unwrap_or(INTERVAL);
    let flags = sources.flags;
    let mut choose = |flag: Option<&String>, name, variable, file: &Option<String>| {
        let Some((text, from)) = sources.pick(flag, name, variable) else { return file.clone() };
        receiver_url(text).map_err(|wrong| problems.outside(from, wrong)).ok()
    };
    let prometheus = choose(
        flags.prometheus_url.as_ref(),
        "--prometheus-url",
        "LOAD_GATE_PROMETHEUS_URL",
        &config.prometheus_url,
    );
    let pushgateway = choose(
        flags.pushgateway.as_ref(),
        "--pushgateway",
        "LOAD_GATE_PUSHGATEWAY",
        &config.pushgateway_url,
    );
    MetricsSettings {
        interval,
        prometheus: prometheus.map(|url| PrometheusSettings {
            url,
            names: config.names,
            native_histograms: config.native_histograms,
            access: access(sources, "LOAD_GATE_PROMETHEUS", problems),
        }),
        otlp: otlp(sources, interval, notices, problems),
        pushgateway: pushgateway
            .map(|url| (url, access(sources, "LOAD_GATE_PUSHGATEWAY", problems))),
        grafana_url: config.grafana_url.clone(),
    }
}

/// `…_USERNAME` and `…_PASSWORD`, `…_TOKEN`, `…_HEADERS`.
pub(super) fn access(sources: &Sources<'_>, prefix: &str, problems: &mut Diagnostics) -> Access {
    let variable = |name: &str| sources.variable(&format!("{prefix}_{name}")).map(str::trim);
    for name in ["TOKEN", "USERNAME", "PASSWORD"] {
        if variable(name).is_some_and(|text| text.chars().any(char::is_control)) {
            let wrong = Wrong::new("a control character is in it", "expected one line");
            problems.outside(&format!("{prefix}_{name}"), wrong);
        }
    }
    let basic = variable("USERNAME")
        .map(|user| (user.to_owned(), Secret::new(variable("PASSWORD").unwrap_or_default())));
    Access {
        basic,
        bearer: variable("TOKEN").map(Secret::new),
        headers: headers(variable("HEADERS"), &format!("{prefix}_HEADERS"), problems),
    }
}

/// `name=value` between commas, as OpenTelemetry writes them; values may be percent-coded.
fn headers(text: Option<&str>, from: &str, problems: &mut Diagnostics) -> Vec<(String, Secret)> {
    let mut found = Vec::new();
    for pair in text.unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                let value = percent_decoded(value.trim());
                found.push((name.trim().to_lowercase(), Secret::new(value)));
            }
            _ => {
                let wrong =
                    Wrong::new("a header has no `=`", "expected name=value, more after commas");
                problems.outside(from, wrong);
            }
        }
    }
    found
}

fn percent_decoded(text: &str) -> String {
    // `form_urlencoded` reads `+` as a space; here it is a plus.
    let whole = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(whole.as_bytes());
    pairs.next().map_or_else(String::new, |(_, value)| value.into_owned())
}

/// The standard variables (OpenTelemetry, "OTLP Exporter Configuration").
fn otlp(
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
    let own = sources.variable("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT").map(str::to_owned);
    let base = sources.variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    let from_base = base.map(|base| format!("{}/v1/metrics", base.trim().trim_end_matches('/')));
    let from = if own.is_some() {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
    } else {
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    };
    let url = receiver_url(&own.or(from_base)?).map_err(|w| problems.outside(from, w)).ok()?;
    speaks(sources, notices);
    // Those of the signal go before the general ones.
    let mut own_headers: Vec<(String, Secret)> = Vec::new();
    for name in ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"] {
        for (header, value) in headers(sources.variable(name), name, problems) {
            if own_headers.iter().all(|(known, _)| *known != header) {
                own_headers.push((header, value));
            }
        }
    }
    let given = sources.variable("OTEL_METRIC_EXPORT_INTERVAL");
    let interval = given.map_or(least, |text| match text.trim().parse() {
        Ok(millis) if (1..=3_600_000).contains(&millis) => Nanos::from_millis(millis),
        _ => {
            let wrong = Wrong::new(
                format!("{} is not an interval", quote(text)),
                "expected milliseconds, 1 to 3600000",
            );
            problems.outside("OTEL_METRIC_EXPORT_INTERVAL", wrong);
            least
        }
    });
    if interval < least {
        notices.push(format!(
            "OTEL_METRIC_EXPORT_INTERVAL asks for points every {interval}, and [metrics] interval makes \
             them every {least}: these are sent"
        ));
    }
    let access = Access { headers: own_headers, ..Access::default() };
    Some(OtlpSettings { url, access, resource: resource(sources, notices), interval })
}

/// Says where another protocol is asked for than the one that is spoken.
fn speaks(sources: &Sources<'_>, notices: &mut Vec<String>) {
    let names = ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    let given = names.into_iter().find_map(|name| Some((name, sources.variable(name)?.trim())));
    if let Some((name, protocol)) = given.filter(|(_, protocol)| *protocol != "http/protobuf") {
        notices.push(format!(
            "{name} asks for {}; load-gate speaks OTLP as http/protobuf alone (usually port 4318)",
            quote(protocol)
        ));
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
    }
}
