//! Looks whether the receivers of series know us, by sending nothing to each.

use reqwest::Method;

use super::post::{self, Sent};
use crate::config::{Access, MetricsSettings};
use crate::preflight::CheckLine;
use crate::series::{Writer, export_request};

/// One line a receiver: an empty write, an empty export, the gateway's status.
pub async fn look(settings: &MetricsSettings) -> Vec<CheckLine> {
    let mut lines = Vec::new();
    if let Some(to) = &settings.prometheus {
        let headers = [
            ("content-encoding", "snappy"),
            ("content-type", "application/x-protobuf"),
            ("x-prometheus-remote-write-version", "0.1.0"),
        ];
        let body = Writer::default().write(&[], 0);
        lines.push(tried("remote write", Method::POST, &to.url, &headers, &to.access, body).await);
    }
    if let Some(to) = &settings.otlp {
        let headers = [("content-type", "application/x-protobuf")];
        let body = export_request(&[], &to.resource, 0, 0);
        lines.push(tried("OTLP", Method::POST, &to.url, &headers, &to.access, body).await);
    }
    if let Some((url, access)) = &settings.pushgateway {
        let status = format!("{}/api/v1/status", url.trim_end_matches('/'));
        lines.push(tried("Pushgateway", Method::GET, &status, &[], access, Vec::new()).await);
    }
    lines
}

async fn tried(
    name: &str,
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    access: &Access,
    body: Vec<u8>,
) -> CheckLine {
    let client = match post::client(url) {
        Ok(client) => client,
        Err(error) => return refused(name, url, &error.to_string()),
    };
    match post::send(&client, method, url, headers, access, body).await {
        Sent::Taken => CheckLine::ok(name, format!("{url} takes what is sent")),
        Sent::Later(_, reason) | Sent::Never(reason) => refused(name, url, &reason),
    }
}

/// The verdict doesn't depend on it: nothing that keeps a run from being made.
fn refused(name: &str, url: &str, reason: &str) -> CheckLine {
    CheckLine::warn(
        name,
        format!("{url}: {reason}"),
        "the run's series would be missing there; the verdict doesn't depend on it",
        "mend the URL and the variables with its credentials (docs/live.md)",
    )
}
