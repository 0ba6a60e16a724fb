//! Holds the Grafana dashboard to what makes one import unedited and stay readable.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

fn model() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("load_tests/grafana/load-gate.json");
    let text = std::fs::read_to_string(path).expect("the dashboard");
    serde_json::from_str(&text).expect("JSON")
}

fn panels(model: &Value) -> Vec<&Value> {
    let all = model["panels"].as_array().expect("panels");
    all.iter().filter(|panel| panel["type"] != "row").collect()
}

#[test]
fn it_imports_by_hand_and_by_provisioning_unedited() {
    let model = model();
    assert_eq!(model["id"], Value::Null);
    assert_eq!(model["uid"], "load-gate");
    assert_eq!(model["schemaVersion"], 39);
    assert_eq!(model["editable"], false);
    assert!(model.get("__inputs").is_none(), "provisioning doesn't resolve inputs");
    let all = model["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = all.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), all.len(), "every panel has an id of its own");
}

#[test]
fn every_panel_has_a_title_a_description_a_unit_and_the_data_source_variable() {
    let model = model();
    for panel in panels(&model) {
        let title = panel["title"].as_str().unwrap_or_default();
        assert!(!title.is_empty(), "{panel}");
        assert!(panel["description"].as_str().is_some_and(|d| d.ends_with('.')), "{title}");
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
        assert!(!unit.is_empty(), "{title} has no unit");
        let targets = panel["targets"].as_array().expect("targets");
        for of in std::iter::once(panel).chain(targets) {
            assert_eq!(of["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    for variable in model["templating"]["list"].as_array().expect("variables") {
        let name = variable["name"].as_str().unwrap_or_default();
        match variable["type"].as_str().unwrap_or_default() {
            "datasource" => {
                assert_eq!((name, &variable["query"]), ("datasource", &"prometheus".into()));
                assert_eq!(variable["label"], "Data source");
            }
            "textbox" => assert!(["namespace", "pods"].contains(&name), "{name}"),
            _ => {
                assert_eq!(variable["refresh"], 2, "{name} is read again when the time changes");
                assert_eq!(variable["datasource"]["uid"], "${datasource}", "{name}");
            }
        }
    }
    let names: Vec<_> = model["templating"]["list"].as_array().expect("variables").iter().collect();
    for wanted in ["testid", "environment", "scenario"] {
        assert!(names.iter().any(|variable| variable["name"] == wanted), "{wanted}");
    }
}

/// Panels and their expressions.
fn expressions(model: &Value) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    for panel in panels(model) {
        let title = panel["title"].as_str().unwrap_or_default();
        for target in panel["targets"].as_array().expect("targets") {
            all.push((title, target["expr"].as_str().expect("an expression")));
        }
    }
    assert!(all.len() > 20);
    all
}

#[test]
fn rates_span_grafanas_interval_and_counters_are_looked_at_through_them() {
    let model = model();
    let lint = Path::new(env!("CARGO_MANIFEST_DIR")).join("load_tests/grafana/.lint");
    let lint = std::fs::read_to_string(lint).expect("what is excused");
    let lint: Value = serde_norway::from_str(&lint).expect("YAML");
    let excused = lint["exclusions"]["target-counter-agg-rule"]["entries"].as_array();
    let excused: BTreeSet<_> =
        excused.expect("entries").iter().filter_map(|entry| entry["panel"].as_str()).collect();
    let mut plain = BTreeSet::new();
    for (title, expression) in expressions(&model) {
        let through = ["rate(", "increase("].iter().any(|function| expression.contains(function));
        if through {
            assert!(expression.contains("[$__rate_interval]"), "{expression}");
        }
        assert!(!expression.contains("irate("), "{expression}");
        if expression.contains("_total{") && !through {
            plain.insert(title);
        }
    }
    assert_eq!(plain, excused, "those of whose counters the total is asked");
    for annotation in model["annotations"]["list"].as_array().expect("annotations") {
        assert_eq!(annotation["datasource"]["uid"], "${datasource}");
    }
}

#[test]
fn one_panel_has_what_was_asked_sent_and_came_of_it_on_one_time_axis() {
    let model = model();
    let all = panels(&model);
    let overview = all.iter().find(|panel| panel["gridPos"]["w"] == 24).expect("a wide one");
    let (wide, text) = (&overview["title"], overview["targets"].to_string());
    for one in
        ["loadgate_target_rate", "outcome!=", "outcome!~", "loadgate_response_time_seconds_bucket"]
    {
        assert!(text.contains(one), "{wide}: {one}");
    }
    // Verdict and thresholds stand above it.
    let above = all
        .iter()
        .filter(|panel| panel["gridPos"]["y"].as_u64() < overview["gridPos"]["y"].as_u64());
    let above: Vec<_> = above.filter_map(|panel| panel["title"].as_str()).collect();
    assert_eq!(above, ["Verdict", "Thresholds"]);
}

#[test]
fn the_service_s_resources_are_those_that_a_run_asks_for() {
    let model = model();
    let shown: Vec<_> = expressions(&model).into_iter().map(|(_, expression)| expression).collect();
    let shown = shown.join("\n");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("load_tests/resources.toml");
    let file = std::fs::read_to_string(file).expect("the built-in queries");
    let asked: toml::Table = file.parse().expect("TOML");
    let queries = asked["resources"]["queries"].as_table().expect("queries");
    assert!(queries.len() > 5);
    for (name, query) in queries {
        let query = query["query"].as_str().expect("a query");
        let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let series = words.filter(|word| {
            ["container_", "kube_", "node_", "pg_", "_ecto_"]
                .iter()
                .any(|own| word.starts_with(own))
        });
        for series in series {
            assert!(shown.contains(series), "{name}: {series}");
        }
    }
}
