//! Commands and files as people have them: copied from pages, terminals and browsers.

use super::{curl, held, hurl, said};

fn read_curl(command: &str) -> String {
    let table = curl(command, "x").unwrap_or_else(|e| panic!("{e}: {command}"));
    held(&table);
    table
}

fn read_hurl(text: &str) -> String {
    let table = hurl(text, "x").unwrap_or_else(|e| panic!("{e}: {text}"));
    held(&table);
    table
}

#[test]
fn what_stands_around_a_command_is_no_part_of_it() {
    for (command, note) in [
        ("curl https://h.example/a -s | jq -r '.items[] | .id'", "after `|`"),
        ("curl https://h.example/a > out.json 2>&1", "after `>`"),
        ("curl https://h.example/a && echo done", "after `&&`"),
        ("curl https://h.example/a --next -d b=1 https://h.example/b", "after `--next`"),
        ("# in the page\n$ TOKEN=abc time curl https://h.example/a # as it stands", ""),
    ] {
        let table = read_curl(command);
        assert_eq!(said(&table, "path"), ["\"/a\""], "{table}");
        assert!(table.contains(note) && !table.contains("several URLs"), "{note}: {table}");
    }
    for command in
        ["curl \"https://h/x\" ^\n  -H \"a: b\"", "curl ^\"https://h/x^\"", "curl h/x `\n -v"]
    {
        let told = curl(command, "x").expect_err(command).to_string();
        assert!(told.contains("for cmd.exe or PowerShell"), "{told}");
    }
}

#[test]
fn an_option_s_value_is_never_the_url() {
    for option in [
        "--proto '=https'",
        "--noproxy '*'",
        "--keepalive-time 3",
        "--ciphers A",
        "-C -",
        "-z now",
        "--tls-max 1.2",
        "--variable a=b",
        "--dns-servers 1.1.1.1",
        "--max-filesize 9",
        "-t x=y",
    ] {
        let table = read_curl(&format!("curl {option} https://h.example/a"));
        assert_eq!(said(&table, "path"), ["\"/a\""], "{table}");
        assert!(table.contains("stayed behind"), "{option}: {table}");
    }
}

#[test]
fn data_is_what_curl_makes_of_it() {
    for (command, key, is) in [
        ("curl h/x --data-raw '@me'", "form", "{ \"@me\" = \"\" }"),
        ("curl h/x --json '{\"a\":1' --json ',\"b\":2}'", "json", "{ a = 1, b = 2 }"),
        ("curl --url-query 'q=a b' h/x", "path", "\"/x?q=a%20b\""),
        ("curl -T ./big.bin h/x", "method", "\"PUT\""),
        ("curl h/x -d ''", "method", "\"POST\""),
    ] {
        assert_eq!(said(&read_curl(command), key), [is], "{command}");
    }
    for command in [
        "curl h/x --data-urlencode 'a@notes.txt'",
        "curl h/x --data-urlencode '@notes.txt'",
        "curl h/x --data-binary @big.json",
        "curl h/x -T big.json",
    ] {
        let table = read_curl(command);
        assert!(table.contains("the body is in a file") && !table.contains("notes"), "{table}");
    }
    let told = curl("curl -X PURGE h/x", "x").expect_err("no such method").to_string();
    assert!(told.contains("GET, POST, PUT"), "{told}");
}

#[test]
fn what_a_shell_would_fill_in_is_noted_where_it_is_a_text_here() {
    let command = "curl \"https://h/users/${USER_ID}\" -H \"Authorization: Bearer $TOKEN\" \
                   -H 'Content-Type: application/json' -d \"{\\\"at\\\": \\\"$(date +%s)\\\", \\\"q\\\": \\\"$Q\\\"}\"";
    let table = read_curl(command);
    for name in ["`${USER_ID}`", "`$(date +%s)`", "`$Q`"] {
        assert!(table.contains(&format!("# {name} is for a shell to fill in")), "{name}: {table}");
    }
    // Shown as the identity, it is no text any more.
    assert!(!table.contains("TOKEN"), "{table}");
}

#[test]
fn a_header_that_a_scenario_can_t_send_is_noted() {
    let table = read_curl(
        "curl h/x -H 'X.Own: a' -H 'Host: other' -H 'Accept-Encoding: br' -H 'X-Fine: b' -H @more.txt",
    );
    assert_eq!(said(&table, "headers"), ["{ X-Fine = \"b\" }"]);
    for name in ["`x.own` stayed behind", "`host` stayed behind", "`accept-encoding` stayed behind"]
    {
        assert!(table.contains(name), "{name}: {table}");
    }
}

#[test]
fn a_host_by_name_is_the_environment_s_wherever_its_path_begins() {
    for (url, path) in [
        ("{{host}}/a/{{id}}", "/a/{data.id}"),
        ("https://{{host}}/a", "/a"),
        ("{{base}}:8080/a?b=1", "/a?b=1"),
        ("https://api.{{domain}}:{{port}}", "/"),
        ("{{ host }}?a=/b", "/?a=/b"),
        ("https://h.example/a#top", "/a"),
    ] {
        let table = read_hurl(&format!("GET {url}   # of a page\nHTTP 200\n"));
        assert_eq!(said(&table, "path"), [format!("\"{path}\"")], "{url}: {table}");
        assert!(!table.contains("data.host") && !table.contains("data.domain"), "{table}");
    }
}

#[test]
fn comments_and_escapes_of_hurl_are_read() {
    let table = read_hurl(
        "GET https://h.example/a # one\nX-Own: one \\# two # three\nAccept: */* # any\n[Query]\n\
         q: caf\\u{e9} # four\n# five\nHTTP 200 # six\n[Asserts] # seven\n\
         jsonpath \"$.a\" == \"# eight\" # nine\njsonpath \"$.n\" == 5 # ten\n",
    );
    assert_eq!(said(&table, "headers"), ["{ X-Own = \"one # two\", Accept = \"*/*\" }"]);
    assert_eq!(said(&table, "path"), ["\"/a?q=caf%C3%A9\""]);
    let expect = r#"{ status = 200, json = { "$.a" = "= # eight", "$.n" = 5 } }"#;
    assert_eq!(said(&table, "expect"), [expect]);
}

#[test]
fn bodies_of_hurl_are_what_it_makes_of_them() {
    let graphql = "POST https://h/graphql\n```graphql\nquery A($ep: B) {\n  hero(e: $ep) { name }\n}\n\n\
                   variables {\n  \"ep\": \"{{ep}}\", \"n\": 1\n}\n```\nHTTP 200\n";
    let table = read_hurl(graphql);
    let json = r#"{ query = "query A($ep: B) {{\n  hero(e: $ep) {{ name }}\n}}", variables = { ep = "{data.ep}", n = 1 } }"#;
    assert_eq!(said(&table, "json"), [json], "{table}");
    let function =
        "POST https://h/x\n{ \"a\": \"{{getEnv \"HOME\"}}\", \"b\": \"\\\"{{n}}\" }\nHTTP 200\n";
    let json = r#"{ a = "{data.getEnv__HOME_}", b = "\"{data.n}" }"#;
    assert_eq!(said(&read_hurl(function), "json"), [json]);
    let fenced = "PUT https://h/x\n```json\n{ \"a\": [{{n}}] }\n```\nHTTP 204\n";
    assert_eq!(said(&read_hurl(fenced), "json"), ["{ a = [\"{data.n}\"] }"]);
    let xml = "POST https://h/x\n<?xml version=\"1.0\"?>\n<a>\n  <b>1</b>\n</a>\n\nHTTP 200\n[Asserts]\nxpath \"//b\" == 1\n\n\
               GET https://h/y\nHTTP 200\n";
    let table = read_hurl(xml);
    assert_eq!(said(&table, "body"), [r#""<?xml version=\"1.0\"?>\n<a>\n  <b>1</b>\n</a>""#]);
    assert_eq!(said(&table, "headers"), ["{ Content-Type = \"application/xml\" }"]);
    assert_eq!(said(&table, "path"), ["\"/x\"", "\"/y\""]);
}

#[test]
fn names_in_sections_are_any() {
    let table = read_hurl(
        "GET https://h/x\n[Query]\nfilter[a b]: c:d\nsort+by: e\n[BasicAuth]\nbob@email.com: hunter22hunter\n\
         HTTP 200\n",
    );
    assert_eq!(said(&table, "path"), ["\"/x?filter[a%20b]=c:d&sort%2Bby=e\""], "{table}");
    assert!(table.contains("Basic {identity:base64}"), "{table}");
}

#[test]
fn a_value_of_a_query_stays_one() {
    let path = "\"/x?q=a%26b%3D1%20%2B%23%25&r=2\"".replace("%3D", "=");
    let hurl = read_hurl("GET https://h/x\n[Query]\nq: a&b=1 +\\#%\nr: 2\nHTTP 200\n");
    assert_eq!(said(&hurl, "path"), [path.as_str()]);
    let curl = read_curl("curl -G h/x --data-urlencode 'q=a&b=1 +#%' -d r=2");
    assert_eq!(said(&curl, "path"), [path.as_str()]);
    let asked = read_curl("curl --url-query 'q=a&b=1 +#%' --url-query +r=2 h/x");
    assert_eq!(said(&asked, "path"), [path.as_str()]);
}

#[test]
fn captures_are_a_setup_or_said_to_stay_behind() {
    let login = "POST https://h/login\n{\"a\": 1}\nHTTP 200\n[Captures]\nt: jsonpath \"$.t\" redact\n\
                 [Asserts]\njsonpath \"$.a\" == 1\n\n";
    let shown = read_hurl(&format!(
        "{login}GET https://h/x\nX-T: {{{{t}}}}\nHTTP 200\n[Captures]\nid: jsonpath \"$.id\"\n"
    ));
    assert_eq!(said(&shown, "capture"), ["{ t = \"$.t\" }"], "{shown}");
    assert!(shown.contains("# captures stayed behind"), "{shown}");
    assert!(shown.contains("# what its answer must be stayed behind"), "{shown}");
    // Nobody shows it: it is a request like any other.
    let idle = read_hurl(&format!("{login}GET https://h/x\nHTTP 200\n"));
    assert_eq!(said(&idle, "path"), ["\"/login\"", "\"/x\""], "{idle}");
    assert!(idle.contains("# captures stayed behind"), "{idle}");
}

#[test]
fn asserts_become_the_conditions_that_say_the_same() {
    for (assert, condition) in [
        ("contains \"b\"", "\"~ *b*\""),
        ("startsWith \"b\"", "\"~ b*\""),
        ("endsWith \"{b}\"", "\"~ *{{b}}\""),
        ("not == 3", "\"!= 3\""),
        ("count == 0", "[]"),
    ] {
        let table = read_hurl(&format!(
            "GET https://h/x\nHTTP 200\n[Asserts]\njsonpath \"$.a\" {assert}\n"
        ));
        let expect = format!("{{ status = 200, json = {{ \"$.a\" = {condition} }} }}");
        assert_eq!(said(&table, "expect"), [expect], "{assert}");
    }
    for assert in
        ["contains \"a*b\"", "startsWith \" b\"", "count == 3", "not == \"b\"", "matches /b/"]
    {
        let table = read_hurl(&format!(
            "GET https://h/x\nHTTP 200\n[Asserts]\njsonpath \"$.a\" {assert}\n"
        ));
        assert!(table.contains("# an assert stayed behind"), "{assert}: {table}");
    }
    let secret =
        "GET https://h/x\nHTTP 200\n[Asserts]\njsonpath \"$.token\" startsWith \"s3cr3t-of-ada\"\n";
    assert!(read_hurl(secret).contains("\"$.token\" = \"present\""));
}

#[test]
fn a_method_that_no_scenario_has_is_told() {
    let told = hurl("PURGE https://h/x\nHTTP 200\n", "x").expect_err("no such method");
    assert_eq!(told.line, Some(1));
    assert!(told.message.contains("GET, POST, PUT"), "{told}");
}
