//! What is fuzzed: each reader of what comes from outside, and what must hold whatever it reads.
//!
//! libFuzzer calls these (fuzz/), and `cargo test` with the seeds and mutations of them.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use load_gate::config::{Flags, Purpose, Resolved, Sources, UserFile, resolve};
use load_gate::engine::{parse_date, read_answer, retry_after};
use load_gate::gate::parse_threshold;
use load_gate::ids::{IdentityId, Traffic};
use load_gate::measure::Trend;
use load_gate::outcome::Outcome;
use load_gate::plan::suite_feasibility;
use load_gate::publish::actions::ActionsEnv;
use load_gate::publish::github::read_untrusted;
use load_gate::report::{self, COMMENT_BUDGET, Masthead};
use load_gate::scenario::{
    self, Answer, Call, Capture, Condition, Identity, JsonPath, Names, Scenario, Secrets, Template,
};
use load_gate::secret::{Secret, excerpt, text_of};
use load_gate::suite::read_suite;

/// A target: any bytes.
pub(crate) type Target = fn(&[u8]);

/// Every target by its name, which is that of its seeds' folder.
pub(crate) const ALL: [(&str, Target); 11] = [
    ("config", config),
    ("suite", suite),
    ("histogram", histogram),
    ("threshold", threshold),
    ("answer", answer),
    ("headers", headers),
    ("github", github),
    ("written", written),
    ("text", text),
    ("import", import),
    ("wire", wire),
];

const KEY: &str = "key-0123456789-abcdef";
const SIGNING: &str = "whsec_0123456789abcdef";

fn resolved(text: &str, env: &str, vars: &[(&str, &str)]) -> Option<Resolved> {
    let vars: BTreeMap<String, String> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // A load that is short and slow is predicted as any other, in less time.
    let (short, slow) = (Some("0.05".to_owned()), Some("0.5".to_owned()));
    let flags = Flags {
        env: Some(env.to_owned()),
        duration_scale: short,
        rate_scale: slow,
        ..Flags::default()
    };
    let file = UserFile { name: "fuzz/load-gate.toml".to_owned(), text: text.to_owned() };
    let sources = Sources { flags: &flags, vars: &vars, file: Some(&file) };
    match resolve(&sources, Purpose::Plan, 7) {
        Ok(resolved) => Some(resolved),
        Err(problems) => {
            assert!(!problems.is_empty());
            let told = problems.render(false);
            assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
            assert!(told.len() < 40_000 + 60 * text.len(), "{} bytes of mistakes", told.len());
            None
        }
    }
}

/// A config: mistakes that point at lines, or a plan that can be shown.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let env = if text.contains("environments.t]") { "t" } else { "staging" };
    let Some(resolved) = resolved(text, env, &[("TEST_API_KEY_1", KEY)]) else { return };
    let feasible = suite_feasibility(&resolved.plan, resolved.one_of_several);
    assert!(!report::plan_text(&feasible, 100).contains(KEY));
}

/// A suite.json: refused with a place, or judged, shown and read again the same.
pub(crate) fn suite(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let suite = match read_suite(text) {
        Ok(suite) => suite.judged_anew(None),
        Err(refused) => {
            let told = refused.to_string();
            assert!(told.chars().all(|c| !c.is_control()) && told.len() < 1000, "{told:?}");
            return;
        }
    };
    let comment = report::comment(&suite, None, Masthead::default());
    assert!(comment.len() <= COMMENT_BUDGET);
    let _ = report::summary_text(&suite, report::Style::PLAIN);
    let _ = report::junit(&suite);
    let again = read_suite(&report::suite_json(&suite)).expect("was read before");
    assert!(again.judged_anew(None) == suite, "judged otherwise the second time");
}

/// The bytes of a histogram, and the figures beside it.
pub(crate) fn histogram(data: &[u8]) {
    use base64::Engine as _;
    let Some((figures, bytes)) = data.split_at_checked(12) else { return };
    let number = |at: usize| u64::from(u32::from_le_bytes([0, 1, 2, 3].map(|i| figures[at + i])));
    let hdr = base64::engine::general_purpose::STANDARD.encode(bytes);
    let stored = serde_json::json!({
        "count": number(0) & 0xff, "sum_ns": number(4), "min_ns": number(8) & 0xffff,
        "max_ns": number(8), "hdr_v2": hdr,
    });
    let Ok(trend) = serde_json::from_value::<Trend>(stored) else { return };
    let all: u64 = trend.spans().map(|(_, count)| count).sum();
    assert_eq!(all, trend.count());
    assert!(trend.quantile(0.5) >= trend.min() && trend.quantile(0.5) <= trend.max());
    let mut twice = trend.clone();
    twice.merge(&trend);
    assert_eq!(twice.count(), 2 * trend.count());
}

/// A threshold: its key, a line break, its expression.
pub(crate) fn threshold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (key, expression) = text.split_once('\n').unwrap_or((text, "p(95)<2000"));
    match parse_threshold(key, expression) {
        Ok(threshold) => {
            let again = parse_threshold(&threshold.key, &threshold.expression);
            assert_eq!(again.ok(), Some(threshold));
        }
        Err(wrong) => {
            let whole = if wrong.in_key { key } else { expression };
            assert!(whole.get(wrong.span.clone()).is_some(), "{wrong:?} of {whole:?}");
        }
    }
}

thread_local! {
    static SCENARIOS: OnceCell<Vec<Box<dyn Scenario>>> = const { OnceCell::new() };
}

/// The built-in scenarios and two of a config's own.
fn scenarios() -> Vec<Box<dyn Scenario>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if here.ends_with("fuzz") { here.join("..") } else { here.to_owned() };
    let read = |name: &str| {
        let text = std::fs::read_to_string(root.join("examples/scenarios").join(name));
        // Data files lie beside the config; here there is none.
        text.expect("is there")
            .replace("{ file = \"terms.csv\", column = \"term\" }", "[\"red shoes\", \"b\"]")
    };
    let vars = [("SEARCH_KEY_1", KEY), ("HOOK_SECRET", SIGNING)];
    let (search, hooks) = (read("search.toml"), read("hooks.toml"));
    let plans = [("", "embedded"), (&search, "t"), (&hooks, "t")]
        .into_iter()
        .flat_map(|(text, env)| resolved(text, env, &vars).expect("is fine").plan.scenarios);
    plans
        .map(|plan| {
            let secrets =
                Secrets { signing: Some(Secret::new(SIGNING)), known: vec![Secret::new(KEY)] };
            scenario::build(&plan.settings, 7, "lg-fuzz", secrets).expect("is planned")
        })
        .collect()
}

/// An answer: which scenario, its status, its body.
pub(crate) fn answer(data: &[u8]) {
    let [which, high, low, body @ ..] = data else { return };
    let status = 100 + (u16::from(*high) << 8 | u16::from(*low)) % 500;
    let status = [200, 201, 202, 429, status][usize::from(*high) % 5];
    SCENARIOS.with(|all| {
        let all = all.get_or_init(scenarios);
        let scenario = &all[usize::from(*which) % all.len()];
        let key = Some(Secret::new(KEY));
        let identity = Identity { id: IdentityId(0), address: None, key, captured: None };
        let at = Duration::from_secs(1_760_000_000);
        let call =
            Call { n: 1, traffic: Traffic::Arrival, unix: at, identity: &identity, past: &() };
        let request = scenario.request(&call);
        let headers = http::HeaderMap::new();
        let answer = Answer {
            status,
            content_type: Some("application/json"),
            headers: Some(&headers),
            body: Some(body),
            sent_unix: at,
            done_unix: at + Duration::from_millis(9),
            skew: 0.0,
            secrets: &[],
            refused: status == 429,
        };
        let judged = scenario.judge(&request, &answer);
        assert_eq!(judged.passed & judged.failed, 0);
        assert!(judged.outcome.is_some());
        let accepted = judged.outcome == Some(Outcome::Accepted);
        assert!(!accepted || judged.failed == 0 && judged.excerpt.is_none());
        assert!(judged.minted.is_none(), "nothing was to be minted");
        if let Some(quoted) = judged.excerpt {
            assert!(!(200..300).contains(&status));
            assert!(quoted.chars().count() <= 200 && !quoted.chars().any(char::is_control));
            assert!(!quoted.to_ascii_lowercase().contains(KEY));
        }
    });
}

/// What headers say of time.
pub(crate) fn headers(data: &[u8]) {
    let Ok(value) = http::HeaderValue::from_bytes(data) else { return };
    if let Ok(text) = value.to_str() {
        let _ = parse_date(text);
    }
    let mut headers = http::HeaderMap::new();
    headers.insert("retry-after", value);
    let _ = retry_after(&headers);
}

thread_local! {
    static ARTIFACT: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// A GitHub event's payload, beside an artifact that is one.
pub(crate) fn github(data: &[u8]) {
    ARTIFACT.with(|artifact| {
        let dir = artifact.get_or_init(|| {
            let dir = tempfile::tempdir().expect("can be made");
            let suite = include_str!("seeds/suite/small.json");
            std::fs::write(dir.path().join("suite.json"), suite).expect("is written");
            dir
        });
        let event = dir.path().join("event.json");
        std::fs::write(&event, data).expect("is written");
        let vars = BTreeMap::from([
            ("GITHUB_EVENT_PATH".to_owned(), event.display().to_string()),
            ("GITHUB_EVENT_NAME".to_owned(), "workflow_run".to_owned()),
            ("GITHUB_REPOSITORY".to_owned(), "rsolv/load-gate".to_owned()),
        ]);
        let env = ActionsEnv::from_vars(&vars);
        let suite = read_untrusted(dir.path(), &env).expect("the artifact is fine");
        let page = report::comment(&suite, None, Masthead::default());
        assert!(page.len() <= COMMENT_BUDGET);
        let here = data.windows(15).any(|part| part == b"rsolv/load-gate");
        assert!(here || page.contains("fork's own claim"));
    });
}

/// What a written scenario consists of: a template, a path, a condition, a body.
pub(crate) fn written(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(4, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (columns, captured) = (["term"], ["token"]);
    let names = Names { data: &columns, setup: &captured, identity: true, body: true };
    let template = next();
    if let Err(wrong) = Template::parse(template, &names) {
        assert!(template.get(wrong.span.clone()).is_some(), "{wrong:?} of {template:?}");
    }
    let (path, condition, body) = (next(), next(), next());
    if let Err((at, _)) = JsonPath::parse(path) {
        assert!(at <= path.len());
    } else if let (Ok(path), Ok(body)) = (JsonPath::parse(path), serde_json::from_str(body)) {
        let found = path.find(&body);
        assert!(path.is_many() || found.len() <= 1);
    }
    drop(Capture::parse(path));
    if let Ok(condition_read) = Condition::parse(condition, &names) {
        assert!(!condition_read.words(condition).is_empty());
    }
}

/// A request that is written down: which format, the text. What is read is TOML.
pub(crate) fn import(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let read = match which % 3 {
        0 => load_gate::import::hurl(text, "x"),
        1 => load_gate::import::openapi(text, None, "x"),
        _ => load_gate::import::curl(text, "x"),
    };
    match read {
        Ok(table) => drop(toml::from_str::<toml::Table>(&table).expect("is TOML")),
        Err(wrong) => assert!(wrong.to_string().len() < 10_000),
    }
}

/// A text by others: what is quoted of it is short, plain and without the secret.
pub(crate) fn text(data: &[u8]) {
    let known = [Secret::new(KEY)];
    let quoted = excerpt(&text_of(data), 200, &known);
    assert!(quoted.chars().count() <= 200);
    assert!(!quoted.chars().any(char::is_control));
    assert!(!quoted.to_ascii_lowercase().contains(KEY), "{quoted}");
}

/// What a server writes, in pieces as long as the first bytes say: the same answer as in one.
pub(crate) fn wire(data: &[u8]) {
    const MOST: u64 = 4096;
    let (lengths, bytes) = data.split_at(data.len().min(4));
    let mut left = bytes;
    let mut pieces: Vec<&[u8]> = Vec::new();
    for length in lengths.iter().cycle().map(|length| 1 + usize::from(*length)) {
        if left.is_empty() {
            break;
        }
        let (piece, rest) = left.split_at(length.min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    let whole = read_answer([bytes], MOST);
    let parted = read_answer(pieces, MOST);
    let told = |answer: &load_gate::engine::Response| {
        (answer.status, answer.headers.clone(), answer.body.clone())
    };
    assert_eq!(whole.as_ref().map(told), parted.as_ref().map(told));
    if let Some(body) = whole.and_then(|answer| answer.body) {
        assert!(body.len() as u64 <= MOST && body.len() <= bytes.len());
    }
}
