//! What others have written, and the tables it becomes: read by a config, and without a secret.

mod descriptions;
mod pasted;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::{curl, hurl, openapi};

const SECRETS: [&str; 6] = [
    "s3cr3t-of-ada",
    "eyJhbGciOiJIUzI1NiJ9.payload",
    "sk_live_0123456789",
    "hunter22hunter",
    "YWRhOnBhc3M=",
    "cookie-value-1",
];

/// That a config takes `table` as it stands, in an environment of its own.
fn held(table: &str) {
    for secret in SECRETS {
        assert!(!table.contains(secret), "{secret} in {table}");
    }
    let read: toml::Table = toml::from_str(table).unwrap_or_else(|e| panic!("{e}\n{table}"));
    assert!(read["scenarios"].as_table().is_some_and(|all| !all.is_empty()), "{table}");
}

const HURL: &str = r#"
# Log in, then look for shoes.
POST https://ada:s3cr3t-of-ada@shop.example.org/login
[FormParams]
user: ada
password: hunter22hunter
HTTP 302
[Captures]
session: cookie "sid"
token: jsonpath "$.access_token"

POST {{host}}/api/v1/search?limit=10&api_key=s3cr3t-of-ada
Authorization: Bearer {{token}}
X-Request-Id: {{newUuid}}
Accept: application/json
{
  "query": "red {shoes}",
  "page": {{page}},
  "nested": [1, 2.5, true]
}
HTTP 200
Content-Type: application/json
[Asserts]
jsonpath "$.results" isCollection
jsonpath "$.results[0].id" isString
jsonpath "$.took_ms" < 500
jsonpath "$.query" == "array"
jsonpath "$.next" not exists
header "x-cache" contains "HIT"
duration < 800
jsonpath "$..deep" exists

DELETE {{host}}/api/v1/things/7
X-Api-Key: s3cr3t-of-ada
HTTP 204
"#;

#[test]
fn hurl_s_requests_become_tables_and_the_first_their_setup() {
    let table = hurl(HURL, "shop").expect("is read");
    held(&table);
    insta::assert_snapshot!("hurl", table);
}

const OPENAPI: &str = r"
openapi: 3.1.0
servers:
  - url: https://api.example.org/v2
paths:
  /pets/{petId}/visits:
    parameters:
      - { name: petId, in: path, required: true, schema: { type: integer, example: 7 } }
    post:
      operationId: addVisit
      security: [{ oauth: [] }]
      parameters:
        - { name: dry, in: query, required: true, schema: { $ref: '#/components/schemas/Dry' } }
        - { name: verbose, in: query, schema: { type: boolean } }
      requestBody:
        content:
          application/json:
            schema: { $ref: '#/components/schemas/NewVisit' }
      responses:
        '400': { description: wrong }
        '201':
          description: done
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Visit' }
  /pets:
    get:
      operationId: listPets
      responses: { '200': { description: all } }
components:
  securitySchemes:
    oauth:
      type: oauth2
      flows: { clientCredentials: { tokenUrl: /oauth/token, scopes: {} } }
  schemas:
    Dry: { type: string, enum: [yes-please, no-thanks] }
    NewVisit:
      type: object
      required: [at, vet, fee]
      properties:
        at: { type: string, format: date-time }
        vet: { type: string, format: email }
        fee: { type: number, minimum: 0.5 }
        note: { type: string }
    Visit:
      allOf:
        - $ref: '#/components/schemas/NewVisit'
        - type: object
          required: [id, owner, tags]
          properties:
            id: { type: string, format: uuid }
            tags: { type: array, items: { type: string } }
            owner: { type: object, required: [name], properties: { name: { type: [string, 'null'] } } }
";

#[test]
fn an_operation_of_openapi_becomes_a_table() {
    let table = openapi(OPENAPI, Some("addVisit"), "visits").expect("is read");
    held(&table);
    insta::assert_snapshot!("openapi", table);
    let again = openapi(OPENAPI, Some("POST /pets/{petId}/visits"), "visits");
    assert_eq!(again.as_ref(), Ok(&table));
    let told = openapi(OPENAPI, None, "visits").expect_err("two").to_string();
    assert!(told.contains("listPets (GET /pets)"), "{told}");
    for wrong in ["", "[]", "swagger: '2.0'", "openapi: 4", "{", "a: [", "&a [*a]"] {
        let told = openapi(wrong, None, "x").expect_err(wrong).to_string();
        assert!(
            told.contains("neither") || told.contains("no OpenAPI") || told.contains("there are"),
            "{told}"
        );
    }
}

#[test]
fn a_curl_command_becomes_a_table_without_what_is_secret_in_it() {
    let mut all = String::new();
    for command in [
        r#"curl 'https://api.example.org/v1/search?limit=10&token=s3cr3t-of-ada' -X POST -H 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.payload' -H 'Content-Type: application/json' --data-raw '{"query":"red {shoes}","none":null,"password":"hunter22hunter"}' --compressed -sSL"#,
        "curl -u ada:hunter22hunter -k \\\n  https://api.example.org/basic -b 'sid=cookie-value-1'",
        r#"curl -d 'name=Ada Lovelace' -d "plan=pro&plan=free" --data-urlencode 'note=a&b' http://api.example.org/form"#,
        r"curl -G api.example.org/find -d q=shoes --data-urlencode 'sort=price up'",
        r#"$ curl --json $'{"a": "line\\nbreak"}' -XPUT https://api.example.org/café --max-time 3 --frobnicate"#,
        r"curl -H 'X-Api-Key: sk_live_0123456789' -H 'Authorization: Basic YWRhOnBhc3M=' https://api.example.org -F file=@x",
        r"curl --data @body.json https://api.example.org/upload -A 'agent {1}'",
        r#"curl https://x/login -d '{"user":"ada","password":"hunter22hunter"}'"#,
        r#"curl https://x/login -H 'Content-Type: application/json' -d '{"user":"ada","password":"hunter22hunter",}'"#,
        "curl https://x/login -H 'Content-Type: text/plain' -d 'password=hunter22hunter'",
        "curl https://x/login -d 'user: ada, password: hunter22hunter'",
        r#"curl https://x/hook -d 'payload={"password":"hunter22hunter"}' -d n=1"#,
        r#"curl -G https://x/find -d '{"token":"s3cr3t-of-ada"}' -d n=1"#,
        "curl https://x/both -H 'Authorization: Bearer s3cr3t-of-ada' -u ada:hunter22hunter --oauth2-bearer s3cr3t-of-ada",
    ] {
        let table = curl(command, "copied").unwrap_or_else(|e| panic!("{e}: {command}"));
        held(&table);
        all.push_str(&table);
        all.push_str("----\n");
    }
    insta::assert_snapshot!("curl", all);
    for (wrong, why) in [
        ("wget https://x", "no curl command"),
        ("curl", "no URL"),
        ("curl 'https://x", "isn't closed"),
        ("curl https://x -H", "has no value"),
    ] {
        let told = curl(wrong, "x").expect_err(wrong).to_string();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn what_is_no_hurl_is_told_with_its_line() {
    for (wrong, line, why) in [
        ("GET https://x\nHTTP 200\n\nFETCH https://y", 4, "a scenario's method is one of"),
        ("POST https://x\n{ \"a\": }", 2, "no JSON"),
        ("GET https://x\n???", 2, "neither a header"),
    ] {
        let told = hurl(wrong, "x").expect_err(wrong);
        assert_eq!(told.line, Some(line), "{told}");
        assert!(told.message.contains(why), "{told}");
    }
    assert!(hurl("# nothing\n", "x").is_err());
}

/// What of `table` comes after `key = `, on its line.
fn said<'a>(table: &'a str, key: &str) -> Vec<&'a str> {
    let start = format!("{key} = ");
    table.lines().filter_map(|line| line.strip_prefix(start.as_str())).collect()
}

#[test]
fn what_is_said_twice_in_hurl_is_said_as_a_config_takes_it() {
    let twice = r#"
POST https://x/{{page}}
[Form]
a: 1
a: 2
HTTP 200
Content-Type: application/json
[Captures]
the-id: jsonpath "$.id"
the_id: jsonpath "$.id"
[Asserts]
jsonpath "$.id" exists
jsonpath "$.id" isInteger
jsonpath "$.id" exists
jsonpath "$.n" > 1
jsonpath "$.n" < 5
header "Content-Type" contains "json"
header "Content-Type" exists

GET https://x/{{page}}/{{the-id}}
Authorization: Bearer abc
[BasicAuth]
ada: hunter22hunter
"#;
    let table = hurl(twice, "x").expect("is read");
    held(&table);
    assert_eq!(said(&table, "page"), ["[\"value\"]"], "{table}");
    assert_eq!(said(&table, "form"), ["{ a = \"2\" }"], "{table}");
    assert_eq!(said(&table, "capture"), ["{ the_id = \"$.id\" }"], "{table}");
    assert_eq!(said(&table, "headers"), ["{ Authorization = \"Basic {identity:base64}\" }"]);
    let alone = hurl(twice.split("GET").next().expect("the first"), "x").expect("is read");
    held(&alone);
    let expected = r#"[{ status = 200, json = { "$.id" = "integer", "$.n" = "> 1" }, header = { content-type = "application/json" } }, { json = { "$.n" = "< 5" }, header = { content-type = "*json*" } }]"#;
    assert_eq!(said(&alone, "expect"), [expected]);
}

#[test]
fn an_answer_s_secret_stays_behind_too() {
    let answer = "GET https://x/y\nHTTP 200\nX-Session: cookie-value-1\n[Asserts]\n\
                  jsonpath \"$.token\" == \"s3cr3t-of-ada\"\nheader \"X-Token\" == \"hunter22hunter\"\n";
    let table = hurl(answer, "x").expect("is read");
    held(&table);
    assert!(table.contains("\"$.token\" = \"present\"") && table.contains("x-token = \"*\""));
}

/// A description of one operation, `GET /things/{id}`, with these parts.
fn described(parts: &str, rest: &str) -> String {
    format!(r#"{{"openapi":"3.0.3","paths":{{"/things/{{id}}":{{"get":{{{parts}}}}}}}{rest}}}"#)
}

#[test]
fn openapi_s_parts_that_say_the_same_twice_are_one() {
    let both = described(
        r#""security":[{"key":[],"user":[]}],
        "parameters":[{"name":"authorization","in":"header","required":true,"example":"Bearer s3cr3t-of-ada"}],
        "responses":{"200":{"content":{"application/json":{"schema":{
            "allOf":[{"required":["id"],"properties":{"id":{"type":"integer"},"n":{}}}],
            "required":["id","n"],"properties":{"id":{"type":"integer"},"n":{"type":"number"}}}}}}}"#,
        r#","components":{"securitySchemes":{"user":{"type":"http","scheme":"basic"},
        "key":{"type":"apiKey","in":"header","name":"Authorization"}}}"#,
    );
    let table = openapi(&both, None, "x").expect("is read");
    held(&table);
    assert_eq!(said(&table, "headers"), ["{ Authorization = \"Basic {identity:base64}\" }"]);
    assert!(table.contains(r#""$.id" = "integer", "$.n" = "number" }"#), "{table}");
}

#[test]
fn openapi_s_parameters_are_templates_columns_or_the_identity() {
    for (schema, more, path, data) in [
        (r#"{"type":"string","format":"uuid"}"#, "", "/things/{uuid}", None),
        (
            r#"{"type":"string","format":"uuid"}"#,
            r#","example":"a-{b}""#,
            "/things/{data.id}",
            Some("[\"a-{b}\"]"),
        ),
        (
            r#"{"type":"string","format":"email","default":"a@b.c"}"#,
            "",
            "/things/{data.id}",
            Some("[\"a@b.c\"]"),
        ),
        (
            r#"{"type":"array","items":{"type":"integer"}}"#,
            r#","example":[3,4]"#,
            "/things/{data.id}",
            Some("[3]"),
        ),
        (
            r#"{"type":"array","items":{"enum":["a","b"]}}"#,
            "",
            "/things/{data.id}",
            Some("[\"a\", \"b\"]"),
        ),
        (r#"{"type":"object"}"#, r#","example":{"a":1}"#, "/things/{data.id}", Some("[\"text\"]")),
        (
            r#"{"enum":[null,18446744073709551615]}"#,
            "",
            "/things/{data.id}",
            Some("[\"18446744073709551615\"]"),
        ),
        (r#"{"type":"string"}"#, r#","example":"sk_live_0123456789""#, "/things/{identity}", None),
    ] {
        let parts = format!(
            r#""parameters":[{{"name":"id","in":"path","required":true,"schema":{schema}{more}}}]"#
        );
        let table = openapi(&described(&parts, ""), None, "x").expect("is read");
        held(&table);
        assert_eq!(said(&table, "path"), [format!("\"{path}\"")], "{schema}");
        assert_eq!(said(&table, "id"), Vec::from_iter(data), "{schema}");
    }
    let parts = r#""parameters":[
        {"name":"id","in":"path","required":true,"schema":{"type":"integer"}},
        {"name":"id","in":"query","required":true,"example":"other"},
        {"name":"api_key","in":"query","required":true,"example":"s3cr3t-of-ada"},
        {"name":"session_id","in":"query","required":true,"example":7},
        {"name":"mail","in":"query","required":true,"schema":{"format":"email"}},
        {"name":"X-At","in":"header","required":true,"schema":{"format":"date-time"}},
        {"name":"X-List","in":"header","required":true,"example":["a","b"]}]"#;
    let table = openapi(&described(parts, ""), None, "x").expect("is read");
    held(&table);
    let path = "\"/things/{data.id}?id={data.query_id}&api_key={identity}&session_id={data.session_id}&mail={email}\"";
    assert_eq!(said(&table, "path"), [path]);
    assert_eq!(said(&table, "headers"), ["{ X-At = \"{now}\", X-List = \"a\" }"]);
    assert!(table.contains("# `X-List` takes a list: only its first item was taken"), "{table}");
}

#[test]
fn a_number_is_a_secret_only_where_a_person_types_one() {
    let command = r#"curl https://x/y --json '{"max_tokens":100,"session_id":7,"token_count":3,"pin":1234,"password":5678}'"#;
    let table = curl(command, "x").expect("is read");
    let json = r#"{ max_tokens = 100, password = "{identity.secret}", pin = "{identity.secret}", session_id = 7, token_count = 3 }"#;
    assert_eq!(said(&table, "json"), [json]);
}

#[test]
fn json_deeper_than_toml_goes_is_a_text() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let table = curl(&format!("curl https://x/y --json '{deep}'"), "x").expect("is read");
    assert_eq!(said(&table, "body"), [format!("\"{deep}\"")]);
}

fn same_cases() -> Config {
    Config { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() }
}

proptest! {
    #![proptest_config(same_cases())]

    /// Whatever is given, it is read or refused, and what comes out is TOML.
    #[test]
    fn no_text_is_a_panic_and_every_table_is_toml(
        text in "\\PC{0,80}",
        pieces in proptest::collection::vec(prop::sample::select(vec![
            "GET https://x/y\n", "HTTP 200\n", "[Asserts]\n", "jsonpath \"$.a\" == ", "{\"a\": {{b}}}\n",
            "'", "\"", "\\", "-H ", "a: b", "-d ", "{{", "}}", "```", "`", "\n", "--json=", "$'", "\u{1f600}",
            "https://a.b/c?d=e&f", "[Captures]\n", "é", "%", "#", "null",
            "[Form]\n", "a: b\n", "A: c\n", "c: jsonpath \"$.a\"\n", "header \"A\" exists\n",
            "jsonpath \"$.a\" exists\n", "jsonpath \"$.a\" > 1\n", "[BasicAuth]\n", " -u a:b ", " -H A:c ", "&a=",
        ]), 0..12),
    ) {
        for text in [text, pieces.concat()] {
            for read in [
                hurl(&text, "x"),
                hurl(&format!("POST https://x/{text}\n{text}"), "x"),
                openapi(&text, None, "x"),
                curl(&format!("curl {text}"), "x"),
                curl(&format!("curl https://x/ -H 'a: {text}' -d '{text}'"), "x"),
            ] {
                let told = read.as_ref().map_or_else(ToString::to_string, |_| String::new());
                prop_assert!(!told.contains("can't be said in TOML"), "{text}");
                let Ok(read) = read else { continue };
                let parsed = toml::from_str::<toml::Table>(&read);
                prop_assert!(parsed.is_ok(), "{read}");
            }
        }
    }

    /// A text that isn't a template comes out as it went in.
    #[test]
    fn a_body_is_carried_over_as_it_is(value in "[a-z{}\"\\\\ é]{0,20}") {
        let json = serde_json::json!({ "text": value }).to_string();
        let command = format!("curl --json '{json}' https://x/y");
        let table = curl(&command, "x").expect("is read");
        let read: toml::Table = toml::from_str(&table).expect("is TOML");
        let kept = read["scenarios"]["x"]["json"]["text"].as_str().expect("a text").to_owned();
        prop_assert_eq!(kept.replace("{{", "{").replace("}}", "}"), value);
    }
}

#[test]
fn what_an_answer_must_be_is_neither_a_template_nor_a_number_by_chance() {
    let text = "GET http://h.example/x\nHTTP 200\nX-Own: {a}\n[Asserts]\n\
                header \"X-Other\" contains \"b}c\"\njsonpath \"$.version\" == \"500\"\n\
                jsonpath \"$.word\" == \"array\"\njsonpath \"$.n\" == 7\njsonpath \"$.pin\" == \"1234\"\n";
    let table = hurl(text, "mine").unwrap_or_else(|e| panic!("{e}"));
    for words in [
        r#"x-own = "{{a}}""#,
        r#"x-other = "*b}}c*""#,
        r#""$.version" = "500""#,
        r#""$.word" = "= array""#,
        r#""$.n" = 7"#,
    ] {
        assert!(table.contains(words), "{words} in {table}");
    }
    held(&table);
}

#[test]
fn what_stands_after_an_option_of_curl_s_is_no_url() {
    let command = "curl -XPUT -T body.json -x http://proxy:3128 -c jar https://h.example/x -o out";
    let table = curl(command, "mine").unwrap_or_else(|e| panic!("{e}"));
    assert!(table.contains("path = \"/x\"") && table.contains("it was h.example"), "{table}");
    assert!(table.contains("the body is in a file") && !table.contains("several URLs"), "{table}");
}

#[test]
fn braces_of_a_url_are_encoded() {
    let table = curl("curl 'https://h.example/{a}?f={\"b\":1}'", "mine");
    let table = table.unwrap_or_else(|e| panic!("{e}"));
    assert!(table.contains("path = \"/%7Ba%7D?f=%7B%22b%22:1%7D\""), "{table}");
}
