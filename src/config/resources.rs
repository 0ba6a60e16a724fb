//! `[resources]`: which of the service's own series are asked for when a run is over, and where.

use std::collections::BTreeMap;

use super::access;
use super::diagnostics::{Diagnostics, Place, Wrong, unknown};
use super::inputs::Sources;
use super::reader::Section;
use super::receivers::{ResourceQuery, ResourcesSettings};
use super::tree::{Node, Table, Value};
use super::values::{self, mismatch, text};
use crate::ids::Name;
use crate::measure::ResourceUnit;
use crate::units::Nanos;

/// What the file says.
#[derive(Clone, Debug, Default)]
pub(super) struct ResourcesConfig {
    url: Option<String>,
    namespace: Option<String>,
    pods: Option<String>,
    settle: Option<Nanos>,
    step: Option<Nanos>,
    /// Those that aren't switched off, by name.
    queries: BTreeMap<String, (String, ResourceUnit)>,
}

/// The longest query, in bytes: it travels in a URL.
const MOST_QUERY: usize = 4000;
/// The most queries.
const MOST_QUERIES: usize = 50;
/// How long scrapes take to arrive, where nobody says otherwise: the usual interval.
const SETTLE: Nanos = Nanos::from_secs(15);
/// Every namespace or pod, where nobody says which.
const ANY: &str = ".+";

impl ResourcesConfig {
    /// The names of what is asked for.
    pub(super) fn names(&self) -> Vec<&str> {
        self.queries.keys().map(String::as_str).collect()
    }
}

/// Reads `[resources]`.
pub(super) fn read(
    table: &Table,
    place: &Place,
    path: String,
    problems: &mut Diagnostics,
) -> ResourcesConfig {
    let known = ["url", "namespace", "pods", "settle", "step", "queries"];
    let mut section = Section::new(table, place, path, &known, problems);
    let most = Nanos::from_secs(300);
    let mut config = ResourcesConfig {
        url: section.value("url", access::url),
        namespace: section.value("namespace", text),
        pods: section.value("pods", text),
        settle: section.value("settle", |node| values::span(node, Nanos::ZERO, most)),
        step: section.value("step", whole_seconds),
        queries: BTreeMap::new(),
    };
    let Some((table, _, path)) = section.table("queries") else { return config };
    for (name, entry) in table {
        let path = format!("{path}.{name}");
        if Name::of(name).is_none() || table.len() > MOST_QUERIES {
            let wrong = Wrong::new(
                "this can't be one more resource's name",
                format!(
                    "expected up to {MOST_QUERIES} names of letters, digits, `_`, `-` and `.`, \
                     each of at most {} of them",
                    Name::LONGEST
                ),
            );
            section.problems.at(&entry.key, &path, wrong);
            continue;
        }
        let query = read_query(&entry.node, &entry.key, &path, section.problems);
        config.queries.extend(query.map(|query| (name.clone(), query)));
    }
    config
}

/// `false`, a query, or a query and its unit; `None`: it is switched off or wrong.
fn read_query(
    node: &Node,
    key: &Place,
    path: &str,
    problems: &mut Diagnostics,
) -> Option<(String, ResourceUnit)> {
    match &node.value {
        Value::Flag(false) => None,
        Value::Table(table) => {
            let mut section =
                Section::new(table, key, path.to_owned(), &["query", "unit"], problems);
            let found = section.required("query", "query = 'sum(up)'", promql);
            let unit = section.value("unit", unit).unwrap_or_default();
            Some((found?, unit))
        }
        _ => match promql(node) {
            Ok(query) => Some((query, ResourceUnit::default())),
            Err(wrong) => {
                problems.at(&node.place, path, wrong);
                None
            }
        },
    }
}

/// PromQL, which may stand on several lines.
fn promql(node: &Node) -> Result<String, Wrong> {
    let expected = "PromQL in quotes, { query, unit }, or false to switch it off";
    let Value::Text(text) = &node.value else { return Err(mismatch(node, expected)) };
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.is_empty() || one_line.len() > MOST_QUERY || one_line.contains('\0') {
        let expected = format!("expected PromQL of at most {MOST_QUERY} bytes");
        return Err(Wrong::new("this is no query", expected));
    }
    Ok(one_line)
}

fn unit(node: &Node) -> Result<ResourceUnit, Wrong> {
    let name = text(node)?;
    let found = ResourceUnit::ALL.into_iter().find(|unit| unit.name() == name);
    found.ok_or_else(|| unknown("unit", &name, &ResourceUnit::ALL.map(ResourceUnit::name)))
}

fn whole_seconds(node: &Node) -> Result<Nanos, Wrong> {
    let span = values::span(node, Nanos::from_secs(1), Nanos::from_secs(3600))?;
    if span.0.is_multiple_of(1_000_000_000) {
        return Ok(span);
    }
    Err(Wrong::new("this is between two seconds", "expected whole seconds"))
}

/// The file's settings, with variables over them.
pub(super) fn resolve(
    sources: &Sources<'_>,
    config: &ResourcesConfig,
    environment: &str,
    problems: &mut Diagnostics,
) -> ResourcesSettings {
    const VARIABLE: &str = "LOAD_GATE_RESOURCES_URL";
    let url = match sources.variable(VARIABLE) {
        None => config.url.clone(),
        Some(text) => {
            access::receiver_url(text).map_err(|wrong| problems.outside(VARIABLE, wrong)).ok()
        }
    };
    let queries = config.queries.iter().map(|(name, (query, unit))| ResourceQuery {
        name: name.clone(),
        query: filled(query, config, environment),
        unit: *unit,
    });
    ResourcesSettings {
        access: access::access(sources, "LOAD_GATE_RESOURCES", problems)
            .at(url.as_deref().unwrap_or_default()),
        url,
        settle: config.settle.unwrap_or(SETTLE),
        step: config.step,
        queries: queries.collect(),
    }
}

/// The query with `$namespace`, `$pods` and `$environment` in it, each as it stands in a
/// PromQL string.
fn filled(query: &str, config: &ResourcesConfig, environment: &str) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let namespace = config.namespace.as_deref().unwrap_or(ANY);
    let pods = config.pods.as_deref().unwrap_or(ANY);
    [("$namespace", namespace), ("$pods", pods), ("$environment", environment)]
        .into_iter()
        .fold(query.to_owned(), |query, (name, text)| query.replace(name, &quoted(text)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Flags, Purpose, ResourcesSettings, Sources, UserFile, resolve};

    fn settings(text: &str, vars: &[(&str, &str)]) -> Result<ResourcesSettings, String> {
        let flags = Flags { env: Some("embedded".to_owned()), ..Flags::default() };
        let vars: BTreeMap<_, _> =
            vars.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let file = UserFile { name: "load-gate.toml".into(), text: text.to_owned() };
        let sources = Sources { flags: &flags, vars: &vars, file: Some(&file) };
        let resolved = resolve(&sources, Purpose::Run, 7);
        resolved.map(|resolved| resolved.resources).map_err(|problems| problems.to_string())
    }

    fn names(settings: &ResourcesSettings) -> Vec<&str> {
        settings.queries.iter().map(|query| query.name.as_str()).collect()
    }

    #[test]
    fn each_built_in_query_can_be_replaced_and_switched_off() {
        let usual = settings("", &[]).expect("fine");
        assert_eq!(usual.url, None);
        let built_in = [
            "cpu",
            "cpu_throttled",
            "db_connections",
            "db_pool",
            "db_queue",
            "memory",
            "memory_of_limit",
            "node_cpu",
            "node_memory",
            "restarts",
        ];
        assert_eq!(names(&usual), built_in);
        for name in built_in {
            let without = settings(&format!("[resources.queries]\n{name} = false\n"), &[]);
            assert!(!names(&without.expect("fine")).contains(&name), "{name}");
        }
        let text = "[resources]\nurl = \"http://a/prometheus\"\n[resources.queries]\ncpu = 'x'\n\
                    memory = { unit = \"number\" }\nown = { query = 'y\n z', unit = \"seconds\" }\n"
            .replace("'y\n z'", "'''y\n z'''");
        let own = settings(&text, &[]).expect("fine");
        assert_eq!(own.url.as_deref(), Some("http://a/prometheus"));
        let of = |name: &str| {
            let found = own.queries.iter().find(|query| query.name == name).expect("it is there");
            format!("{} {}", found.unit.name(), found.query)
        };
        assert_eq!((of("cpu"), of("own")), ("number x".to_owned(), "seconds y z".to_owned()));
        assert!(of("memory").starts_with("number sum(container_memory"), "{}", of("memory"));
    }

    #[test]
    fn every_built_in_query_gives_one_series() {
        // That each is PromQL a real Prometheus says, in tests/live.
        for query in settings("", &[]).expect("fine").queries {
            let text = &query.query;
            let one = ["sum(", "max(", "histogram_quantile("].iter().any(|f| text.starts_with(f));
            assert!(one, "{}: {text}", query.name);
            assert!(!text.contains('$'), "{text}");
        }
    }

    #[test]
    fn placeholders_are_filled_as_promql_strings() {
        let text = "[resources]\nnamespace = 'a\"b'\npods = 'web-\\d+'\n[resources.queries]\n\
                    own = 'up{n=\"$namespace\",p=\"$pods\",e=\"$environment\"}'\n";
        let settings = settings(text, &[]).expect("fine");
        let own = settings.queries.iter().find(|query| query.name == "own").expect("there");
        assert_eq!(own.query, r#"up{n="a\"b",p="web-\\d+",e="embedded"}"#);
    }

    #[test]
    fn variables_go_before_the_file_and_alone_hold_credentials() {
        let text = "[resources]\nurl = \"http://a\"\n";
        let vars = [
            ("URL", "http://b:9090/"),
            ("USERNAME", "gate"),
            ("PASSWORD", "open sesame"),
            ("HEADERS", "X-Scope-OrgID=t1"),
        ]
        .map(|(name, value)| (format!("{}_{name}", "LOAD_GATE_RESOURCES"), value));
        let vars = vars.each_ref().map(|(name, value)| (name.as_str(), *value));
        let settings = settings(text, &vars).expect("fine");
        assert_eq!(settings.url.as_deref(), Some("http://b:9090/"));
        let headers: Vec<(String, String)> = settings
            .access
            .to_headers()
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect();
        let basic = ("authorization".to_owned(), "Basic Z2F0ZTpvcGVuIHNlc2FtZQ==".to_owned());
        assert_eq!(headers, [basic, ("x-scope-orgid".to_owned(), "t1".to_owned())]);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let wrong = "[resources]\nurl = \"ftp://a\"\nsettle = \"1h\"\nstep = \"1500ms\"\npassword = \"x\"\n\
                     [resources.queries]\n\"a b\" = 'up'\ncpu = true\nc = ''\nd = { unit = \"share\" }\n\
                     e = { query = 'up', unit = \"percent\" }\n\
                     [scenarios.webhook.thresholds]\n\"resource{name:nope}\" = [\"max<1\"]\n\
                     \"resource{name:cpu}\" = [{ threshold = \"max<1\", abortOnFail = true }]\n";
        insta::assert_snapshot!(settings(wrong, &[]).expect_err("many"));
        let user = "[resources]\nurl = \"http://me:pw@a\"\n";
        let said = settings(user, &[]).expect_err("credentials in a URL");
        assert!(!said.contains("pw@"), "{said}");
    }
}
