//! Series as text: OpenMetrics 1.0 for files, Prometheus' older format for Pushgateway.

use std::fmt::Write as _;

use super::types::{Buckets, Kind, SampleValue, Series};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenMetrics 1.0.0: counters' families without `_total`, units, `# EOF` at the end.
    OpenMetrics,
    /// Prometheus' exposition format 0.0.4.
    Prometheus,
}

/// The series, family by family in the order in which they first come.
///
/// Sources: OpenMetrics 1.0.0, and Prometheus' text exposition format 0.0.4.
#[must_use]
pub fn exposition(series: &[Series], dialect: Dialect) -> String {
    let mut text = String::new();
    let mut told: Vec<&str> = Vec::new();
    for one in series {
        let name = one.family.name.as_ref();
        if told.contains(&name) {
            continue;
        }
        told.push(name);
        head(&mut text, one, dialect);
        for of_it in series.iter().filter(|s| s.family.name == one.family.name) {
            sample(&mut text, of_it, dialect);
        }
    }
    if dialect == Dialect::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn head(text: &mut String, series: &Series, dialect: Dialect) {
    let family = &series.family;
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let name = match dialect {
        Dialect::OpenMetrics => family.name.strip_suffix("_total").unwrap_or(&family.name),
        Dialect::Prometheus => &family.name,
    };
    let _ = writeln!(text, "# TYPE {name} {kind}");
    // A unit must be the name's last word (OpenMetrics 1.0.0, "Units and Base Units").
    if dialect == Dialect::OpenMetrics && !family.unit.is_empty() && name.ends_with(family.unit) {
        let _ = writeln!(text, "# UNIT {name} {}", family.unit);
    }
    let _ = writeln!(text, "# HELP {name} {}", escape(family.help));
}

fn sample(text: &mut String, series: &Series, dialect: Dialect) {
    let name = &series.family.name;
    let labels: Vec<String> =
        series.labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
    match &series.value {
        SampleValue::Number(value) => line(text, name, "", &labels, None, *value),
        SampleValue::Histogram(Buckets { bounds, count, sum, .. }) => {
            for (bound, n) in bounds {
                // OpenMetrics wants a bound to look like a float; the older format's
                // own libraries write `1`.
                let le = match dialect {
                    Dialect::OpenMetrics => format!("{bound:?}"),
                    Dialect::Prometheus => number(*bound),
                };
                line(text, name, "_bucket", &labels, Some(&le), *n as f64);
            }
            line(text, name, "_bucket", &labels, Some("+Inf"), *count as f64);
            line(text, name, "_count", &labels, None, *count as f64);
            line(text, name, "_sum", &labels, None, *sum);
        }
    }
}

fn line(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: &[String],
    le: Option<&str>,
    value: f64,
) {
    let mut all = labels.to_vec();
    all.extend(le.map(|le| format!("le=\"{le}\"")));
    let labels = if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) };
    let _ = writeln!(text, "{name}{suffix}{labels} {}", number(value));
}

/// A number as both formats read it.
fn number(value: f64) -> String {
    format!("{value}")
}

/// Backslash, quote and line feed, as both formats have them in label values.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
