//! GitHub Actions' own channels: workflow commands, step outputs, the job summary.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::PublishWarning;
use crate::gate::{About, Finding, FindingVerdict};
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::tags::{Selector, TagKey};

/// The most errors, and the most warnings, that a step may annotate.
const MOST_ANNOTATIONS: usize = 10;
/// Bytes of a step's summary over which GitHub drops the whole of it.
const MOST_SUMMARY: u64 = 1024 * 1024;

/// What GitHub Actions tells a step of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionsEnv {
    /// Whether this is a step at all.
    pub active: bool,
    /// `GITHUB_OUTPUT`.
    pub output: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: Option<PathBuf>,
    /// `GITHUB_EVENT_NAME`.
    pub event_name: String,
    /// `GITHUB_EVENT_PATH`.
    pub event_path: Option<PathBuf>,
    /// `GITHUB_REPOSITORY`: `owner/name`.
    pub repository: Option<String>,
    /// `GITHUB_API_URL`, GitHub's own where it isn't set.
    pub api_url: String,
    /// `GITHUB_SHA`.
    pub commit: Option<String>,
    /// Whether debug logging is on.
    pub debug: bool,
}

impl ActionsEnv {
    /// Reads the variables.
    #[must_use]
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| vars.get(name).filter(|value| !value.is_empty()).cloned();
        let on = |name: &str| get(name).is_some_and(|value| value == "1" || value == "true");
        Self {
            active: on("GITHUB_ACTIONS"),
            output: get("GITHUB_OUTPUT").map(PathBuf::from),
            summary: get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            event_name: get("GITHUB_EVENT_NAME").unwrap_or_default(),
            event_path: get("GITHUB_EVENT_PATH").map(PathBuf::from),
            repository: get("GITHUB_REPOSITORY"),
            api_url: get("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned()),
            commit: get("GITHUB_SHA"),
            debug: on("RUNNER_DEBUG") || on("ACTIONS_STEP_DEBUG"),
        }
    }
}

/// The data of a workflow command, inert: `%`, CR and LF escaped.
#[must_use]
pub fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command: `:` and `,` escaped as well.
#[must_use]
pub fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A workflow command: `::error title=…::message`.
#[must_use]
pub fn command(name: &str, title: &str, message: &str) -> String {
    if title.is_empty() {
        format!("::{name}::{}", escape_data(message))
    } else {
        format!("::{name} title={}::{}", escape_property(title), escape_data(message))
    }
}

/// Commands that hide every secret in the log: to be printed before anything else.
#[must_use]
pub fn masks(secrets: &[Secret]) -> Vec<String> {
    let lines = secrets.iter().flat_map(|secret| secret.expose().lines());
    lines.filter(|line| line.len() >= 4).map(|line| command("add-mask", "", line)).collect()
}

/// What doesn't hold, as annotations, worst first, within GitHub's limits: failures as
/// errors, what is inconclusive or was skipped as warnings, and as notices what may be
/// skipped and what waits for a baseline. No sentence twice.
#[must_use]
pub fn annotations(report: &SuiteReport) -> Vec<String> {
    let mut all = told("error", report, |finding| finding.verdict == FindingVerdict::Fail);
    let skipped = |f: &Finding| f.about == About::Run && f.verdict == FindingVerdict::Skipped;
    let unsure = |f: &Finding| {
        f.verdict == FindingVerdict::Inconclusive || (skipped(f) && !report.allow_skip)
    };
    all.extend(told("warning", report, unsure));
    if report.allow_skip {
        all.extend(told("notice", report, skipped));
    }
    let waits = |f: &&Finding| {
        f.about == About::Threshold
            && f.verdict == FindingVerdict::Skipped
            && f.threshold.as_ref().is_some_and(|t| t.observed.is_some() && t.bound.is_none())
    };
    let waiting: usize = report
        .scenarios
        .iter()
        .map(|scenario| scenario.verdict.findings.iter().filter(waits).count())
        .sum();
    if waiting > 0 {
        let (thresholds, are) =
            if waiting == 1 { ("threshold", "is") } else { ("thresholds", "are") };
        let text = format!(
            "{waiting} {thresholds} relative to a baseline {are} not exercised: there is none yet"
        );
        all.push(command("notice", "load-gate", &text));
    }
    all
}

/// The findings that are `wanted`, as annotations of that kind: what explains most first.
fn told(kind: &str, report: &SuiteReport, wanted: impl Fn(&Finding) -> bool) -> Vec<String> {
    let mut said: Vec<&str> = Vec::new();
    let mut all = Vec::new();
    for scenario in &report.scenarios {
        let findings = scenario.verdict.findings.iter();
        let mut bad: Vec<_> = findings.filter(|finding| wanted(finding)).collect();
        bad.sort_by_key(|finding| finding.about != About::Run);
        for finding in bad {
            if all.len() < MOST_ANNOTATIONS && !said.contains(&finding.message.as_str()) {
                said.push(&finding.message);
                let title = format!("load-gate {}", scenario.plan.scenario);
                all.push(command(kind, &title, &finding.message));
            }
        }
    }
    all
}

/// The step's outputs (docs/github.md).
#[must_use]
pub fn outputs(
    report: &SuiteReport,
    exit_code: u8,
    results_dir: &Path,
    junit: &Path,
) -> Vec<(String, String)> {
    let mut outputs = vec![
        ("verdict".to_owned(), report.verdict.name().to_owned()),
        ("exit-code".to_owned(), exit_code.to_string()),
        ("junit".to_owned(), junit.display().to_string()),
        ("results-dir".to_owned(), results_dir.display().to_string()),
        ("summary".to_owned(), results_dir.join("summary.md").display().to_string()),
    ];
    for scenario in &report.scenarios {
        outputs.extend(figures(scenario));
    }
    outputs.push(("results".to_owned(), results(report)));
    outputs
}

/// p95 in milliseconds and success rate as a fraction, empty where there are none.
fn figures(scenario: &ScenarioReport) -> [(String, String); 3] {
    let id = scenario.plan.scenario;
    let recording = &scenario.recording;
    let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
    let p95 = recording.slice(&accepted).and_then(|slice| slice.response_time.quantile(0.95));
    let rate = recording.total().success_rate();
    [
        (
            format!("p95-{id}"),
            p95.map_or_else(String::new, |p95| format!("{:.3}", p95.as_millis_f64())),
        ),
        (
            format!("success-rate-{id}"),
            rate.map_or_else(String::new, |(rate, _)| format!("{rate:.6}")),
        ),
        (format!("rate-limit-hits-{id}"), recording.total().rate_limit_hits.to_string()),
    ]
}

/// Every scenario's verdict and figures as one line of JSON, also of scenarios that
/// action.yml has no outputs for.
fn results(report: &SuiteReport) -> String {
    let scenarios: serde_json::Map<String, serde_json::Value> = report
        .scenarios
        .iter()
        .map(|scenario| {
            let [p95, rate, hits] = figures(scenario).map(|(_, value)| value.parse::<f64>().ok());
            let told = serde_json::json!({
                "verdict": scenario.verdict.kind,
                "p95_ms": p95,
                "success_rate": rate,
                "rate_limit_hits": hits.map(|n| n as u64),
            });
            (scenario.plan.scenario.name().to_owned(), told)
        })
        .collect();
    serde_json::json!({ "verdict": report.verdict, "scenarios": scenarios }).to_string()
}

/// Appends outputs in the delimiter form. `nonce` makes the delimiter
/// unguessable: a value that a server had a hand in can't end itself.
///
/// # Errors
/// When `GITHUB_OUTPUT` can't be appended to.
pub fn write_outputs(
    path: &Path,
    outputs: &[(String, String)],
    nonce: u128,
) -> Result<(), PublishWarning> {
    let delimiter = format!("load_gate_{nonce:032x}");
    let mut text = String::new();
    for (name, value) in outputs {
        for part in [name, "<<", &delimiter, "\n", value, "\n", &delimiter, "\n"] {
            text.push_str(part);
        }
    }
    append(path, &text).map_err(|error| {
        PublishWarning::new("the step's outputs", error.to_string(), "look at the runner's disk")
    })
}

/// Appends `markdown` to the job summary, unless it would take the step's over
/// GitHub's limit: then all of it would be dropped.
///
/// # Errors
/// When `GITHUB_STEP_SUMMARY` can't be appended to, or is too full.
pub fn write_summary(path: &Path, markdown: &str) -> Result<(), PublishWarning> {
    let there = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if there + markdown.len() as u64 + 1 > MOST_SUMMARY {
        let reason = "it would be over 1 MiB, and GitHub would drop all of it".to_owned();
        return Err(PublishWarning::new(
            "the job summary",
            reason,
            "see summary.md in the results",
        ));
    }
    append(path, &format!("{markdown}\n")).map_err(|error| {
        PublishWarning::new("the job summary", error.to_string(), "look at the runner's disk")
    })
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_inert_whatever_the_text() {
        let text = command("error", "a:b,c%", "x\r\n::error::y 100%");
        assert_eq!(text, "::error title=a%3Ab%2Cc%25::x%0D%0A::error::y 100%25");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn every_line_of_a_secret_is_masked() {
        let masks = masks(&[Secret::new("first-line\nsecond-line"), Secret::new("ab")]);
        assert_eq!(masks, ["::add-mask::first-line", "::add-mask::second-line"]);
    }

    #[test]
    fn outputs_can_not_end_themselves() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("output");
        let value = "a\nEOF\nverdict<<EOF\npass\nEOF".to_owned();
        write_outputs(&path, &[("summary".to_owned(), value.clone())], 7).expect("writes");
        let text = std::fs::read_to_string(&path).expect("reads");
        let delimiter = "load_gate_00000000000000000000000000000007";
        assert_eq!(text, format!("summary<<{delimiter}\n{value}\n{delimiter}\n"));
    }

    #[test]
    fn what_outputs_say_the_reports_say() {
        use crate::report::{self, fixtures};
        use crate::units;
        for report in [fixtures::pass(), fixtures::all().remove(1).1] {
            let outputs = outputs(&report, 0, Path::new("results"), Path::new("junit.xml"));
            let outputs: BTreeMap<String, String> = outputs.into_iter().collect();
            let told: serde_json::Value = serde_json::from_str(&outputs["results"]).expect("JSON");
            let comment = report::comment(&report, None, report::Masthead::default());
            let comment = comment.replace("&nbsp;", " ");
            for scenario in &report.scenarios {
                let id = scenario.plan.scenario;
                let told = &told["scenarios"][id.name()];
                assert_eq!(told["verdict"], scenario.verdict.kind.name());
                let row = comment.lines().find(|line| line.starts_with(&format!("| {id} |")));
                let row = row.expect("a row of the comment");
                for (output, key, say) in [
                    ("p95", "p95_ms", units::millis as fn(f64) -> String),
                    ("success-rate", "success_rate", units::percent),
                    ("rate-limit-hits", "rate_limit_hits", |n| units::count(n as u64)),
                ] {
                    let output = outputs[&format!("{output}-{id}")].parse::<f64>().ok();
                    assert_eq!(told[key].as_f64(), output, "{id} {key}");
                    let said = output.map_or_else(|| "–".to_owned(), say);
                    assert!(row.contains(&said), "{id} {key}: {said} isn't in {row}");
                }
            }
        }
    }

    #[test]
    fn a_summary_over_the_limit_is_told_and_left_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("summary");
        write_summary(&path, "fine").expect("writes");
        let warning = write_summary(&path, &"x".repeat(1024 * 1024)).expect_err("too much");
        assert!(warning.to_string().contains("1 MiB"));
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), "fine\n");
    }
}
