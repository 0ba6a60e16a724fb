//! The environment variables that load-gate reads, as its help tells them.

/// Name and meaning of each, in the order of the help.
const VARIABLES: [(&str, &str); 31] = [
    ("TEST_API_KEY_1, _2, …", "API keys of test customers, in this order"),
    ("STRIPE_WEBHOOK_SECRET", "the secret that webhook events are signed with"),
    ("GITHUB_TOKEN", "the token for GitHub; never sent to the load target"),
    ("API_URL", "as --url"),
    ("LOAD_GATE_ENV", "as --env"),
    ("LOAD_GATE_PROFILE", "as --profile"),
    ("LOAD_GATE_CONFIG", "as --config"),
    ("LOAD_GATE_RATE_SCALE", "as --rate-scale"),
    ("LOAD_GATE_DURATION_SCALE", "as --duration-scale"),
    ("LOAD_GATE_COOLDOWN", "as --cooldown"),
    ("LOAD_GATE_SEED", "as --seed"),
    ("LOAD_GATE_WORKERS", "as --workers"),
    ("LOAD_GATE_SHARD", "as --shard"),
    ("LOAD_GATE_SHARDS", "how many shards; JOB_COMPLETION_INDEX (from 0) says which"),
    ("LOAD_GATE_START_AT", "as --start-at"),
    ("LOAD_GATE_RUN", "what all shards of a run call it"),
    ("LOAD_GATE_PROMETHEUS_URL", "as --prometheus-url"),
    ("LOAD_GATE_PUSHGATEWAY", "as --pushgateway"),
    ("LOAD_GATE_PROMETHEUS_USERNAME", "and _PASSWORD: basic access to that endpoint"),
    ("LOAD_GATE_PROMETHEUS_TOKEN", "bearer access to it"),
    ("LOAD_GATE_PROMETHEUS_HEADERS", "more headers for it, name=value between commas"),
    ("LOAD_GATE_PUSHGATEWAY_USERNAME", "and _PASSWORD, _TOKEN, _HEADERS: the same for the gateway"),
    ("LOAD_GATE_RESOURCES_URL", "the Prometheus that knows the service's own resources"),
    ("LOAD_GATE_RESOURCES_USERNAME", "and _PASSWORD, _TOKEN, _HEADERS: access to it"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP over HTTP, with the other OTEL_ variables beside it"),
    ("LOAD_GATE_CONFIRM_PRODUCTION", "as --confirm-production"),
    ("LOAD_GATE_LOG", "what is logged, such as `load_gate=debug`; nothing by default"),
    ("NO_COLOR", "no colour"),
    ("CLICOLOR_FORCE", "colour even where it isn't a terminal"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "authorities to trust instead of the system's"),
    ("HTTPS_PROXY, NO_PROXY", "the way to GitHub and to metrics; load is never proxied"),
];

/// The part of the help that names them.
pub(super) fn help() -> String {
    let width = VARIABLES.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let rows = VARIABLES.iter().map(|(name, what)| format!("\n  {name:width$}  {what}"));
    format!(
        "Environment variables (a blank one is as if it weren't set):{}\n\nIn a step of GitHub \
         Actions also what the runner sets: GITHUB_*, RUNNER_DEBUG.",
        rows.collect::<String>()
    )
}
