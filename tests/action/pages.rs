//! action.yml against what is written about it: the tables, and what the binary reads.

use std::fmt::Write as _;

use serde_norway::Value;

use crate::root;

/// Where a page's tables of inputs and outputs begin and end.
const MARKERS: [&str; 2] = ["<!-- action.yml: begin -->\n", "<!-- action.yml: end -->"];
/// The page that has them; `UPDATE_DOCS=1` writes its tables.
const PAGE: &str = "docs/github.md";
/// Everything with workflows to copy.
const PAGES: [&str; 4] =
    ["README.md", PAGE, "src/cli/init/load-gate.yml", "src/cli/init/load-gate-deploy.yml"];

fn read(name: &str) -> String {
    let text = std::fs::read_to_string(root().join(name));
    text.unwrap_or_else(|e| panic!("{name}: {e}")).replace("\r\n", "\n")
}

fn action() -> Value {
    serde_norway::from_str(&read("action.yml")).expect("YAML")
}

fn names(action: &Value, of: &str) -> Vec<String> {
    let keys = action[of].as_mapping().expect("a mapping").keys();
    keys.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn tables(action: &Value) -> String {
    let mut text = String::from("| input | default | what it is |\n| --- | --- | --- |\n");
    for (name, input) in action["inputs"].as_mapping().expect("inputs") {
        let default = match input["default"].as_str().expect("a default") {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let description = cell(input["description"].as_str().expect("a description"));
        let name = name.as_str().expect("a name");
        let _ = writeln!(text, "| `{name}` | {default} | {description} |");
    }
    text += "\n| output | what it is |\n| --- | --- |\n";
    for (name, output) in action["outputs"].as_mapping().expect("outputs") {
        let description = cell(output["description"].as_str().expect("a description"));
        let name = name.as_str().expect("a name");
        let _ = writeln!(text, "| `{name}` | {description} |");
    }
    text
}

#[test]
fn the_tables_are_those_of_the_action() {
    let page = read(PAGE);
    let (before, rest) = page.split_once(MARKERS[0]).expect("the first marker");
    let (written, after) = rest.split_once(MARKERS[1]).expect("the second marker");
    let tables = tables(&action());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = [before, MARKERS[0], &tables, MARKERS[1], after].concat();
        std::fs::write(root().join(PAGE), page).expect("written");
        return;
    }
    assert_eq!(written, tables, "{PAGE}: UPDATE_DOCS=1 cargo test --test action");
}

#[test]
fn every_input_is_mapped_and_read() {
    let action = action();
    let steps = action["runs"]["steps"].as_sequence().expect("steps");
    let source = read("src/cli/action/inputs.rs");
    for name in names(&action, "inputs") {
        let variable = format!("INPUT_{}", name.to_uppercase().replace('-', "_"));
        let expression = format!("${{{{ inputs.{name} }}}}");
        let mapped = steps.iter().any(|step| step["env"][variable.as_str()] == expression);
        assert!(mapped, "{name} reaches no step as {variable}");
        // The version is the shell's: it is needed to have a binary at all.
        if name != "version" {
            assert!(source.contains(&format!("\"{name}\"")), "{name} is read by nobody");
        }
    }
}

#[test]
fn no_expression_reaches_a_shell() {
    for step in action()["runs"]["steps"].as_sequence().expect("steps") {
        let run = step["run"].as_str().expect("a run");
        assert!(!run.contains("${{"), "{run}");
        assert!(!run.contains('\n'), "logic belongs into the binary: {run}");
    }
}

#[test]
fn the_outputs_are_the_promised_ones() {
    let mut wanted: Vec<String> =
        ["verdict", "exit-code", "junit", "results-dir", "summary"].map(str::to_owned).to_vec();
    for figure in ["p95", "success-rate", "rate-limit-hits"] {
        for scenario in ["onboarding", "credential-vending", "webhook"] {
            wanted.push(format!("{figure}-{scenario}"));
        }
    }
    wanted.push("results".to_owned());
    assert_eq!(names(&action(), "outputs"), wanted);
}

/// The workflows, and parts of workflows, that a page gives to copy.
fn blocks(page: &str) -> Vec<String> {
    let text = read(page);
    if !text.contains("```yaml\n") {
        return vec![text];
    }
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

/// Every step within `value` that uses our action.
fn uses_of_ours<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    if value["uses"].as_str().is_some_and(|used| used.contains("/load-gate@")) {
        found.push(value);
    }
    match value {
        Value::Mapping(mapping) => mapping.values().for_each(|value| uses_of_ours(value, found)),
        Value::Sequence(list) => list.iter().for_each(|value| uses_of_ours(value, found)),
        _ => {}
    }
}

#[test]
fn what_the_pages_use_exists() {
    let inputs = names(&action(), "inputs");
    for page in PAGES {
        let mut used = 0;
        for block in blocks(page) {
            let value: Value =
                serde_norway::from_str(&block).unwrap_or_else(|e| panic!("{page}: {e}"));
            let mut steps = Vec::new();
            uses_of_ours(&value, &mut steps);
            used += steps.len();
            for name in steps
                .iter()
                .filter_map(|step| step["with"].as_mapping())
                .flat_map(|with| with.keys())
            {
                let name = name.as_str().expect("a key");
                assert!(inputs.iter().any(|input| input == name), "{page}: no input {name}");
            }
        }
        assert!(used > 0, "{page} doesn't use the action");
    }
}

/// `uses: name@commit # version`, of what isn't ours.
fn pins(text: &str) -> Vec<String> {
    let uses = text.lines().filter_map(|line| line.split_once("uses: "));
    uses.map(|(_, used)| used.to_owned()).filter(|used| used.starts_with("actions/")).collect()
}

#[test]
fn every_page_pins_what_the_workflows_pin() {
    let mut ours = Vec::new();
    for entry in std::fs::read_dir(root().join(".github/workflows")).expect("workflows") {
        let path = entry.expect("an entry").path();
        ours.extend(pins(&std::fs::read_to_string(path).expect("readable")));
    }
    for pin in &ours {
        let (_, reference) = pin.split_once('@').expect("a ref");
        let (commit, version) = reference.split_once(" # v").expect("a commit and its version");
        assert_eq!(commit.len(), 40, "{pin}");
        assert_eq!(version.split('.').count(), 3, "{pin}");
    }
    for page in PAGES {
        let pins = pins(&read(page));
        assert!(!pins.is_empty(), "{page}");
        for pin in pins {
            assert!(ours.contains(&pin), "{page}: {pin} is not what the workflows use");
        }
    }
}
