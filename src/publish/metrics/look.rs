//! Looks whether the receivers of series know us, by sending nothing to each.

use reqwest::Method;

use super::post::{Again, Line, PATIENCE, Sent};
use super::receiver::Receiver;
use crate::config::{MetricsSettings, below, shown};
use crate::preflight::CheckLine;
use crate::series::{Writer, export_request};

/// One line a receiver: an empty write, an empty export, the gateway's status.
pub async fn look(settings: &MetricsSettings) -> Vec<CheckLine> {
    let mut lines = Vec::new();
    if let Some(to) = &settings.prometheus {
        let body = Writer::default().write(&[], 0);
        lines.push(tried("remote write", &to.into(), body).await);
    }
    if let Some(to) = &settings.otlp {
        let body = export_request(&[], &to.resource, 0, 0);
        lines.push(tried("OTLP", &to.into(), body).await);
    }
    if let Some((url, access)) = &settings.pushgateway {
        let name = "Pushgateway";
        let status = below(url, "/api/v1/status");
        lines.push(match Line::to(&status, PATIENCE, Again::AnyServerError, None) {
            Ok(line) => {
                said(name, &status, line.send(Method::GET, &status, &[], access, Vec::new()).await)
            }
            Err(error) => refused(name, &status, &error),
        });
    }
    lines
}

async fn tried(name: &str, to: &Receiver, body: Vec<u8>) -> CheckLine {
    let url = to.url();
    let line = match to.line() {
        Ok(line) => line,
        Err(error) => return refused(name, url, &error),
    };
    let body = to.packed(body);
    said(name, url, line.send(Method::POST, url, to.headers(), to.access(), body).await)
}

fn said(name: &str, url: &str, sent: Sent) -> CheckLine {
    match sent {
        Sent::Taken => CheckLine::ok(name, format!("{} takes what is sent", shown(url))),
        Sent::Later(_, reason) | Sent::Never(reason) => refused(name, url, &reason),
    }
}

/// The verdict doesn't depend on it: nothing that keeps a run from being made.
fn refused(name: &str, url: &str, reason: &str) -> CheckLine {
    CheckLine::warn(
        name,
        format!("{}: {reason}", shown(url)),
        "the run's series would be missing there; the verdict doesn't depend on it",
        "mend the URL and the variables with its credentials (docs/live.md)",
    )
}
