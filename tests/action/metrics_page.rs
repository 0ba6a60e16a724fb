//! `docs/metrics.md`, made of the table of metrics.

use std::fmt::Write as _;

use load_gate::gate::{Method, Metric, MetricKind, RESOURCE_NAME};
use load_gate::scenario::catalogue;
use load_gate::tags::TagKey;

const PAGE: &str = "docs/metrics.md";

const HEAD: &str = "\
# Metrics

What thresholds may name ([verdict.md](verdict.md) says how they are judged) and what
`<scenario>-results.json` shows ([files.md](files.md)). This page is made from the program's own table:
[CONTRIBUTING.md](../CONTRIBUTING.md#add-a-metric) says how.

A threshold is a metric, perhaps with a selector of tags, and expressions in k6's grammar:

```toml
[scenarios.onboarding.thresholds]
success_rate = [\"rate>0.90\"]
\"response_time{outcome:accepted,stage:hold}\" = [\"p(95)<2000\", \"p(99)<5e3\"]
```
";

const COUNTED: &str = "
## What counts where

| traffic | `http_reqs`, `data_*`, `rate_limit_hits` and its prediction | `iterations`, outcomes, rates, checks, every trend, the scenarios' own metrics | the limiter's ledger |
| --- | --- | --- | --- |
| arrival sent | yes | yes | yes |
| canary, probe, proof | yes | no | yes |
| arrival dropped | no | outcomes and the denominators of rates | no |
| minting of keys | yes, of onboarding | no | yes |
| checks before the run | no | no | no |

**Empty is not zero.** A metric of which nothing was observed is left out of `<scenario>-results.json`;
where a threshold names it, it is there with nulls, the threshold is inconclusive and never `ok`. A
counter is observed as soon as there is traffic that it could have counted.
";

/// What a method takes, in words.
fn meaning(method: Method) -> &'static str {
    match method {
        Method::Count => "how many",
        Method::Rate => "of a counter: per second of load; of a rate: the share, 0 to 1",
        Method::Avg => "the mean, exactly",
        Method::Min => "the smallest, exactly",
        Method::Med => "the median: `p(50)`",
        Method::Max => "the largest, exactly",
        Method::Percentile(_) => {
            "the N-th percentile, 0 < N ≤ 100, decimals allowed: the sample of rank ⌈N/100 × n⌉, to three digits"
        }
    }
}

/// What a tag tells of a request, in words.
fn values(tag: TagKey) -> &'static str {
    match tag.name() {
        "scenario" => "the scenario's name",
        "stage" => "`ramp`, `hold`, or the stage's number from 1",
        "outcome" => {
            "how the arrival ended: `accepted`, `rate_limited`, `contract`, `rejected`, `server_error`, `unexpected`, `timeout`, `transport`, `dropped`"
        }
        "status" => "the HTTP status",
        "provider" => "a provider asked for (an exchange may ask for several)",
        "ttl" => "the TTL asked for, in minutes",
        "event_type" => "the Stripe event's type",
        "duplicate" => "`true` for a redelivery, else `false`",
        "name" => "which of the service's resources: of `resource` alone",
        "expected_response" => "`true` for accepted arrivals, else `false`",
        other => panic!("the page says nothing of the tag {other}"),
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut table = |title: &str, metrics: Vec<Metric>| {
        let _ = write!(page, "\n## {title}\n\n| metric | type | unit | what it is |\n");
        page.push_str("| --- | --- | --- | --- |\n");
        for metric in metrics {
            let (kind, unit) = (metric.kind().name(), metric.unit().name());
            let parts =
                metric.split().map(|tag| format!("; parts: `{metric}{{{}:…}}`", tag.name()));
            let parts = parts.unwrap_or_default();
            let _ = writeln!(page, "| `{metric}` | {kind} | {unit} | {}{parts} |", metric.about());
        }
    };
    let common = Metric::all().filter(|metric| metric.scenario().is_none());
    table("Of every scenario", common.collect());
    let mut owners: Vec<_> = Metric::all().filter_map(Metric::scenario).collect();
    owners.dedup();
    for owner in owners {
        let own = Metric::all().filter(|metric| metric.scenario() == Some(owner));
        table(&format!("Of {owner} alone"), own.collect());
    }
    page.push_str("\n## Methods\n\n| method | of | what it takes |\n| --- | --- | --- |\n");
    let methods = [
        Method::Count,
        Method::Rate,
        Method::Avg,
        Method::Min,
        Method::Med,
        Method::Max,
        Method::Percentile(95.0),
    ];
    for method in methods {
        let kinds = MetricKind::ALL.into_iter().filter(|kind| kind.takes(method));
        let kinds: Vec<_> = kinds.map(MetricKind::name).collect();
        let name = method.to_string().replace("95", "N");
        let _ = writeln!(page, "| `{name}` | {} | {} |", kinds.join(", "), meaning(method));
    }
    page.push_str("\n## Tags\n\n| tag | its values |\n| --- | --- |\n");
    let own = catalogue::BUILT_IN.iter().flat_map(|entry| entry.tags.iter().copied());
    let mut tags: Vec<TagKey> =
        TagKey::COMMON.into_iter().chain(own).chain([RESOURCE_NAME]).collect();
    tags.dedup();
    for tag in tags {
        let _ = writeln!(page, "| `{}` | {} |", tag.name(), values(tag));
    }
    page.push_str(COUNTED);
    page
}

#[test]
fn the_page_of_metrics_is_made_from_the_table() {
    let (path, page) = (crate::root().join(PAGE), page());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page).expect("written");
        return;
    }
    let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(written, page, "{PAGE}: UPDATE_DOCS=1 cargo test --test action metrics_page");
}
