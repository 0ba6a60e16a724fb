//! JUnit as those read it who take nothing else: Jenkins' schema, totals, names, reasons.

use super::*;

struct Counts {
    failures: usize,
    errors: usize,
    skipped: usize,
}

/// Reads XML with a parser of its own, and holds it to XML 1.0's characters.
fn parse_junit(xml: &str) -> Counts {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut counts = Counts { failures: 0, errors: 0, skipped: 0 };
    let mut depth = 0;
    loop {
        match reader.read_event().expect("is well-formed") {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == b"failure" => {
                counts.failures += 1;
            }
            Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == b"error" => {
                counts.errors += 1;
            }
            Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == b"skipped" => {
                counts.skipped += 1;
            }
            Event::Text(text) => assert!(text.iter().all(u8::is_ascii_whitespace), "{text:?}"),
            Event::Decl(_) => depth += 1,
            _ => {}
        }
    }
    assert_eq!(depth, 1);
    for c in xml.chars() {
        assert!(
            c == '\n' || c == '\t' || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')),
            "{c:?}"
        );
    }
    assert!(!xml.contains("alert(1)</script>]]>") && !xml.contains("]]></failure><script>"));
    counts
}

/// An element, its children, its attributes, and those of them that it must have.
type Rules =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// What the schema of Jenkins' xUnit plugin (junit-10, every version of it) allows.
const JENKINS: [Rules; 6] = [
    ("testsuites", &["testsuite"], &["name", "time", "tests", "failures", "errors"], &[]),
    (
        "testsuite",
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
        &[
            "name",
            "tests",
            "failures",
            "errors",
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
        &["name", "tests", "failures", "errors"],
    ),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        &["name", "time", "classname", "group"],
        &["name"],
    ),
    ("failure", &[], &["type", "message"], &[]),
    ("error", &[], &["type", "message"], &[]),
    ("skipped", &[], &["type", "message"], &[]),
];

/// Holds `xml` to [`JENKINS`], and hands back each element's attributes.
fn by_the_schema(xml: &str) -> Vec<(String, std::collections::BTreeMap<String, String>)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut open, mut seen) = (Vec::<String>::new(), Vec::new());
    loop {
        let event = reader.read_event().expect("is well-formed");
        let (tag, empty) = match &event {
            Event::Eof => break,
            Event::End(_) => {
                open.pop();
                continue;
            }
            Event::Start(tag) => (tag, false),
            Event::Empty(tag) => (tag, true),
            _ => continue,
        };
        let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
        let rules = |name: &str| JENKINS.into_iter().find(|(element, ..)| *element == name);
        match open.last().map(|parent| rules(parent)) {
            Some(Some((parent, children, ..))) => {
                assert!(children.contains(&name.as_str()), "{name} in {parent}");
            }
            Some(None) => panic!("{name} in an element of text"),
            None => assert_eq!(name, "testsuites"),
        }
        let attributes = tag.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            (key, String::from_utf8_lossy(&attribute.value).into_owned())
        });
        let attributes: std::collections::BTreeMap<_, _> = attributes.collect();
        let (_, _, allowed, required) = rules(&name).unwrap_or(("", &[], &[], &[]));
        assert!(attributes.keys().all(|key| allowed.contains(&key.as_str())), "{attributes:?}");
        assert!(required.iter().all(|key| attributes.contains_key(*key)), "{attributes:?}");
        if let Some(time) = attributes.get("time") {
            let (whole, decimals) = time.split_once('.').unwrap_or((time, ""));
            assert!(whole.parse::<u64>().is_ok() && decimals.len() <= 3, "{time}");
        }
        seen.push((name.clone(), attributes));
        if !empty {
            open.push(name);
        }
    }
    assert!(open.is_empty());
    seen
}

#[test]
fn junit_is_as_jenkins_schema_has_it_and_its_totals_add_up() {
    for (name, report) in fixtures::all() {
        let elements = by_the_schema(&junit(&report));
        let count = |wanted: &str| elements.iter().filter(|(e, _)| e == wanted).count();
        for (total, element) in
            [("tests", "testcase"), ("failures", "failure"), ("errors", "error")]
        {
            let of = |attributes: &std::collections::BTreeMap<String, String>| {
                attributes[total].parse::<usize>().expect("a count")
            };
            let suites = elements.iter().filter(|(e, _)| e == "testsuite").map(|(_, a)| of(a));
            assert_eq!(suites.sum::<usize>(), count(element), "{name} {total}");
            assert_eq!(of(&elements[0].1), count(element), "{name} {total}");
        }
        let skipped = elements.iter().filter(|(e, _)| e == "testsuite");
        let skipped = skipped.map(|(_, a)| a["skipped"].parse::<usize>().expect("a count"));
        assert_eq!(skipped.sum::<usize>(), count("skipped"), "{name}");
        for (_, attributes) in elements.iter().filter(|(e, _)| e == "skipped") {
            assert!(!attributes["message"].is_empty(), "{name}: skipped without a reason");
        }
    }
}

#[test]
fn cases_of_the_shared_suites_name_their_scenario() {
    for (name, report) in fixtures::all() {
        let mut suite = String::new();
        let mut names = std::collections::BTreeSet::new();
        for (element, attributes) in by_the_schema(&junit(&report)) {
            match element.as_str() {
                "testsuite" => suite.clone_from(&attributes["name"]),
                "testcase" if matches!(suite.as_str(), "rate limits" | "generator") => {
                    let case = &attributes["name"];
                    let class = attributes["classname"].trim_start_matches("load-gate.");
                    let whole = class == "run" || case.starts_with(&format!("{class}: "));
                    assert!(whole, "{name}: {case}");
                    assert!(names.insert(format!("{suite} {case}")), "{name}: {case} twice");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn junit_is_red_exactly_when_the_run_is_no_pass() {
    for (name, report) in fixtures::all() {
        let counts = parse_junit(&junit(&report));
        match report.verdict {
            VerdictKind::Fail => assert!(counts.failures > 0, "{name}"),
            VerdictKind::Pass => assert_eq!((counts.failures, counts.errors), (0, 0), "{name}"),
            _ => assert!(counts.failures == 0 && counts.errors > 0, "{name}"),
        }
    }
    let mut allowed = fixtures::skipped();
    allowed.allow_skip = true;
    allowed.verdict = VerdictKind::Pass;
    let counts = parse_junit(&junit(&allowed));
    assert_eq!((counts.failures, counts.errors), (0, 0));
    assert!(counts.skipped > 0);
}

#[test]
fn junit_says_so_when_findings_do_not() {
    for kind in [VerdictKind::Fail, VerdictKind::Inconclusive] {
        let mut report = fixtures::pass();
        report.verdict = kind;
        let only_the_suite = parse_junit(&junit(&report));
        report.scenarios[0].verdict.kind = kind;
        let counts = parse_junit(&junit(&report));
        let wanted = if kind == VerdictKind::Fail { (1, 0) } else { (0, 1) };
        assert_eq!((counts.failures, counts.errors), wanted);
        assert_eq!((only_the_suite.failures, only_the_suite.errors), wanted);
    }
}
