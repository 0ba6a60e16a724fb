//! The action's steps end to end, against the embedded target.

use std::path::Path;

use crate::interpreter::{ActionResult, Runner};
use crate::root;

/// 80 arrivals in a second; generous to a busy machine, on which the
/// generator's own lag would otherwise make the verdict inconclusive.
const CONFIG: &str = r#"
[engine]
max_lag = "20s"
[scenarios.webhook]
rate_limit = "none"
[scenarios.webhook.profiles]
tiny = [{ duration = "0s", target = 80 }, { duration = "1s", target = 80 }]
[scenarios.webhook.thresholds]
THRESHOLD
"#;

pub(crate) const WITH: [(&str, &str); 4] = [
    ("scenarios", "webhook"),
    ("environment", "embedded"),
    ("profile", "tiny"),
    ("config", "gate.toml"),
];

/// A gate that no server passes, and no generator can be to blame for.
pub(crate) const RED: &str = "success_rate = [\"rate<0.5\"]";

pub(crate) fn runner(expression: &str) -> Runner {
    runner_with(&format!("\"response_time{{outcome:accepted}}\" = [\"{expression}\"]"))
}

pub(crate) fn runner_with(threshold: &str) -> Runner {
    let mut runner = Runner::new(root());
    let config = CONFIG.replace("THRESHOLD", threshold);
    std::fs::write(runner.workspace.path().join("gate.toml"), config).expect("written");
    runner.env.insert("LOAD_GATE_BIN".to_owned(), env!("CARGO_BIN_EXE_load-gate").to_owned());
    runner
}

/// The step outputs and the job summary, of a run that asked for webhook alone.
fn assert_told(runner: &Runner, result: &ActionResult, verdict: &str, code: &str) {
    let output = |name: &str| result.outputs[name].as_str();
    assert_eq!(output("verdict"), verdict);
    assert_eq!(output("exit-code"), code);
    for name in ["junit", "results-dir", "summary"] {
        let path = runner.workspace.path().join(output(name));
        assert!(!output(name).is_empty() && path.exists(), "{name} is {}", output(name));
    }
    let p95: f64 = output("p95-webhook").parse().expect("milliseconds");
    assert!(p95 > 0.0, "{p95}");
    let rate: f64 = output("success-rate-webhook").parse().expect("a rate");
    assert!((0.0..=1.0).contains(&rate), "{rate}");
    assert_eq!(output("rate-limit-hits-webhook"), "0");
    for name in ["p95-onboarding", "success-rate-onboarding", "rate-limit-hits-onboarding"] {
        assert_eq!(output(name), "", "{name} was not asked for");
    }
    let first = result.summary.lines().next().unwrap_or_default().to_lowercase();
    assert!(first.contains(verdict), "the summary begins with the verdict: {first}");
}

fn results(runner: &Runner, dir: &str) -> Vec<String> {
    let dir: &Path = &runner.workspace.path().join(dir);
    let entries = std::fs::read_dir(dir).expect("a results directory");
    entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_pass_is_green() {
    let runner = runner("p(95)<20000");
    let result = runner.run(&WITH);
    assert_eq!(result.code, 0, "{}", result.log);
    assert!(result.log.contains("pass, 1 of 1 scenarios"), "{}", result.log);
    let files = results(&runner, "load_tests/results");
    for name in ["suite.json", "junit.xml", "summary.md", "webhook-results.json"] {
        assert!(files.iter().any(|file| file == name), "{name} in {files:?}");
    }
    assert_told(&runner, &result, "pass", "0");
}

#[test]
fn a_failure_is_red_with_its_exit_code() {
    let runner = runner_with(RED);
    let with = [&WITH[..], &[("results-dir", "out"), ("fail-on-inconclusive", "false")]].concat();
    let result = runner.run(&with);
    assert_eq!(result.code, 1, "{}", result.log);
    assert!(result.log.contains("success_rate is"), "{}", result.log);
    assert!(results(&runner, "out").iter().any(|file| file == "junit.xml"));
    assert_told(&runner, &result, "fail", "1");
}

#[test]
fn inconclusive_is_not_green_unless_asked() {
    // One wants 299 answers for a p99; there are 80.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = runner("p(99)<20000").run(&WITH);
            assert_eq!(result.code, 3, "{}", result.log);
        });
        scope.spawn(|| {
            let runner = runner("p(99)<20000");
            let with = [&WITH[..], &[("fail-on-inconclusive", "false")]].concat();
            let let_through = runner.run(&with);
            assert_eq!(let_through.code, 0, "{}", let_through.log);
            assert!(let_through.log.contains("inconclusive"), "{}", let_through.log);
            assert_told(&runner, &let_through, "inconclusive", "3");
        });
    });
}

#[test]
fn a_mistake_names_its_input() {
    let runner = runner("p(95)<20000");
    let result = runner.run(&[("environment", "embedded"), ("allow-skip", "yes")]);
    assert_eq!(result.code, 2, "{}", result.log);
    let wanted = "input `allow-skip`: expected `true` or `false`, found `yes`";
    assert!(result.log.contains(wanted), "{}", result.log);
}

#[test]
fn an_input_is_never_shell() {
    let runner = runner("p(95)<20000");
    let hostile = "$(touch owned); `touch owned` && touch owned";
    for input in ["scenarios", "environment", "profile", "seed", "comment-id", "rate-scale"] {
        let result = runner.run(&[(input, hostile), ("url", "http://127.0.0.1:9")]);
        assert_eq!(result.code, 2, "{input}: {}", result.log);
        assert!(!runner.workspace.path().join("owned").exists(), "{input}");
    }
}

#[test]
fn no_input_becomes_a_workflow_command() {
    let runner = runner("p(95)<20000");
    let hostile = "x\n::error::owned\r\n##[error]owned";
    for input in ["results-dir", "junit", "config", "url", "baseline", "prometheus-url", "seed"] {
        let result = runner.run(&[&WITH[..], &[(input, hostile)]].concat());
        assert_eq!(result.code, 2, "{input}: {}", result.log);
        assert!(!result.log.contains("##["), "{input}: {}", result.log);
        for line in result.log.split(['\n', '\r']) {
            assert!(!line.trim_start().starts_with("::error::owned"), "{input}: {}", result.log);
        }
        assert!(result.log.contains(&format!("input `{input}`")), "{input}: {}", result.log);
        assert_eq!(result.outputs["verdict"], "usage", "{input}");
        assert_eq!(result.outputs["exit-code"], "2", "{input}");
    }
}

#[test]
fn messages_name_inputs_rather_than_flags() {
    let runner = runner("p(95)<0.001\", \"p(95)<2*baseline");
    let result = runner.run(&WITH);
    for (place, text) in [("log", &result.log), ("summary", &result.summary)] {
        assert!(text.contains("input `baseline`"), "{place}: {text}");
        assert!(!text.contains("--baseline"), "{place}: {text}");
    }
    let wrong = runner.run(&[&WITH[..], &[("rate-scale", "many")]].concat());
    assert!(wrong.log.contains("input `rate-scale`"), "{}", wrong.log);
    assert!(!wrong.log.contains("--rate-scale"), "{}", wrong.log);
}
