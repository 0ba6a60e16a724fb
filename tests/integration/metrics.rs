//! OpenTelemetry's variables, from the environment of the real binary to what a receiver gets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::api::api;
use crate::support::run_in;

/// Path, headers and body of each export.
type Exports = Arc<Mutex<Vec<(String, BTreeMap<String, String>, Vec<u8>)>>>;

fn receiver() -> (String, Exports) {
    let seen = Exports::default();
    let kept = Arc::clone(&seen);
    let url = api(move |asked| {
        let export = (asked.path.clone(), asked.headers.clone(), asked.body.clone());
        kept.lock().expect("not poisoned").push(export);
        (200, String::new(), String::new())
    });
    (url, seen)
}

/// What a short run with these variables exports.
fn exports(
    vars: &[(&str, &str)],
    seen: &Exports,
) -> Vec<(String, BTreeMap<String, String>, Vec<u8>)> {
    let vars: Vec<(String, String)> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let args = ["run", "onboarding", "--env", "embedded", "--duration-scale", "0.2", "--no-check"];
    let done = run_in("", &args, &vars);
    assert!(matches!(done.code, 0 | 3), "{}", done.all());
    assert!(!done.all().contains("s3cret"), "{}", done.all());
    std::mem::take(&mut *seen.lock().expect("not poisoned"))
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn each_of_opentelemetry_s_variables_is_heard() {
    let (url, seen) = receiver();
    let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "3600000");
    let all = exports(
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("{url}/base")),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=t%3D1,x-key=s3cret-of-all"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-key=s3cret-of-metrics"),
            ("OTEL_SERVICE_NAME", "the-gate"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=pay%2Cments,service.name=another"),
            interval,
        ],
        &seen,
    );
    // An hour between two: what it began and what it ended with.
    assert_eq!(all.len(), 2);
    for (path, headers, body) in &all {
        assert_eq!(path, "/base/v1/metrics");
        assert_eq!(headers["x-tenant"], "t=1");
        assert_eq!(headers["x-key"], "s3cret-of-metrics");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert!(holds(body, "the-gate") && holds(body, "pay,ments") && !holds(body, "another"));
    }
    let own = format!("{url}/own");
    let elsewhere = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let all = exports(&[elsewhere, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &own)], &seen);
    // Once a second, where nobody says otherwise.
    assert!(all.len() > 2 && all.iter().all(|(path, ..)| path == "/own"), "{}", all.len());
    assert!(all.iter().all(|(_, headers, body)| {
        !headers.contains_key("x-key") && holds(body, "load-gate") && holds(body, "service.name")
    }));
}
