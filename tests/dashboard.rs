//! Holds the Grafana dashboard to what makes one import unedited and stay readable.

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
    let mut ids: Vec<_> = model["panels"].as_array().expect("panels").iter().collect();
    let all = ids.len();
    ids.dedup_by_key(|panel| &panel["id"]);
    assert_eq!(ids.len(), all, "every panel has an id of its own");
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
            assert_eq!(of["datasource"]["uid"], "${DS_PROMETHEUS}", "{title}");
        }
    }
    for variable in model["templating"]["list"].as_array().expect("variables") {
        let name = variable["name"].as_str().unwrap_or_default();
        if variable["type"] == "datasource" {
            assert_eq!((name, &variable["query"]), ("DS_PROMETHEUS", &"prometheus".into()));
        } else {
            assert_eq!(variable["refresh"], 2, "{name} is read again when the time changes");
            assert_eq!(variable["datasource"]["uid"], "${DS_PROMETHEUS}", "{name}");
        }
    }
    let names: Vec<_> = model["templating"]["list"].as_array().expect("variables").iter().collect();
    for wanted in ["testid", "environment", "scenario"] {
        assert!(names.iter().any(|variable| variable["name"] == wanted), "{wanted}");
    }
}

#[test]
fn expressions_are_balanced_and_rates_span_grafanas_interval() {
    let model = model();
    let mut expressions: Vec<String> = Vec::new();
    for panel in panels(&model) {
        for target in panel["targets"].as_array().expect("targets") {
            expressions.push(target["expr"].as_str().expect("an expression").to_owned());
        }
    }
    for expression in &expressions {
        if expression.contains("rate(") {
            assert!(expression.contains("[$__rate_interval]"), "{expression}");
        }
        // A counter is looked at through a rate, or drawn as the total that it is.
        assert!(!expression.contains("irate("), "{expression}");
    }
    for annotation in model["annotations"]["list"].as_array().expect("annotations") {
        assert_eq!(annotation["datasource"]["uid"], "${DS_PROMETHEUS}");
        expressions.push(annotation["expr"].as_str().expect("an expression").to_owned());
    }
    assert!(expressions.len() > 20);
    for expression in expressions {
        let open = |c| expression.matches(c).count();
        assert_eq!(
            (open('('), open('{'), open('[')),
            (open(')'), open('}'), open(']')),
            "{expression}"
        );
    }
}
