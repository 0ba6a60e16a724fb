//! Conditions that are lists and objects, and values whose form counts.

use super::*;

#[test]
fn a_list_or_an_object_that_is_expected_is_filled_in_too() {
    let mut own = spec();
    own.expect[0].json = vec![
        ("$.terms".to_owned(), json!(["{data.term}", { "limit": "{data.limit:int}" }])),
        ("$.fixed".to_owned(), json!({ "a": [1, true] })),
    ];
    own.request.body = BodySpec::Json(json!({ "limit": "{data.limit:number}" }));
    let (scenario, identity) = (scenario(own), identity());
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    assert_eq!(request.body, br#"{"limit":10}"#, "a whole number stays as it is written");
    let judged = |body: &str| scenario.judge(&request, &answer(200, body.as_bytes())).outcome;
    let good = r#"{"terms":["a b",{"limit":10}],"fixed":{"a":[1.0,true]}}"#;
    assert_eq!(judged(good), Some(Outcome::Accepted));
    for wrong in [good.replace("a b", "{data.term}"), good.replace("10", "20")] {
        assert_eq!(judged(&wrong), Some(Outcome::Contract), "{wrong}");
    }
}

#[test]
fn a_captured_value_of_dots_leads_nowhere() {
    let mut path = String::new();
    for value in [".", "..", "...", "a.b", ".%2e"] {
        path.push('/');
        segment(value, &mut path);
    }
    assert_eq!(path, "/%2E/%2E%2E/.../a.b/.%252e");
}

#[test]
fn advice_names_all_that_may_have_been_refused() {
    let advice = |change: &dyn Fn(&mut Spec)| {
        let mut own = spec();
        change(&mut own);
        scenario(own).advice(401)
    };
    let signed = |own: &mut Spec| {
        own.sign = Some(SignSpec {
            scheme: Scheme::HmacSha256,
            secret: "HOOK_SECRET".to_owned(),
            header: "x-signature".to_owned(),
            encoding: Encoding::Hex,
            prefix: String::new(),
            payload: "{body}".to_owned(),
        });
    };
    assert!(advice(&|_| ()).contains("refuses the first key: set SEARCH_KEY_1"));
    let both = advice(&signed);
    assert!(both.contains("set SEARCH_KEY_1") && both.contains("set HOOK_SECRET"), "{both}");
    let setup = advice(&|own| {
        own.setup = Some(SetupSpec {
            request: RequestSpec { path: "/token".to_owned(), ..own.request.clone() },
            status: Vec::new(),
            capture: BTreeMap::from([("token".to_owned(), "$.token".to_owned())]),
            expires: None,
        });
    });
    assert!(setup.contains("setup gave") && setup.contains("[scenarios.search.setup]"), "{setup}");
    assert!(!setup.contains("SEARCH_KEY_1"), "{setup}");
    let mut own = spec();
    assert!(!scenario(own.clone()).advice(400).contains("signature"));
    signed(&mut own);
    let wrong = scenario(own).advice(400);
    assert!(wrong.contains("answered 400") && wrong.contains("set HOOK_SECRET"), "{wrong}");
}

#[test]
fn a_number_and_the_text_that_looks_like_it_are_checks_of_different_names() {
    let names = |condition: &str| {
        let mut own = spec();
        own.expect[0].json = vec![("$.jsonrpc".to_owned(), json!(condition))];
        let scenario = scenario(own);
        scenario.checks().iter().map(ToString::to_string).collect::<Vec<String>>()
    };
    assert!(names("2.0").contains(&"$.jsonrpc is 2.0".to_owned()), "{:?}", names("2.0"));
    assert!(names("= 2.0").contains(&"$.jsonrpc is the number 2.0".to_owned()));
}
