//! More configs that are wrong, written from docs/scenarios.md without a look at the code: each is
//! told with its place, and with words that say why or what to do.

use super::written_care_tests::{refused, told};

/// What is wrong in the table of a scenario, and what is said of it.
#[rustfmt::skip]
const WRONG: &[(&str, &str)] = &[
    ("method = [\"GET\"]", "expected a string"),
    ("path = \"/%\"", "%25"),
    ("path = \"/a%zz\"", "%25"),
    ("path = \"@evil/x\"", "a path begins with `/`"),
    ("path = \"ws://a/b\"", "this is a URL"),
    ("path = \"/x//../y\"", "leads upward"),
    ("path = \"?a=1\"", "a path begins with `/`"),
    ("headers = { x-forwarded-for = \"1.2.3.4\" }", "kind = \"address\""),
    ("headers = { x = \"a\\tb\" }", "one line"),
    ("headers = { x = [\"a\"] }", "expected a string"),
    ("method = \"HEAD\"\nexpect = { json = { \"$.a\" = 1 } }", "has no body"),
    ("expect = { status = 204, json = { \"$.a\" = 1 } }", "has no body"),
    ("expect = { status = [204, 304], json = { \"$.a\" = 1 } }", "has no body"),
    ("form = \"a=b\"", "expected a table"),
    ("json = { a = \"{n:integer}\" }", "known: `int`"),
    ("json = { a = \"{random:300}\" }", "1 to 256"),
    ("json = { a = \"{UUID}\" }", "did you mean `uuid`?"),
    ("json = { a = \"{identity.key}\" }", "no identity to show"),
    ("json = { a = \"{env.KEY}\" }", "unknown value `env.KEY`"),
    ("json = { a = \"{uuid:int}\" }", "never of the type"),
    ("expect = { status = \"2xx\" }", "100 to 599"),
    ("expect = { status = 200.0 }", "100 to 599"),
    ("expect = { headers = { a = \"b\" } }", "did you mean `header`?"),
    ("expect = { json = \"array\" }", "expected a table"),
    ("expect = { json = { \"$.a\" = \"string?\" } }", "did you mean `string`?"),
    ("expect = { json = { \"$.a\" = \"string | null\" } }", "did you mean `present`?"),
    ("expect = { json = { \"$.a\" = \"x < 5\" } }", "did you mean `<`?"),
    ("expect = { json = { \"$.a\" = \"5 >= x\" } }", "did you mean `>=`?"),
    ("expect = { json = { \"$.a\" = \"<5ms\" } }", "no number after `<`"),
    ("expect = { json = { \"$.a\" = [\"{uid}\"] } }", "did you mean `uuid`?"),
    ("expect = { json = { \"$.a[?(@.b==1)]\" = \"array\" } }", "is no path into JSON"),
    ("expect = { json = { \"$.a[0:2]\" = \"array\" } }", "is no path into JSON"),
    ("expect = { json = { \"$.a.length()\" = \"3\" } }", "expected a name"),
    ("expect = { json = { \"$.a b\" = \"array\" } }", "expected a name"),
    ("expect = []", "nothing is expected here"),
    ("expect = [{ name = \"\", status = 200 }]", "this is empty"),
    ("expect = [{ name = \"a\", status = 200 }, { name = \"a\", json = { \"$.a\" = 1 } }]", "there already"),
    ("expect = { name = \"body_size\", json = { \"$.a\" = 1 } }", "there already"),
    ("rate_limit = 60", "expected a table"),
    ("rate_limit = { limit = 5, window = 60, scope = \"global\" }", "in quotes"),
    ("rate_limit = { limit = 5, window = \"60s\", scope = \"key\" }", "known: `ip`"),
    ("rate_limit = { limit = 5, window = \"60s\", scope = \"global\", refusal = { status = 200 } }", "400 to 599"),
    ("sign = { scheme = \"sha1\", secret = \"A\", header = \"x\" }", "known: `stripe`"),
    ("sign = { scheme = \"github\", secret = \"$A\" }", "environment variable"),
    ("sign = { scheme = \"hmac-sha256\", secret = \"A\", header = \"host\" }", "not a scenario's to set"),
    ("sign = { scheme = \"hmac-sha256\", secret = \"A\", header = \"x\", payload = \"\" }", "expected `{body}`"),
    ("sign = { scheme = \"hmac-sha256\", secret = \"A\", header = \"x\", payload = \"constant\" }", "expected `{body}`"),
    ("headers = { x = \"1\" }\nsign = { scheme = \"hmac-sha256\", secret = \"A\", header = \"X\" }", "sent twice"),
    ("tags = { status = \"x\" }", "can't be a tag"),
    ("tags = { t = \"{n}\" }", "a few values only"),
    ("tags = { t = \"\" }", "this tag is empty"),
    ("identity = \"KEY_*\"", "expected a table"),
    ("identity = { env = \"KEY_*_X\" }", "environment variable"),
    ("headers = { a = \"{identity}\" }\nidentity = { env = \"KEY_*\", kind = \"address\" }", "needs no variable"),
    ("data = { x = { file = \".\" } }", "can't be read"),
    ("data = { x = { values = [1], weight = [1] } }", "did you mean `weights`?"),
    ("data = { x = { values = [1], weights = [0] } }", "expected one above 0"),
    ("data = { x = { values = [1], weights = [0.5] } }", "weights"),
    ("data = { x = {} }", "`values` is missing"),
    ("data = { \"a b\" = [1] }", "can't be the name of data"),
    ("path = \"/{data.x}/y\"\ndata = { x = [\"a\", \"..\"] }", "would lead upward"),
    ("path = \"/{data.x}/y\"\ndata = { x = [\"\"] }", "begin with `//`"),
    ("headers = { a = \"{data.x}\" }\ndata = { x = [\"a\\nb\"] }", "can't stand in a header"),
    ("json = { a = \"{data.x:number}\" }\ndata = { x = [\"1e999\"] }", "expected numbers only"),
    ("[[scenarios.mine.probes]]\nkind = \"a\"\nmethod = \"GET\"\nexpect = { status = 401 }", "the scenario's own request"),
    ("[[scenarios.mine.probes]]\nkind = \"a\"\npath = \"//y\"\nexpect = { status = 401 }", "this is a URL"),
    ("[[scenarios.mine.probes]]\nkind = \"a\"\npath = \"/y\"\nstatus = 401\nexpect = { status = 401 }", "unknown key `status`"),
    ("probe = { kind = \"a\" }", "did you mean `probes`?"),
    ("setup = { path = \"/t\", capture = { token = \"body\" } }", "no place in an answer"),
    ("setup = { path = \"http://auth/t\", capture = { token = \"$.t\" } }", "this is a URL"),
    ("setup = { path = \"/t\", capture = { token = \"$.t\" }, refresh = \"1m\" }", "unknown key `refresh`"),
    ("[scenarios.mine.thresholds]\nsucces_rate = [\"rate>0.9\"]", "`success_rate`?"),
    ("tags = { term = \"x\" }\n[scenarios.mine.thresholds]\n\"checks{term:y}\" = [\"rate>0.9\"]", "term"),
    ("loop = 3", "unknown key `loop`"),
    ("expect = { status = \"2xx\" }", "or no `status`: any 2xx"),
    ("expect = { header = { etag = \"\" } }", "`*`: that it is there"),
    ("expect = { json = { \"$.a\" = \"is an array\" } }", "did you mean `array`?"),
    ("expect = { json = { \"$.a\" = \"500 >\" } }", "reads like `<`"),
    ("expect = { json = { \"$.a\" = \"string or null\" } }", "reads like `present`"),
    ("headers = { x-sig = \"Bearer abcdefghijklmnop\" }", "a credential stands here"),
    ("headers = { Content-Length = \"3\" }", "load-gate sets this one itself"),
    ("refusal = { status = 503 }", "it stands in `rate_limit`"),
    ("status = 200", "it stands in `expect`"),
    ("tags = { \"a-b\" = \"x\" }", "can't be a tag"),
    ("expect = {}", "nothing is expected here"),
    ("expect = [{ status = 200 }, { name = \"a\" }]", "nothing is expected here"),
    ("identities = 5", "expected an identity table"),
    // What follows from a mistake isn't another.
    ("path = \"/{data.x}\"\ntags = { t = \"{data.x}\" }\ndata = { x = [] }", "expected 1 to 100000"),
    ("path = \"/{data.x}\"\ndata = { x = { file = \"none.csv\" } }", "by its path from the config's folder"),
    ("headers = { k = \"{identity}\" }\nidentity = { env = \"search key\" }\nrate_limit = { limit = 5, window = \"9s\", scope = \"customer\" }", "environment variable"),
    ("headers = { k = \"{identity}\" }\nidentity = { kind = \"adress\" }", "did you mean `address`?"),
];

#[test]
fn what_is_wrong_is_told_with_place_and_reason() {
    for (more, words) in WRONG {
        let has_path = more.starts_with("path");
        let more = if has_path { (*more).to_owned() } else { format!("path = \"/x\"\n{more}") };
        let said = refused(&more);
        assert!(said.contains(words), "{words}, of\n{more}\n{said}");
        assert!(said.contains("--> load-gate.toml:"), "no place:\n{more}\n{said}");
        assert!(!said.contains("mistakes"), "one mistake is one:\n{more}\n{said}");
    }
}

#[test]
fn what_may_be_meant_otherwise_is_said() {
    for (more, words) in [
        ("path = \"/\"\njson = { a = 1 }", "sends a body with GET"),
        ("path = \"/\"\nmethod = \"POST\"\njson = { a = \"{{uuid}}\" }", "one brace on each side"),
        ("path = \"/\"\nheaders = { cookie = \"sid=abc\" }", "a session is a secret"),
        ("path = \"/\"\nheaders = { Accept-Encoding = \"gzip\" }", "asks for compressed answers"),
        (
            "path = \"/\"\nidentity = { kind = \"address\" }\nexpect = { json = { \"$.ip\" = \"{identity}\" } }",
            "shows `{identity}`, which is empty",
        ),
    ] {
        let notices = told(more).unwrap_or_else(|said| panic!("{said}"));
        assert!(notices.iter().any(|notice| notice.contains(words)), "{words}: {notices:?}");
    }
    let graphql = "path = \"/\"\nmethod = \"POST\"\njson = { query = \"{{ user {{ email }} }}\" }";
    let notices = told(graphql).unwrap_or_else(|said| panic!("{said}"));
    assert!(!notices.iter().any(|notice| notice.contains("brace")), "{notices:?}");
}

#[test]
fn a_named_address_is_not_said_to_be_empty() {
    let more = "path = \"/\"\nidentity = { kind = \"address\" }\nidentities = 2\nheaders = { x = \"{identity}\" }";
    let notices = told(more).unwrap_or_else(|said| panic!("{said}"));
    assert!(!notices.iter().any(|notice| notice.contains("{identity}")), "{notices:?}");
}

#[test]
fn a_request_is_bounded_as_a_whole() {
    let many = |n: usize, bytes: usize| -> String {
        let text = "x".repeat(bytes);
        let all: Vec<String> = (0..n).map(|i| format!("f{i} = \"{text}\"")).collect();
        format!("{{ {} }}", all.join(", "))
    };
    for (more, words) in [
        (format!("json = {}", many(2, 200_000)), "expected at most 262144 bytes"),
        (format!("form = {}", many(70, 4_000)), "expected at most 262144 bytes"),
        (format!("headers = {}", many(65, 1)), "expected at most 64"),
    ] {
        let said = refused(&format!("path = \"/\"\nmethod = \"POST\"\n{more}"));
        assert!(said.contains(words) && said.contains("--> load-gate.toml:8:"), "{said}");
    }
    let fits = format!("path = \"/\"\nmethod = \"POST\"\nheaders = {}", many(64, 1));
    told(&fits).unwrap_or_else(|said| panic!("{said}"));
}
