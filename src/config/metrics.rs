//! `[metrics]`: where series go while a run lasts, from file, flags and variables; credentials from variables alone.

use super::access::{access, receiver_url, url};
use super::diagnostics::{Diagnostics, Place, Wrong, quote};
use super::inputs::Sources;
use super::otlp::otlp;
use super::reader::Section;
use super::receivers::{MetricsSettings, PrometheusSettings, SeriesNames};
use super::tree::{Node, Table};
use super::values::{self, flag, text};
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
            access: access(sources, "LOAD_GATE_PROMETHEUS", problems).at(&url),
            url,
            names: config.names,
            native_histograms: config.native_histograms,
        }),
        otlp: otlp(sources, interval, notices, problems),
        pushgateway: pushgateway.map(|url| {
            let access = access(sources, "LOAD_GATE_PUSHGATEWAY", problems).at(&url);
            (url, access)
        }),
        grafana_url: config.grafana_url.clone(),
    }
}
