//! Written scenarios seen by who is hard to please: secrets in the file, words that are nearly
//! words of checks, and what is there for nothing.

use std::collections::BTreeMap;

use super::*;

/// What is said of a scenario with `more` in its table: its notices, or its mistakes.
pub(super) fn told(more: &str) -> Result<Vec<String>, String> {
    let flags = Flags { env: Some("t".to_owned()), ..Flags::default() };
    let text = format!(
        "[environments.t]\nurl = \"http://127.0.0.1:1\"\nprofile = \"p\"\nscenarios = [\"mine\"]\n\
         [scenarios.mine]\n{more}\n[scenarios.mine.profiles]\n\
         p = [{{ duration = \"1s\", target = 5 }}]\n"
    );
    let file = UserFile { name: "load-gate.toml".to_owned(), text };
    let sources = Sources { flags: &flags, vars: &BTreeMap::new(), file: Some(&file) };
    let resolved = resolve(&sources, Purpose::Run, 7).map_err(|problems| problems.to_string())?;
    Ok(resolved.notices)
}

pub(super) fn refused(more: &str) -> String {
    match told(more) {
        Ok(_) => panic!("taken: {more}"),
        Err(problems) => problems,
    }
}

/// Secrets by their shape: what follows the beginning is looked for in messages.
const SECRETS: [&str; 9] = [
    "sk_live_Zq7Zq7Zq7Zq7",
    "whsec_Zq7Zq7Zq7Zq7",
    "ghp_Zq7Zq7Zq7Zq7",
    "AKIAZQ7ZQ7ZQ7ZQ7ZQ7Z",
    "rsolv_Zq7Zq7Zq7",
    "Bearer Zq7Zq7Zq7Zq7Zq7",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJaUTcifQ.Zq7Zq7Zq7Zq7",
    "glpat-Zq7Zq7Zq7Zq7",
    "prefix c2tfbGl2ZV9acTdacTdacTc=",
];

#[test]
fn a_secret_in_the_file_is_refused_wherever_it_stands_and_never_quoted() {
    let places = [
        "path = \"/\"\nbody = \"a SECRET b\"",
        "path = \"/\"\njson = { a = [{ b = \"SECRET\" }] }",
        "path = \"/\"\njson = { a = \"{n} SECRET\" }",
        "path = \"/\"\nform = { a = \"SECRET\" }",
        "path = \"/\"\nheaders = { x-own = \"SECRET\" }",
        "path = \"/\"\nheaders = { x-own = \"{n} SECRET\" }",
        "path = \"/\"\ntags = { a = \"SECRET\" }",
        "path = \"/\"\nexpect = { json = { \"$.a\" = \"SECRET\" } }",
        "path = \"/\"\nexpect = { header = { a = \"SECRET\" } }",
        "path = \"/\"\nsign = { scheme = \"github\", secret = \"A\", payload = \"SECRET{body}\" }",
        "path = \"/\"\nsign = { scheme = \"github\", secret = \"A\", prefix = \"SECRET\" }",
        "path = \"/\"\nsign = { scheme = \"github\", secret = \"SECRET\" }",
        "path = \"/\"\nidentity = { env = \"SECRET\" }",
        "path = \"/\"\njson = { a = \"{data.a}\" }\n[scenarios.mine.data]\na = [\"x\", \"SECRET\"]",
        "path = \"/\"\njson = { a = \"{data.a}\" }\n[scenarios.mine.data]\na = { values = [\"SECRET\"] }",
        "path = \"/{setup.t}\"\nsetup = { path = \"/t\", form = { a = \"SECRET\" }, capture = { t = \"$.t\" } }",
        "path = \"/\"\njson = { \"SECRET\" = 1 }",
    ];
    for place in places {
        for secret in SECRETS {
            let more = place.replace("SECRET", secret);
            let said = refused(&more);
            assert!(!said.to_lowercase().contains("zq7"), "quoted:\n{more}\n{said}");
            assert!(!said.contains("acTdacT"), "quoted:\n{more}\n{said}");
            assert!(said.contains("--> load-gate.toml:"), "no place:\n{more}\n{said}");
            assert!(said.contains("environment"), "no way out:\n{more}\n{said}");
        }
    }
    for path in ["/a?key=sk_live_Zq7Zq7Zq7", "/ghp_Zq7Zq7Zq7/x", "/a?k=whsec%5FZq7Zq7Zq7"] {
        let said = refused(&format!("path = \"{path}\""));
        assert!(said.contains("a credential stands here") && !said.contains("Zq7"), "{said}");
    }
}

#[test]
fn a_secret_where_a_variable_is_named_is_not_quoted_whatever_its_shape() {
    for more in [
        "path = \"/\"\nsign = { scheme = \"github\", secret = \"hunter-22\" }",
        "path = \"/{identity}\"\n[scenarios.mine.identity]\nenv = \"hunter-22\"",
    ] {
        let said = refused(more);
        assert!(!said.contains("hunter-22"), "{said}");
        assert!(said.contains("--> load-gate.toml:"), "{said}");
    }
}

#[test]
fn a_secret_in_a_file_of_data_is_told_by_its_number() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("keys.csv"), "term,key\na,b\nc,ghp_Zq7Zq7Zq7\n")
        .expect("written");
    let file = dir.path().join("keys.csv");
    let more = format!(
        "path = \"/{{data.key}}\"\n[scenarios.mine.data]\nkey = {{ file = {file:?}, column = \"key\" }}"
    );
    let said = refused(&more);
    assert!(said.contains("value 2 of") && !said.contains("Zq7"), "{said}");
    told(&more.replace("key\" }", "term\" }")).unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn words_that_only_look_like_secrets_are_taken() {
    for text in [
        "bearer bonds",
        "bearer certificate",
        "task-1234567",
        "sk-learn-pipelines",
        "asia-pacific-southeast",
        "whsec_",
        "Bearer {setup.t}",
        "Bearer {setup.t:base64}",
        "sk_live_{n}",
        "eyJpZCI6MTAwLCJkIjoiMjAyNCJ9",
        "a risk-based review",
        "skim milk",
    ] {
        let more = format!(
            "path = \"/{{setup.t}}\"\nform = {{ a = \"{text}\" }}\n\
             setup = {{ path = \"/t\", capture = {{ t = \"$.t\" }} }}"
        );
        told(&more).unwrap_or_else(|said| panic!("{text}: {said}"));
    }
    // What a probe shows must be refused: it opens nothing.
    told(
        "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a\"\nexpect = { status = 401 }\n\
          headers = { x-api-key = \"sk_live_wrong\", authorization = \"Bearer Zq7Zq7Zq7\" }",
    )
    .unwrap_or_else(|said| panic!("{said}"));
}

/// What is nearly a word of checks, and which.
#[rustfmt::skip]
const NEARLY: [(&str, &str); 26] = [
    ("strng", "string"), ("stirng", "string"), ("String", "string"), ("integr", "integer"),
    ("int", "integer"), ("bool", "boolean"), ("bolean", "boolean"), ("Boolean", "boolean"),
    ("arry", "array"), ("objct", "object"), ("nulll", "null"), ("numbr", "number"),
    ("presnt", "present"), ("abesnt", "absent"), ("nonemtpy", "nonempty"), ("non-empty", "nonempty"),
    ("not empty", "nonempty"), ("float", "number"), ("exists", "present"), ("=< 5", "<="),
    ("=> 5", ">="), ("≤ 5", "<="), ("lt 5", "<"), ("less than 5", "<"),
    ("at least 5", ">="), ("=== 5", "="),
];

#[test]
fn what_is_nearly_a_word_of_checks_is_asked_about() {
    let said = |text: &str| {
        refused(&format!("path = \"/\"\nexpect = {{ json = {{ \"$.a\" = \"{text}\" }} }}"))
    };
    for (text, meant) in NEARLY {
        let said = said(text);
        assert!(said.contains(&format!("did you mean `{meant}`?")), "{text}: {said}");
        assert!(said.contains(&format!("`= {text}`")), "no way to mean the text: {said}");
        assert!(said.contains("--> load-gate.toml:7:"), "{said}");
        told(&format!("path = \"/\"\nexpect = {{ json = {{ \"$.a\" = \"= {text}\" }} }}"))
            .unwrap_or_else(|said| panic!("{said}"));
    }
    assert!(said("< abc").contains("`= < abc`"), "{}", said("< abc"));
    for text in [
        "spring",
        "strong",
        "full",
        "list",
        "active",
        "text",
        "prevent",
        "gray",
        "e",
        "EUR",
        "~ x*",
        "= strng",
        "= < abc",
        "less",
        "over the moon",
        "lt",
        "-1",
        "5",
        "",
        "number one",
        "{n}",
        "absent-minded",
        "= < 5",
        "= 5 >",
        "= string or null",
        "=x < 5",
    ] {
        told(&format!("path = \"/\"\nexpect = {{ json = {{ \"$.a\" = \"{text}\" }} }}"))
            .unwrap_or_else(|said| panic!("{text}: {said}"));
    }
}

#[test]
fn what_is_there_for_nothing_is_said() {
    let about = |more: &str, words: &str| {
        let notices = told(more).unwrap_or_else(|said| panic!("{said}"));
        assert!(notices.iter().any(|notice| notice.contains(words)), "{words}: {notices:?}");
    };
    let data = "\n[scenarios.mine.data]\nterm = [1]\nother = [2]";
    about(
        &format!("path = \"/{{data.term}}\"{data}"),
        "no request, check or tag of mine uses data.other",
    );
    let setup = "\nsetup = { path = \"/t\", capture = { token = \"$.t\", id = \"$.id\" } }";
    about(&format!("path = \"/{{setup.token}}\"{setup}"), "setup.id");
    about("path = \"/\"\nexpect = { status = [200, 429] }", "429");
    about(
        "path = \"/\"\nexpect = { status = [200, 503] }\nrate_limit = { limit = 9, window = \"9s\", scope = \"global\", refusal = { status = 503 } }",
        "503",
    );
    about("path = \"/\"\nexpect = { json = { \"$.a\" = \"true\" } }", "`true` in quotes is a text");
    about("path = \"/\"\nexpect = { json = { \"$.a\" = \"https://*\" } }", "`~ https://*`");
    about("path = \"/\"\nexpect = { header = { etag = \"present\" } }", "`*`");
    about("path = \"/\"\nform = { client_secret = \"abc-def\" }", "client_secret");
    // Wherever a name may stand, it is used there.
    let used = "path = \"/{data.a}\"\nheaders = { x = \"{data.b}\" }\nform = { x = \"{data.c}\" }\n\
         tags = { x = \"{data.d}\" }\nexpect = { json = { \"$.a\" = \"{data.e}\" }, header = { a = \"{data.f}*\" } }\n\
         sign = { scheme = \"github\", secret = \"A\", payload = \"{data.g}{body}\" }\n\
         [[scenarios.mine.probes]]\nkind = \"a\"\nexpect = { status = 401 }\njson = { a = \"{data.h}\" }\n\
         [scenarios.mine.setup]\npath = \"/{data.i}\"\ncapture = { t = \"$.t\" }\n\
         [scenarios.mine.data]\na = [1]\nb = [1]\nc = [1]\nd = [1]\ne = [1]\nf = [1]\ng = [1]\nh = [1]\ni = [1]";
    let notices = told(used).unwrap_or_else(|said| panic!("{said}"));
    assert!(!notices.iter().any(|notice| notice.contains("uses data.")), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.contains("uses setup.t")), "{notices:?}");
}

#[test]
fn a_scenario_that_takes_refusals_only_for_success_is_refused() {
    for more in [
        "path = \"/\"\nexpect = { status = 429 }",
        "path = \"/\"\nexpect = { status = [503, 429] }\nrate_limit = { limit = 9, window = \"9s\", scope = \"global\", refusal = { status = 503 } }",
    ] {
        let said = refused(more);
        assert!(said.contains("refusal") && said.contains("--> load-gate.toml:"), "{said}");
    }
}

#[test]
fn of_what_is_skipped_nothing_is_said_that_it_would_do() {
    let more = |sign: &str| {
        format!(
            "path = \"/{{setup.t}}\"\nmethod = \"POST\"\nwrites = true\n{sign}\n\
             setup = {{ path = \"/login\", capture = {{ t = \"$.t\" }} }}"
        )
    };
    let said = |sign: &str| told(&more(sign)).unwrap_or_else(|said| panic!("{said}")).join("\n");
    let sent = said("");
    assert!(sent.contains("creates or changes data") && sent.contains("/login"), "{sent}");
    let skipped = said("sign = { scheme = \"stripe\", secret = \"NOT_SET\" }");
    assert_eq!(skipped, "", "its secret isn't set");
}
