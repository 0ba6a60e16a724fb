//! What is JSON and what isn't, and what is made of it.

use proptest::prelude::*;

use super::*;

fn value(text: &str) -> Option<Value> {
    read(text.as_bytes()).map(|json| json.value)
}

#[test]
fn keys_that_stand_twice_are_seen_however_they_are_written() {
    for twice in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"[[{"x":{"b":[],"c":0,"b":null}}]]"#,
        r#"{"":0,"":0}"#,
        r#"{"\ud800":1,"a":0,"\uD800":2}"#,
        "{\"\u{fffd}\":1,\"\\ufffd\":2}",
    ] {
        assert!(read(twice.as_bytes()).expect("is JSON").duplicate, "{twice}");
    }
    for once in [
        r#"{"a":{"a":[{"a":1},{"a":1}]}}"#,
        r#"{"a":1,"A":1}"#,
        "[1,1]",
        r#"{"\ud800":1,"\ud801":2}"#,
        r#"{"\ud800":1,"\ufffd":2}"#,
        r#"{"\ud800\ufffd":1,"\ufffd\ud800":2}"#,
        r#"{"\ud800":{"\ud800":1},"a":[{"\ud800":1}]}"#,
    ] {
        assert!(!read(once.as_bytes()).expect("is JSON").duplicate, "{once}");
    }
    assert_eq!(value(r#"{"a":1,"a":2}"#).expect("is JSON")["a"], 2);
}

#[test]
fn keys_that_stand_twice_are_seen_at_any_depth() {
    let inside = |before: &str, what: &str, after: &str| {
        let text = format!("{}{what}{}", before.repeat(300), after.repeat(300));
        read(text.as_bytes()).expect("is JSON").duplicate
    };
    for (before, after) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[0,{"b":0,"a":"#, r#","c":1}]"#)] {
        assert!(inside(before, r#"{"a":1,"b":2,"a":3}"#, after), "{before}");
        assert!(inside(before, r#"{"a":{"b":[{"c":1}],"b":0}}"#, after), "{before}");
        assert!(!inside(before, r#"{"a":{"a":[{"a":1},{"a":1}],"b":0},"b":1}"#, after));
    }
    // One of the outer ones, after all within it.
    assert!(inside(r#"{"a":"#, "1", r#","a":2}"#));
}

#[test]
fn a_number_is_whole_if_its_value_is() {
    for (text, whole) in [
        ("5.0", Some(5)),
        ("5e0", Some(5)),
        ("0.05E+2", Some(5)),
        ("500e-2", Some(5)),
        ("-0", Some(0)),
        ("-0.0e-7", Some(0)),
        ("0e99999999999999999999", Some(0)),
        ("1844674407370955161500.0e-2", Some(u64::MAX)),
        ("18446744073709551615", Some(u64::MAX)),
        ("9007199254740993.0", Some(9_007_199_254_740_993)),
        ("5.5", None),
        ("5.0000000000000000000000000001", None),
        ("0.5e0", None),
        ("18446744073709551616", None),
        ("1e99999999999999999999", None),
        ("1e-400", None),
    ] {
        assert_eq!(value(text).expect("is JSON").as_u64(), whole, "{text}");
    }
    assert_eq!(value("-9223372036854775808e0").expect("is JSON").as_i64(), Some(i64::MIN));
    assert_eq!(value("-9223372036854775809").expect("is JSON").as_i64(), None);
    assert_eq!(value("5.0000000000000000000000000001").expect("is JSON").as_f64(), Some(5.0));
}

#[test]
fn what_is_legal_is_read_though_no_double_and_no_text_can_hold_it() {
    let digits = format!("[{0}, -{0}, 0.{0}, 1e400, -1e400, 1e-400]", "9".repeat(5000));
    let read = value(&digits).expect("is JSON");
    assert_eq!((read[0].as_f64(), read[1].as_f64()), (Some(f64::MAX), Some(f64::MIN)));
    assert_eq!((read[3].as_f64(), read[5].as_f64()), (Some(f64::MAX), Some(0.0)));
    for (lone, text) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\udc00x""#, "\u{fffd}x"),
        (r#""\ud800\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
    ] {
        assert_eq!(value(lone), Some(text.into()), "{lone}");
    }
    for brackets in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", brackets.0.repeat(100_000), brackets.1.repeat(100_000));
        assert!(is_json(deep.as_bytes()), "{}", brackets.0);
        assert!(!is_json(&deep.as_bytes()[1..]));
    }
}

#[test]
fn what_is_no_json_is_not_read() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "\"a",
        "\"\t\"",
        r#""\x""#,
        r#""\u12""#,
        "[1 2]",
        "{} {}",
        "[}",
        "{]",
        "NaN",
        "\u{feff}{}",
        "'a'",
    ] {
        assert!(!is_json(text.as_bytes()), "{text:?}");
    }
    assert!(!is_json(b"\"\xff\""));
}

/// Whether two readers say the same, where a number is whole to one and a double to the other.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut same = a.iter().map(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)));
            a.len() == b.len() && same.all(|same| same)
        }
        _ => a == b,
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read_again(wanted in anything()) {
        for text in [wanted.to_string(), format!(" {wanted:#}\r\n")] {
            let json = read(text.as_bytes()).expect("is JSON");
            prop_assert!(alike(&json.value, &wanted), "{} {}", json.value, wanted);
            prop_assert!(!json.duplicate);
        }
    }

    /// The two readers differ in what is legal and can't be kept, and in nothing else.
    #[test]
    fn it_agrees_with_another_reader(
        text in r#"[\[\]{}:,"\\ux0-9a-f.eE+\- tnrls]{0,24}"#,
    ) {
        match (value(&text), serde_json::from_str::<Value>(&text)) {
            (Some(mine), Ok(theirs)) => prop_assert!(alike(&mine, &theirs), "{mine} {theirs}"),
            (None, Err(_)) => {}
            (Some(_), Err(why)) => {
                let why = why.to_string();
                let known = ["out of range", "surrogate", "hex escape"];
                prop_assert!(known.iter().any(|known| why.contains(known)), "{}: {}", text, why);
            }
            (None, Ok(_)) => prop_assert!(false, "{text} is JSON"),
        }
    }
}
