//! Exit codes, files, usage errors, and no secret anywhere.

use std::process::Stdio;

use crate::support::{
    Counting, Done, Served, config, files_below, finished, load_gate, run_in, run_keeping_up,
};

const SCENARIOS: [&str; 3] = ["onboarding", "credential-vending", "webhook"];

/// The names of what a run left, timestamps replaced.
fn names(done: &Done) -> Vec<String> {
    let files = files_below(&done.results());
    let mut names: Vec<String> = files
        .iter()
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let scenario =
                SCENARIOS.iter().find(|s| name.starts_with(**s) && name.ends_with(".txt"));
            scenario.map_or(name, |s| format!("{s}-TIME.txt"))
        })
        .collect();
    names.sort();
    names
}

fn expected_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "baseline.md",
        "history.json",
        "junit.xml",
        "metrics.prom",
        "report.html",
        "suite.json",
        "summary.md",
    ]
    .map(Into::into)
    .into();
    for s in SCENARIOS {
        names.extend([format!("{s}-TIME.txt"), format!("{s}-results.json"), format!("{s}.hgrm")]);
    }
    names.sort();
    names
}

/// Loose enough for a loaded machine: a debug build among other work is no yardstick.
const LAX: &str = "[engine]\nmax_lag = \"2s\"\n";

/// Windows of six seconds: a limiter is proved in a tenth of the time.
const SHORT_WINDOWS: &str = r#"
[scenarios.onboarding]
rate_limit = { limit = 10, window = "6s", scope = "ip" }
[scenarios.credential-vending]
rate_limit = { limit = 60, window = "6s", scope = "customer" }
[scenarios.webhook]
rate_limit = { limit = 1000, window = "6s", scope = "global" }
"#;

#[test]
fn the_embedded_run_is_green_and_leaves_every_file() {
    let config = format!("{LAX}{SHORT_WINDOWS}");
    let args = ["run", "--env", "embedded", "--duration-scale", "0.3"];
    let done = run_keeping_up(&config, &args, &[]);
    assert_eq!(done.code, 0, "{}", done.all());
    assert!(done.out.starts_with("pass, 3 of 3 scenarios"), "{}", done.all());
    assert_eq!(names(&done), expected_names());
    for scenario in SCENARIOS {
        // What `jq '.metrics.http_reqs.values.count, …'` prints are numbers.
        let json = done.json(&format!("{scenario}-results.json"));
        for pointer in [
            "/metrics/http_reqs/values/count",
            "/metrics/http_reqs/values/rate",
            "/metrics/http_req_duration/values/p(95)",
            "/metrics/errors/values/rate",
        ] {
            assert!(json.pointer(pointer).is_some_and(serde_json::Value::is_number), "{pointer}");
        }
        assert_eq!(json.pointer("/load_gate/verdict").and_then(|v| v.as_str()), Some("pass"));
        assert!(
            json.pointer("/load_gate/outcomes/accepted").and_then(serde_json::Value::as_u64)
                > Some(50)
        );
    }

    // The same bytes again, from suite.json alone.
    // But for the nights before, which come from a baseline.
    let before: Vec<_> = files_below(&done.results())
        .into_iter()
        .filter(|path| !path.ends_with("history.json"))
        .map(|p| (std::fs::read(&p).expect("read"), p))
        .collect();
    for (_, path) in before.iter().filter(|(_, path)| !path.ends_with("suite.json")) {
        std::fs::remove_file(path).expect("removed");
    }
    let again = load_gate().arg("report").arg(done.results()).output().expect("runs");
    assert_eq!(again.status.code(), Some(0));
    for (bytes, path) in before {
        let now = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(now == bytes, "{} differs", path.display());
    }
}

#[test]
fn a_comparison_that_is_to_fail_on_worse_is_not_green_where_nothing_can_be_compared() {
    let done =
        run_in(LAX, &["run", "webhook", "--env", "embedded", "--duration-scale", "0.1"], &[]);
    let results = done.results();
    let compare = |more: &[&str]| {
        load_gate().arg("compare").args([&results, &results]).args(more).output().expect("runs")
    };
    let told = compare(&[]);
    assert_eq!(told.status.code(), Some(0));
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(said.starts_with("nothing can be said"), "{said}");
    assert!(said.contains("webhook  can't tell"), "{said}");
    assert_eq!(compare(&["--fail-on", "higher"]).status.code(), Some(3));
    assert_eq!(compare(&["--fail-on", "lower"]).status.code(), Some(2));
}

#[test]
fn an_unreachable_target_is_inconclusive_and_nothing_else_is_tried() {
    let keys = [("TEST_API_KEY_1", "rsolv_abc"), ("STRIPE_WEBHOOK_SECRET", "whsec_abc")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    // The near end of a connection: nobody listens there, and nobody else gets the port.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = listener.local_addr().expect("an address");
    let held = std::net::TcpStream::connect(there).expect("connects");
    let port = held.local_addr().expect("an address").port();
    let hasty = "connect_timeout = \"1s\"";
    let config = config(&format!("http://127.0.0.1:{port}"), 40, "1s", hasty);
    let done = run_in(&config, &["run", "--env", "t", "--no-check"], &keys);
    assert_eq!(done.code, 3, "{}", done.all());
    assert!(
        done.out.starts_with("inconclusive: onboarding: unreachable: 127.0.0.1"),
        "{}",
        done.all()
    );
    assert!(done.out.contains("not tried"), "{}", done.all());
    assert_eq!(names(&done), expected_names());
    for scenario in SCENARIOS {
        let json = done.json(&format!("{scenario}-results.json"));
        let number = |pointer: &str| json.pointer(pointer).and_then(serde_json::Value::as_f64);
        // As k6, which leaves out what was never observed.
        assert_eq!(number("/metrics/http_reqs/values/count"), None, "{scenario}");
        assert_eq!(number("/load_gate/outcomes/accepted"), Some(0.0), "{scenario}");
        assert_eq!(number("/load_gate/generator/planned"), Some(40.0), "{scenario}");
    }
}

#[test]
fn mistakes_in_the_config_are_shown_where_they_are() {
    for (config, line, says) in [
        ("[engine]\ntimout = \"1s\"\n", 2, "timeout"),
        ("[engine]\ntimeout = 1\n", 2, "timeout"),
        ("[engine\n", 1, "]"),
        (
            "[scenarios.onboarding.profiles]\nsmoke = [{ duration = \"1s\", target = -4 }]\n",
            2,
            "target",
        ),
        ("[scenarios.webhook.thresholds]\nerors = [\"rate<0.1\"]\n", 2, "errors"),
        ("\n[scenarios.webhook.thresholds]\nerrors = [\"p(95)<0.1\"]\n", 3, "rate"),
    ] {
        let done = run_in(config, &["run", "--env", "embedded"], &[]);
        assert_eq!(done.code, 2, "{config}: {}", done.all());
        assert!(done.err.contains(&format!("load-gate.toml:{line}")), "{config}: {}", done.all());
        assert!(done.err.contains(says), "{config}: {}", done.all());
        assert!(!done.results().exists(), "{config}: nothing is written");
    }
    // Several at once.
    let done = run_in("[engine]\ntimout = 1\nmax_lagg = 2\n", &["run", "--env", "embedded"], &[]);
    assert!(done.err.contains("timout") && done.err.contains("max_lagg"), "{}", done.all());
}

#[test]
fn a_results_directory_that_cannot_be_written_is_found_before_any_request() {
    let server = Counting::start(Box::new(|_, _| (500, String::new(), Vec::new())));
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("load-gate.toml"), config(&server.url, 10, "1s", ""))
        .expect("written");
    // A file stands where the directory should be: not even root can write below it.
    std::fs::write(dir.path().join("file"), "").expect("written");
    let output = load_gate()
        .args(["run", "onboarding", "--env", "t", "--results-dir", "file/results"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("runs");
    let done = finished(&output, dir);
    assert_eq!(done.code, 2, "{}", done.all());
    assert!(done.err.contains("file"), "{}", done.all());
    assert_eq!(server.total(), 0);
}

#[test]
fn scenarios_without_their_secrets_are_skipped_and_said() {
    let served = Served::start(&["limit=1000000"]);
    let config = config(&served.url, 60, "1s", "");
    let secret: Vec<_> =
        served.vars.iter().filter(|(name, _)| name.starts_with("STRIPE")).cloned().collect();
    let args = ["run", "--env", "t", "--cooldown", "0s"];
    let allowing = [&args[..], &["--allow-skip"]].concat();
    let (done, allowed) = std::thread::scope(|scope| {
        let allowed = scope.spawn(|| run_in(&config, &allowing, &secret));
        (run_in(&config, &args, &secret), allowed.join().expect("runs"))
    });
    assert_eq!(done.code, 3, "{}", done.all());
    assert!(done.out.starts_with("inconclusive: credential-vending: skipped: "), "{}", done.all());
    assert!(done.out.contains("TEST_API_KEY_1"), "{}", done.all());
    let json = done.json("credential-vending-results.json");
    assert_eq!(json.pointer("/load_gate/verdict").and_then(|v| v.as_str()), Some("skipped"));

    assert_eq!(allowed.code, 0, "{}", allowed.all());
    assert!(allowed.out.starts_with("pass, 2 of 3 scenarios"), "{}", allowed.all());
}

#[test]
fn no_secret_appears_anywhere() {
    let served = Served::start(&["limit=1000000", "errors=0.2", "missing-field=0.2"]);
    let done = run_in(
        &config(&served.url, 30, "1s", ""),
        &["run", "--env", "t", "--cooldown", "0s"],
        &served.vars,
    );
    assert_eq!(done.code, 1, "{}", done.all());
    let files = files_below(&done.results());
    let mut texts: Vec<(String, String)> = files
        .iter()
        .map(|p| {
            (
                p.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(p).expect("read")).into_owned(),
            )
        })
        .collect();
    texts.push(("the terminal".to_owned(), done.all()));
    for (place, text) in texts {
        for (name, value) in &served.vars {
            assert!(!text.contains(value.as_str()), "{name} stands in {place}");
        }
        // Keys that onboarding made; a documented prefix with its dots is none.
        let key = text.match_indices("rsolv_").find(|(at, _)| {
            text[at + 6..].chars().take_while(char::is_ascii_alphanumeric).count() >= 20
        });
        assert!(key.is_none(), "a key stands in {place}");
    }
}

#[test]
fn usage_errors_exit_2_and_say_what_there_is() {
    for (args, says) in [
        (&["run", "--env", "embedded", "--url", "http://127.0.0.1:1"][..], "--url"),
        (&["run", "checkout"], "`onboarding`, `credential-vending` and `webhook`"),
        (&["run", "--env", "nowhere"], "nowhere"),
        (&["run", "--env", "embedded", "--profile", "nope"], "nope"),
        (&["run", "--env", "embedded", "--rate-scale", "-1"], "rate-scale"),
        (&["run", "--env", "embedded", "--duration-scale", "nan"], "duration-scale"),
        (&["serve", "--fault", "nope=1"], "latency"),
        (&["report", "nowhere-at-all"], "suite.json"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let output = load_gate().args(args).current_dir(dir.path()).output().expect("runs");
        let done = finished(&output, dir);
        assert_eq!(done.code, 2, "{args:?}: {}", done.all());
        assert!(done.err.contains(says), "{args:?}: {}", done.all());
    }
}

#[test]
fn help_version_and_completions_are_on_stdout() {
    for (args, says) in [
        (&["--help"][..], "inconclusive"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["run", "--help"], "--duration-scale"),
        (&["serve", "--faults"], "lognormal:MEDIAN,SIGMA"),
        (&["completions", "bash"], "complete -F"),
        (&["completions", "fish"], "complete -c load-gate"),
    ] {
        let output = load_gate().args(args).output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(says), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
}
