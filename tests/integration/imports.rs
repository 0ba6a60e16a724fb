//! What `import` prints is a table that a config takes, and holds no secret.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{load_gate, run_in};

const SECRET: &str = "s3cr3t-of-ada";

/// What `import` prints, given `stdin`.
fn imported(args: &[&str], stdin: &str) -> String {
    let mut child = load_gate()
        .arg("import")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut to = child.stdin.take().expect("piped");
    to.write_all(stdin.as_bytes()).expect("is read");
    drop(to);
    let done = child.wait_with_output().expect("ends");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{args:?}: {err}");
    assert!(!out.contains(SECRET) && !err.contains(SECRET), "{out}{err}");
    out.into_owned()
}

#[test]
fn every_import_is_a_scenario_that_can_be_planned() {
    let hurl = "POST https://shop.example.org/login\n[FormParams]\nuser: ada\npassword: s3cr3t-of-ada\n\
                HTTP 200\n[Captures]\ntoken: jsonpath \"$.token\"\n\n\
                GET {{host}}/orders?page=2\nAuthorization: Bearer {{token}}\nHTTP 200\n\
                [Asserts]\njsonpath \"$.orders\" isCollection\n";
    let openapi = r#"{"openapi":"3.0.3","paths":{"/orders/{id}":{"get":{
        "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],
        "security":[{"key":[]}],
        "responses":{"200":{"content":{"application/json":{"schema":{"type":"object",
        "required":["id"],"properties":{"id":{"type":"integer"}}}}}}}}}},
        "components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"X-Key"}}}}"#;
    let listed = r#"{"openapi":"3.0.3","paths":{"/orders/{id}":{"get":{"parameters":[
        {"name":"id","in":"path","required":true,"schema":{"type":"string","format":"uuid"}},
        {"name":"a","in":"query","required":true,"example":[1]},
        {"name":"api_key","in":"query","required":true,"example":"s3cr3t-of-ada"}]}}}}"#;
    let twice = "GET https://x/{{page}}\nHTTP 200\nContent-Type: application/json\n[Asserts]\n\
                 jsonpath \"$.n\" > 1\njsonpath \"$.n\" < 5\nheader \"Content-Type\" contains \"json\"\n";
    let curl = "curl -u ada:s3cr3t-of-ada https://shop.example.org/orders -d 'n={1}'";
    let shop = ["--name", "shop"];
    for (args, stdin) in [
        (vec!["hurl", "-"], hurl),
        (vec!["openapi", "-"], openapi),
        (vec!["openapi", "-"], listed),
        (vec!["hurl", "-"], twice),
        (vec!["curl", "-"], curl),
        (vec!["curl", curl], ""),
        (vec!["curl", "-H", "X-Api-Key: s3cr3t-of-ada", "http://shop.example.org/a b"], ""),
    ] {
        let (from, rest) = args.split_first().expect("has a first");
        let args: Vec<&str> = [*from].into_iter().chain(shop).chain(rest.iter().copied()).collect();
        let table = imported(&args, stdin);
        let environment = "[environments.t]\nurl = \"http://127.0.0.1:1\"\n";
        let config = format!("{environment}{table}");
        let done = run_in(&config, &["plan", "shop", "--env", "t", "--profile", "smoke"], &[]);
        assert_eq!(done.code, 0, "{table}\n{}", done.all());
        assert!(done.out.contains("shop: "), "{}", done.all());
    }
}

#[test]
fn what_can_t_be_imported_is_told() {
    for (args, why) in [
        (["curl", "wget x"], "no curl command"),
        (["hurl", "none.hurl"], "failed to read none.hurl"),
        (["openapi", "Cargo.toml"], "neither JSON nor YAML"),
    ] {
        let done = load_gate().arg("import").args(args).output().expect("runs");
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{told}");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_name_may_stand_after_the_command_in_quotes() {
    let whole = "curl https://h.example/x -d a=1";
    for args in [
        &["curl", whole, "--name", "mine"][..],
        &["curl", whole, "--name=mine"],
        &["curl", "--name", "mine", whole],
    ] {
        let table = imported(args, "");
        assert!(table.starts_with("[scenarios.mine]"), "{args:?}: {table}");
    }
    let table = imported(&["curl", "-", "--name", "mine"], whole);
    assert!(table.starts_with("[scenarios.mine]"), "{table}");
}

#[test]
fn what_people_paste_is_a_table_that_a_config_takes() {
    let curls = [
        "curl -u 'sk_test_x:' https://h.example/v1/charges -d amount=2000 -d 'metadata[id]=1'",
        "curl https://h.example/x | jq '.items[]'",
        "curl -G https://h.example/search --data-urlencode 'q=a & b' -d limit=10",
        "curl -H 'X.Own: a' -H 'X-Empty;' -H 'Host: other' -H @more.txt https://h.example/x",
        "curl \"https://h/${ID}\" -H \"Key: $(id)\" -d \"{\\\"n\\\": \\\"$N\\\"}\"",
        "curl 'http://[::1]:3000/caf\u{e9}?f={\"a\":1}&l=[1-3]'",
        "curl --json '{\"a\":null,\"b\":18446744073709551615}' h.example/x",
        "curl -T big.bin --proto =https -F a=b https://h.example/x",
    ];
    let asserts = [
        "startsWith \"a\"",
        "== \"< 5\"",
        "== \"string or null\"",
        "== \"{a}\"",
        "== \"=\"",
        "not == 3",
        "count == 0",
        "== {{page}}",
        "== null",
        "== \"*\"",
    ];
    let asserts: Vec<String> = (0..)
        .zip(asserts)
        .map(|(n, assert)| format!("jsonpath \"$.a{n}\" {assert} # {n}\n"))
        .collect();
    let asserts = asserts.concat();
    let hurls = [
        format!(
            "GET https://{{{{host}}}}:8080/a?b={{{{page}}}} # c\nHTTP 200\n[Asserts]\n{asserts}"
        ),
        "POST {{base}}:80/g\n```graphql\nquery { a(b: \"{{c}}\") }\n```\nHTTP *\n".to_owned(),
        "POST h/x\n<a>\n <b/>\n</a>\nHTTP 200\n".to_owned(),
        "GET h/x\n[Query]\na[b]: c & d\n[BasicAuth]\na@b.c: s3cr3t-of-ada\nHTTP 200\n".to_owned(),
    ];
    let curls = curls.iter().map(|text| ("curl", (*text).to_owned()));
    let (mut config, mut names) = ("[environments.t]\nurl = \"http://h\"\n".to_owned(), Vec::new());
    for (n, (from, text)) in curls.chain(hurls.map(|text| ("hurl", text))).enumerate() {
        names.push(format!("pasted-{n}"));
        config += &imported(&[from, "-", "--name", &names[n]], &text);
    }
    let mut args = vec!["plan", "--env", "t", "--profile", "smoke"];
    args.extend(names.iter().map(String::as_str));
    let done = run_in(&config, &args, &[]);
    assert_eq!(done.code, 0, "{config}\n{}", done.all());
    assert!(!done.all().contains("no request, check or tag"), "{}", done.all());
}
