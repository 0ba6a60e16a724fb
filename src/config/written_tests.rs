//! Written scenarios as the config takes them, and two hundred that it doesn't.

use std::collections::BTreeMap;

use super::*;
use crate::plan::IdentityKind;

fn resolved(file: &str, vars: &[(&str, &str)]) -> Result<Resolved, Diagnostics> {
    let flags = Flags { env: Some("t".to_owned()), ..Flags::default() };
    let vars: BTreeMap<String, String> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = UserFile { name: "load-gate.toml".to_owned(), text: file.to_owned() };
    resolve(&Sources { flags: &flags, vars: &vars, file: Some(&file) }, Purpose::Run, 7)
}

/// A config with `more` in the scenario's table.
fn with(more: &str) -> String {
    format!(
        "[environments.t]\nurl = \"http://127.0.0.1:1\"\nprofile = \"p\"\nscenarios = [\"mine\"]\n\
         [scenarios.mine]\n{more}\n[scenarios.mine.profiles]\n\
         p = [{{ duration = \"1s\", target = 5 }}]\n"
    )
}

#[test]
fn a_table_with_everything_is_taken() {
    let more = r#"
method = "POST"
path = "/api/v1/search?limit={data.limit}"
headers = { "X-API-Key" = "{identity}", "Content-Type" = "application/json" }
json = { query = "{data.term}", user = "{uuid}", at = "{unix}", n = "{n:int}" }
expect = { status = 200, json = { "$.results" = "array", "$.results[0].id" = "string", "$.took_ms" = "< 500", "$.query" = "{data.term}" }, header = { "content-type" = "application/json*" } }
identities = "auto"
rate_limit = { limit = 60, window = "60s", scope = "customer" }
sign = { scheme = "stripe", secret = "WEBHOOK_SECRET_ENV" }
tags = { term = "{data.term}" }
[scenarios.mine.identity]
env = "SEARCH_KEY_*"
[scenarios.mine.data]
limit = [10, 20, 50]
term = { values = ["red shoes", "blue"], weights = [3, 1] }
[[scenarios.mine.probes]]
kind = "no_key"
without_header = "X-API-Key"
expect = { status = [401, 403] }
[scenarios.mine.thresholds]
success_rate = ["rate>0.99"]
"response_time{outcome:accepted}" = ["p(95)<300"]
"checks{term:red shoes}" = ["rate>0.9"]
"#;
    let keys = [("SEARCH_KEY_1", "k1"), ("SEARCH_KEY_2", "k2"), ("WEBHOOK_SECRET_ENV", "s")];
    let resolved = resolved(&with(more), &keys).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = &resolved.plan.scenarios[0];
    assert_eq!((plan.scenario.name(), plan.skip.as_deref()), ("mine", None));
    assert_eq!(plan.identities.kind, IdentityKind::Key);
    assert_eq!(plan.probes.kinds.len(), 1);
    assert_eq!(plan.criteria.thresholds.len(), 3);
    let text = serde_json::to_string(&resolved.plan).expect("serialises");
    let read: crate::plan::SuitePlan = serde_json::from_str(&text).expect("is read again");
    assert_eq!(serde_json::to_string(&read).expect("serialises"), text);
    assert!(!text.contains("\"k1\""));
}

/// Everything that can be wrong with a template, and the tables where one can stand.
fn wrong_templates() -> Vec<String> {
    let wrong = [
        "{uid}",
        "{data.trem}",
        "{n:itn}",
        "{",
        "}",
        "{}",
        "{random}",
        "{random:0}",
        "{random:x}",
        "{data.}",
        "{identity}",
        "{n",
        "a } b",
        "{setup.token}",
        "{body}",
    ];
    let places = [
        "path = \"/x{}\"",
        "path = \"/\"\nheaders = { a = \"{}\" }",
        "path = \"/\"\njson = { a = [\"{}\"] }",
        "path = \"/\"\njson = { a = { b = \"{}\" } }",
        "path = \"/\"\nbody = \"{}\"",
        "path = \"/\"\nform = { a = \"{}\" }",
        "path = \"/\"\nexpect = { json = { \"$.a\" = \"{}\" } }",
        "path = \"/\"\ntags = { a = \"{}\" }",
        "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a\"\nexpect = { status = 400 }\nheaders = { a = \"{}\" }",
    ];
    let data = "\n[scenarios.mine.data]\nterm = [1]\n";
    let at = |place: &&str| {
        let place = (*place).to_owned();
        wrong.iter().map(move |text| format!("{}{data}", place.replace("{}", text)))
    };
    places.iter().flat_map(at).collect()
}

const WRONG: [&str; 115] = [
    "method = \"GET\"",
    "path = 7",
    "path = \"\"",
    "path = \"x\"",
    "path = \"//evil.example/x\"",
    "path = \"http://evil.example/x\"",
    "path = \"/a/../b\"",
    "path = \"/a/%2e%2e/b\"",
    "path = \"/a#b\"",
    "path = \"/a b\"",
    "path = \"/café\"",
    "path = \"/a<b>\"",
    "path = \"/a\\\\b\"",
    "path = \"/\"\nmethod = \"FETCH\"",
    "path = \"/\"\nmethod = \"PSOT\"",
    "path = \"/\"\nmethd = \"GET\"",
    "path = \"/\"\nheader = { a = \"b\" }",
    "path = \"/\"\nheaders = { host = \"evil.example\" }",
    "path = \"/\"\nheaders = { \"Content-Length\" = \"0\" }",
    "path = \"/\"\nheaders = { \"a b\" = \"c\" }",
    "path = \"/\"\nheaders = { a = 7 }",
    "path = \"/\"\nheaders = { a = \"b\\nc\" }",
    "path = \"/\"\nheaders = { a = \"b\", A = \"c\" }",
    "path = \"/\"\nheaders = \"a: b\"",
    "path = \"/\"\njson = { }\nbody = \"x\"",
    "path = \"/\"\nform = { }\nbody = \"x\"",
    "path = \"/\"\nbody = { }",
    "path = \"/\"\nform = { a = [1] }",
    "path = \"/\"\njson = { a = 1979-05-27 }",
    "path = \"/\"\njson = { a = nan }",
    "path = \"/\"\nexpect = 200",
    "path = \"/\"\nexpect = { status = 42 }",
    "path = \"/\"\nexpect = { status = \"ok\" }",
    "path = \"/\"\nexpect = { status = [] }",
    "path = \"/\"\nexpect = { stauts = 200 }",
    "path = \"/\"\nexpect = { json = { \"results\" = \"array\" } }",
    "path = \"/\"\nexpect = { json = { \"$.a[x]\" = \"array\" } }",
    "path = \"/\"\nexpect = { json = { \"$..a\" = \"array\" } }",
    "path = \"/\"\nexpect = { json = { \"$.a\" = \"< fast\" } }",
    "path = \"/\"\nexpect = { json = { \"$.a\" = \">\" } }",
    "path = \"/\"\nexpect = { header = { \"a b\" = \"c\" } }",
    "path = \"/\"\nexpect = { header = { a = 7 } }",
    "path = \"/\"\nexpect = [200]",
    "path = \"/\"\nidentities = \"some\"",
    "path = \"/\"\nidentities = 0",
    "path = \"/\"\nrate_limit = { limit = 60, window = \"60s\", scope = \"customer\" }",
    "path = \"/\"\nrate_limit = { limit = 60, window = \"60s\" }",
    "path = \"/\"\nrate_limit = { limit = 60, window = \"60s\", scope = \"user\" }",
    "path = \"/\"\nrate_limit = { limit = 6, window = \"6s\", scope = \"ip\", refusal = { status = 302 } }",
    "path = \"/\"\nrate_limit = { limit = 6, window = \"6s\", scope = \"ip\", refusal = { jsn = true } }",
    "path = \"/\"\nsign = \"stripe\"",
    "path = \"/\"\nsign = { scheme = \"stripe\" }",
    "path = \"/\"\nsign = { scheme = \"strip\", secret = \"A\" }",
    "path = \"/\"\nsign = { scheme = \"stripe\", secret = \"whsec_live_0123456789\" }",
    "path = \"/\"\nsign = { scheme = \"hmac-sha256\", secret = \"A\" }",
    "path = \"/\"\nsign = { scheme = \"hmac-sha256\", secret = \"A\", header = \"x\", encoding = \"hexx\" }",
    "path = \"/\"\nsign = { scheme = \"hmac-sha256\", secret = \"A\", header = \"x\", payload = \"{bdy}\" }",
    "path = \"/\"\ntags = { outcome = \"a\" }",
    "path = \"/\"\ntags = { a = \"{uuid}\" }",
    "path = \"/\"\ntags = { \"a b\" = \"x\" }",
    "path = \"/\"\nwrites = \"no\"",
    "path = \"/\"\n[scenarios.mine.identity]\nenv = \"my-secret-key\"",
    "path = \"/\"\n[scenarios.mine.identity]\nenv = \"KEY_*\"",
    "path = \"/\"\n[scenarios.mine.identity]\nkind = \"adress\"",
    "path = \"/\"\n[scenarios.mine.identity]\nvariable = \"KEY\"",
    "path = \"/\"\n[scenarios.mine.data]\na = []",
    "path = \"/\"\njson = { n = \"{data.a:int}\" }\n[scenarios.mine.data]\na = [1, \"two\"]",
    "path = \"/\"\nexpect = { json = { \"$.n\" = \"{data.a:bool}\" } }\n[scenarios.mine.data]\na = [1]",
    "path = \"/\"\njson = { n = [\"{data.a:number}\"] }\n[scenarios.mine.data]\na = { values = [\"x\"], weights = [1] }",
    "path = \"/\"\n[scenarios.mine.data]\na = \"x\"",
    "path = \"/\"\n[scenarios.mine.data]\na = [[1]]",
    "path = \"/\"\n[scenarios.mine.data]\na = { file = \"no-such-file.csv\", column = \"a\" }",
    "path = \"/\"\n[scenarios.mine.data]\na = { values = [1, 2], weights = [1] }",
    "path = \"/\"\n[scenarios.mine.data]\na = { values = [1], order = \"radnom\" }",
    "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a\"\nwithout_header = \"b\"",
    "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a\"\nexpect = { status = 401 }",
    "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a b\"\nwithout_header = \"b\"\nexpect = { status = 401 }",
    "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a\"\nsignature = \"wrong\"\nexpect = { status = 401 }",
    "path = \"/\"\nsetup = \"/token\"",
    "path = \"/\"\nsetup = { capture = { token = \"$.a\" } }",
    "path = \"/\"\nsetup = { path = \"/token\" }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { } }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { token = \"access_token\" } }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { token = \"$.a[*]\" } }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { token = \"cookie a=b\" } }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { \"a b\" = \"$.a\" } }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { token = \"$.a\" }, expires = 60 }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { token = \"$.a\" }, expires = \"0s\" }",
    "path = \"/\"\nsetup = { path = \"/token\", capture = { token = \"$.a\" }, expires = \"$..b\" }",
    "path = \"/\"\nsetup = { path = \"/t/{setup.token}\", capture = { token = \"$.a\" } }",
    "path = \"/{setup.tokn}\"\nsetup = { path = \"/token\", capture = { token = \"$.a\" } }",
    "path = \"/\"\nprobes = 7",
    "path = \"/{{n}}\"",
    "path = \"/?filter={{}}\"",
    "path = \"/\"\npath = \"/\"",
    "path = \"/\"\n[scenarios.mine.data]\na = { values = [1, 2], weights = [1, 2], order = \"in-turn\" }",
    "path = \"/\"\n[scenarios.mine.data]\na = { values = [1, 2], column = \"b\" }",
    "path = \"/\"\n[scenarios.mine.data]\na = { values = [1, 2], file = \"Cargo.toml\" }",
    "path = \"/?limit={data.a:int}\"\n[scenarios.mine.data]\na = [1, \"two\"]",
    "path = \"/\"\njson = { a = \"{uuid:int}\" }",
    "path = \"/\"\njson = { a = \"{unix:bool}\" }",
    "path = \"/\"\nexpect = { header = { a = \"{data.b}\" } }",
    "path = \"/\"\nexpect = { json = { \"$.a\" = \"~ {uid}*\" } }",
    "path = \"/\"\nexpect = [{ name = \"a\", status = 200 }, { name = \"b\", status = [201, 202] }]",
    "path = \"/\"\nsign = { scheme = \"stripe\", secret = \"A\", prefix = \"v1=\" }",
    "path = \"/\"\nsign = { scheme = \"stripe\", secret = \"A\", payload = \"{body}\" }",
    "path = \"/\"\nheaders = { Authorization = \"Basic YTpi\" }",
    "path = \"/\"\nheaders = { X-API-Key = \"opaque-0123\" }",
    "path = \"/\"\nheaders = { x-own = \"ghp_0123456789abcdef\" }",
    "path = \"/\"\nsetup = { path = \"/t\", headers = { authorization = \"Bearer abc\" }, capture = { token = \"$.a\" } }",
    "path = \"/\"\n[[scenarios.mine.probes]]\nkind = \"a\"\nwithout_header = \"b\"\nexpect = { status = 401 }",
    "path = \"/\"\nheaders = { x-tenant = \"a\" }\n[[scenarios.mine.probes]]\nkind = \"a\"\nwithout_header = \"x-tenat\"\nexpect = { status = 401 }",
    "path = \"/\"\nheaders = { a = \"b\" }\n[[scenarios.mine.probes]]\nkind = \"a\"\nwithout_header = \"a\"\nexpect = { status = [200, 401] }",
    "path = \"/\"\nsign = { scheme = \"github\", secret = \"A\" }\n[[scenarios.mine.probes]]\nkind = \"a\"\nsignature = \"expired\"\nexpect = { status = 401 }",
    "path = \"/\"\n[scenarios.mine.thresholds]\n\"checks{colour:red}\" = [\"rate>0.9\"]",
];

#[test]
fn two_hundred_wrong_configs_are_told_with_place_reason_and_way_out() {
    let generated = wrong_templates();
    let all: Vec<String> = WRONG.iter().map(|text| (*text).to_owned()).chain(generated).collect();
    assert!(all.len() >= 200, "{}", all.len());
    let mut told = String::new();
    for (number, more) in all.iter().enumerate() {
        let problems = match resolved(&with(more), &[]) {
            Ok(_) => panic!("taken: {more}"),
            Err(problems) => problems.to_string(),
        };
        assert!(problems.contains("--> load-gate.toml:"), "no place:\n{more}\n{problems}");
        let way_out = ["expected", "known:", "did you mean", "a value is written", "`.name`"];
        assert!(way_out.iter().any(|w| problems.contains(w)), "no way out:\n{more}\n{problems}");
        assert!(!problems.contains("whsec_live_"));
        if number % 12 == 3 {
            told.extend(["## ", more, "\n", &problems, "\n\n"]);
        }
    }
    insta::assert_snapshot!("wrong_scenarios", told);
}

#[test]
fn what_is_refused_names_what_was_meant() {
    let said = |more: &str| match resolved(&with(more), &[]) {
        Ok(_) => panic!("taken: {more}"),
        Err(problems) => problems.to_string(),
    };
    let tenant = "path = \"/\"\nheaders = { x-tenant = \"a\" }\n[[scenarios.mine.probes]]\n\
                  kind = \"a\"\nwithout_header = \"x-tenat\"\nexpect = { status = 401 }";
    assert!(said(tenant).contains("did you mean `x-tenant`?"), "{}", said(tenant));
    let header = "path = \"/\"\nheaders = { x-key = \"{uid}\" }\n[[scenarios.mine.probes]]\n\
                  kind = \"a\"\nwithout_header = \"x-key\"\nexpect = { status = 401 }";
    assert!(!said(header).contains("mistakes"), "one mistake is one: {}", said(header));
    let twice = said("path = \"/\"\npath = \"/\"");
    assert!(twice.contains("each key once") && !twice.contains("mistakes"), "{twice}");
    let key = said("path = \"/\"\nheaders = { X-API-Key = \"ghp_0123456789abcdef\" }");
    assert!(key.contains("secrets come through the environment only"), "{key}");
    assert!(!key.contains("ghp_0123456789abcdef"), "{key}");
    let token = said("path = \"/\"\nheaders = { Authorization = \"Bearer eyJhbGciOi.J9.abc\" }");
    assert!(!token.contains("eyJhbGciOi"), "{token}");
    let name = "path = \"/\"\n[scenarios.webhook]\npath = \"/x\"\nbody = \"y\"";
    assert!(said(name).contains("`webhook` is built in"), "{}", said(name));
    assert!(!said(name).contains("unknown"), "{}", said(name));
}

#[test]
fn what_an_answer_s_headers_say_may_be_asked_for_whatever_their_names() {
    let more = "path = \"/{data.a}\"\nexpect = { header = { content-length = \"0\", connection = \"*\", \
                x-echo = \"{data.a}-*\" } }\n[scenarios.mine.data]\na = [1]";
    resolved(&with(more), &[]).unwrap_or_else(|problems| panic!("{problems}"));
    // What a probe changes may stand in the file: it must be refused anyway.
    let more = "path = \"/\"\nsign = { scheme = \"github\", secret = \"A\" }\njson = { at = \"{unix}\" }\n\
                [[scenarios.mine.probes]]\nkind = \"a\"\nheaders = { authorization = \"Bearer wrong\" }\n\
                expect = { status = 401 }\n[[scenarios.mine.probes]]\nkind = \"b\"\n\
                signature = \"expired\"\nexpect = { status = 401 }\n[[scenarios.mine.probes]]\nkind = \"c\"\n\
                without_header = [\"Content-Type\", \"X-Hub-Signature-256\"]\nexpect = { status = 401 }";
    resolved(&with(more), &[("A", "s")]).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn keys_are_shown_by_the_load_itself_or_by_what_their_setup_gave() {
    let keyed = |path: &str, setup: &str| {
        let more = format!(
            "path = \"{path}\"\nsetup = {{ path = \"{setup}\", capture = {{ token = \"$.t\" }} }}\n\
             [scenarios.mine.identity]\nenv = \"KEY_*\""
        );
        resolved(&with(&more), &[("KEY_1", "one")]).map(drop).map_err(|why| why.to_string())
    };
    for (path, setup) in [("/{identity}", "/token"), ("/{setup.token}", "/token/{identity}")] {
        assert_eq!(keyed(path, setup), Ok(()), "{path} after {setup}");
    }
    // A setup that shows them and gives nothing that is used, or everybody the same.
    for (path, setup) in [("/search", "/token/{identity}"), ("/{setup.token}", "/token")] {
        let said = keyed(path, setup).expect_err("they are never shown");
        assert!(said.contains("no request of the load shows these keys"), "{said}");
        assert!(said.contains("--> load-gate.toml:"), "{said}");
    }
}

#[test]
fn a_scenario_that_is_named_and_not_there_is_told() {
    let file = with("path = \"/\"").replace("scenarios = [\"mine\"]", "scenarios = [\"mien\"]");
    let problems = resolved(&file, &[]).expect_err("is none").to_string();
    assert!(problems.contains("unknown scenario `mien`"), "{problems}");
    assert!(problems.contains("--> load-gate.toml:4:14"), "{problems}");
    assert!(problems.contains("did you mean `mine`"), "{problems}");
}

#[test]
fn where_it_is_protected_a_scenario_says_whether_it_writes() {
    let protect =
        |file: String| file.replace("profile = \"p\"", "profile = \"p\"\nprotected = true");
    let refusal = resolved(&protect(with("path = \"/\"")), &[]).expect_err("is refused");
    assert!(refusal.to_string().contains("writes = false or true"), "{refusal}");
    assert!(refusal.to_string().contains("--> load-gate.toml:6:"), "{refusal}");
    let refusal = resolved(&protect(with("path = \"/\"\nwrites = false")), &[]);
    let refusal = refusal.expect_err("isn't confirmed").to_string();
    assert!(!refusal.contains("writes") && refusal.contains("confirm"), "{refusal}");
}

#[test]
fn more_keys_are_asked_for_by_their_own_name() {
    let more = "path = \"/x\"\nheaders = { k = \"{identity}\" }\nexpect = { status = 200 }\n\
                rate_limit = { limit = 1, window = \"60s\", scope = \"customer\" }\n\
                identity = { env = \"SEARCH_KEY_*\" }";
    let one = [("SEARCH_KEY_1", "k1")];
    let taken = resolved(&with(more), &one).unwrap_or_else(|problems| panic!("{problems}"));
    let feasible = crate::plan::suite_feasibility(&taken.plan, false);
    let way_out = &feasible.scenarios[0].contradictions[0].way_out;
    assert!(way_out.contains(" keys (SEARCH_KEY_n), or load"), "{way_out}");
    let asked = format!("{more}\nidentities = 3");
    let problems = resolved(&with(&asked), &one).err().map(|p| p.to_string()).unwrap_or_default();
    assert!(problems.contains("set more of SEARCH_KEY_1, _2, …"), "{problems}");
}

#[test]
fn the_way_out_heeds_each_of_several_limits() {
    let more = "path = \"/x\"\nheaders = { k = \"{identity}\" }\nexpect = { status = 200 }\n\
                identities = 3\nidentity = { env = \"SEARCH_KEY_*\" }\nrate_limit = [\
                { limit = 5, window = \"1s\", scope = \"customer\" },\
                { limit = 30, window = \"10s\", scope = \"customer\" }]";
    let file = with(more)
        .replace("\"1s\", target = 5 }", "\"2s\", target = 8 }, { duration = \"6s\", target = 8 }");
    let keys = [("SEARCH_KEY_1", "k1"), ("SEARCH_KEY_2", "k2"), ("SEARCH_KEY_3", "k3")];
    let taken = resolved(&file, &keys).unwrap_or_else(|problems| panic!("{problems}"));
    let feasible = crate::plan::suite_feasibility(&taken.plan, false);
    let found = &feasible.scenarios[0].contradictions[0];
    // Three are there, and enough for the one in ten seconds.
    assert!(found.text.contains("the limit of 5 a second on average"), "{}", found.text);
    let keys = found.way_out.strip_prefix("give ").and_then(|rest| rest.split(' ').next());
    let keys: u32 = keys.and_then(|n| n.parse().ok()).expect("how many keys");
    assert!(keys > 3, "{}", found.way_out);
}

#[test]
fn a_profile_without_stages_is_told_where_it_is_named_and_broken_ones_once() {
    let file = with("path = \"/\"").replace("profile = \"p\"", "profile = \"pp\"");
    let problems = resolved(&file, &[]).expect_err("has none").to_string();
    assert!(problems.contains("--> load-gate.toml:3:11"), "{problems}");
    assert!(problems.contains("did you mean `p`?"), "{problems}");
    let file = with("path = \"/\"").replace("target = 5", "rate = 5, target = \"5\"");
    let problems = resolved(&file, &[]).expect_err("are none").to_string();
    assert!(problems.contains("unknown key `rate`"), "{problems}");
    assert!(!problems.contains("no stages"), "{problems}");
}
