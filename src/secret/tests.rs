//! The mask against every way in which a secret may be written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const KEY: &str = "Hunter-22/\"ä+x";

fn known() -> [Secret; 1] {
    [Secret::new(KEY)]
}

/// Each of `parts`, written by `form`.
fn each<T>(parts: impl IntoIterator<Item = T>, form: impl Fn(T) -> String) -> String {
    parts.into_iter().map(form).collect::<Vec<_>>().concat()
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", Secret::new("rsolv_abcdefgh")), "Secret(***)");
}

#[test]
fn known_and_shaped_secrets_are_masked() {
    let known = [Secret::new("hunter22")];
    assert_eq!(mask("key hunter22 and rsolv_abc-DEF_123.", &known), "key *** and ***.");
    let plain = "whsec_ is a prefix, task-123456 a word, work_queue_length too, 100 % & more";
    assert_eq!(mask(plain, &[]), plain);
    assert_eq!(mask("\"sk-ant-api03-xyz\"", &[]), "\"***\"");
    assert_eq!(mask("HUNTER22hunter22", &known), "***");
}

#[test]
fn every_shape_is_known_by_itself() {
    let long = "a1B2".repeat(130);
    for token in [
        "sk_live_abcDEF123456",
        "sk_test_abcDEF123456",
        "rk_live_abcDEF123456",
        "rk_test_abcDEF123456",
        "rk_abcDEF123456",
        "whsec_abcDEF123456",
        "sk-abcDEF123456",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcDEF123456",
        "gho_abcDEF123456",
        "ghs_abcDEF123456",
        "github_pat_11ABCDEFG_abcdef",
        "rsolv_abcDEF123456",
        "glpat-abcDEF123456",
        "xoxb-123456-abcDEF123456",
        "shpat_abcDEF123456",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.abcDEF123456",
        "SK_LIVE_ABCDEF123456",
        &format!("ghs_{long}"),
        &format!("ghs_12345_{long}.{long}.{long}"),
    ] {
        for (before, after) in
            [("", ""), ("key=", "&x"), ("\"", "\""), ("a ", " b"), ("%20", ""), ("\\n", "")]
        {
            let masked = mask(&format!("{before}{token}{after}"), &[]);
            assert!(
                !masked.contains(&token[token.len() - 5..]),
                "{before}{token}{after}: {masked}"
            );
        }
        let quoted = excerpt(&format!("{} {token}", "y".repeat(190)), 200, &[]);
        assert!(!quoted.contains(&token[..token.len() - 4]), "{token}: {quoted}");
    }
    for (text, masked) in [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ***"),
        ("authorization: bearer QWxhZGRpbg==, x", "authorization: bearer ***, x"),
        ("Bearer realm=\"api\"", "Bearer realm=\"api\""),
        ("a bearer token is missing", "a bearer token is missing"),
        ("Bearer%20abcdefgh", "Bearer%20***"),
    ] {
        assert_eq!(mask(text, &[]), masked);
    }
}

/// An ASCII character by `form` of its code, another as it is.
fn ascii(c: char, form: impl Fn(u32) -> String) -> String {
    if c.is_ascii() { form(c as u32) } else { c.to_string() }
}

/// `bytes` as numbers, `between` them what parts them.
fn dump(bytes: &[u8], between: &str, form: impl Fn(&u8) -> String) -> String {
    bytes.iter().map(form).collect::<Vec<_>>().join(between)
}

/// Every way of writing that a target may choose.
fn writings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let escaped = |form: fn(u16) -> String| each(secret.encode_utf16(), form);
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![
        secret.to_owned(),
        secret.to_ascii_uppercase(),
        serde_json::to_string(secret).expect("is JSON"),
        serde_json::to_string(&serde_json::to_string(secret).expect("is JSON")).expect("is JSON"),
        escaped(|u| format!("\\u{u:04x}")),
        escaped(|u| format!("\\u{u:04X}")),
        each(bytes, |b| format!("%{b:02x}")),
        each(bytes, |b| format!("%{b:02X}")),
        each(bytes, |b| format!("%25{b:02X}")),
        url::form_urlencoded::byte_serialize(bytes).collect(),
        each(secret.chars(), |c| format!("&#{};", c as u32)),
        secret.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;"),
        hex::encode(bytes),
        hex::encode_upper(bytes),
        each(secret.chars(), |c| ascii(c, |b| format!("\\x{b:02x}"))),
        each(secret.chars(), |c| ascii(c, |b| format!("\\{b:03o}"))),
        each(secret.chars(), |c| ascii(c, |b| char::from_u32(b + 0xfee0).expect("is").into())),
        each(secret.chars(), |c| format!("\\u{{{:x}}}", c as u32)),
        each(secret.chars(), |c| format!("\\U{:08x}", c as u32)),
        each(secret.chars(), |c| format!("&#x{:X}", c as u32)),
        each(bytes, |b| format!("={b:02X}")),
        dump(bytes, ", ", ToString::to_string),
        dump(bytes, ":", |b| format!("{b:02x}")),
        dump(bytes, " ", |b| format!("{b:02X}")),
        dump(bytes, ", ", |b| format!("{b:#04x}")),
        dump(bytes, " ", |b| format!("{b:03o}")),
        STANDARD.encode(STANDARD.encode(bytes)),
        STANDARD.encode(utf16),
    ];
    for before in ["", "x", "xy", "xyz"] {
        let joined = [before.as_bytes(), bytes, b"tail"].concat();
        all.push(STANDARD.encode(&joined));
        all.push(URL_SAFE_NO_PAD.encode(&joined));
        all.push(STANDARD.encode([before.as_bytes(), bytes].concat()));
    }
    all
}

#[test]
fn a_known_secret_is_masked_however_it_is_written() {
    for written in writings(KEY) {
        let masked = mask(&format!("<{written}>"), &known());
        let inner = masked.trim_matches(['<', '>', '"', '\\']);
        assert_eq!(inner, "***", "{written}");
    }
}

#[test]
fn nothing_hidden_splits_a_secret() {
    for hidden in [
        "\0", "\u{ad}", "\u{200b}", "\u{fffd}", "\u{7}", "\u{feff}", "\u{2060}", "\n", "\r\n ", " ",
    ] {
        let split = each("hunter22".chars(), |c| format!("{c}{hidden}"));
        let quoted = excerpt(&format!("key {split}!"), 200, &[Secret::new("hunter22")]);
        assert_eq!(quoted.replace(" !", "!"), "key ***!", "{hidden:?}");
    }
    let utf16: Vec<u8> = "key hunter22".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(excerpt(&text_of(&utf16), 200, &[Secret::new("hunter22")]), "key ***");
    // Letters parted by zeros read as UTF-16 but for the last, which would hide in a pair.
    for (mark, around) in
        [(&b""[..], "key "), (b"\xff\xfe", "key "), (b"", "a key "), (b"\xfe\xff", "a key")]
    {
        let parted = "hunter22".bytes().flat_map(|byte| [byte, 0]).collect::<Vec<_>>();
        let bytes = [mark, around.as_bytes(), &parted[..15], b"\"}"].concat();
        let shown = excerpt(&text_of(&bytes), 200, &[Secret::new("hunter22")]);
        assert!(!shown.contains("unter2") && shown.contains("***"), "{shown}");
    }
}

#[test]
fn an_excerpt_is_short_inert_and_masked() {
    let text = format!("a\u{1b}[31m\nb {}", "x".repeat(300));
    let cut = excerpt(&text, 200, &[]);
    assert_eq!(cut.chars().count(), 200);
    assert!(cut.starts_with("a b xxx") && cut.ends_with('…'));
    let long_key = format!("{} rsolv_{}", "y".repeat(190), "k".repeat(43));
    assert!(!excerpt(&long_key, 200, &[]).contains("rsolv_k"));
}

/// What Python's `json.dumps` makes of a key with something unseen between its letters.
#[test]
fn nothing_hidden_under_an_escape_splits_a_secret() {
    for hidden in [
        "\\u0000",
        "\\u00ad",
        "\\u200b",
        "%00",
        "%E2%80%8B",
        "&#173;",
        "&#x200b;",
        "&shy;",
        "&zwnj;",
        "\\\\u200b",
        "\u{332}",
    ] {
        let split = each("hunter22".chars(), |c| format!("{c}{hidden}"));
        let quoted = excerpt(&format!("key {split}!"), 200, &[Secret::new("hunter22")]);
        assert!(quoted.starts_with("key ***") && !quoted.contains("22"), "{hidden:?}: {quoted}");
    }
    for (form, times) in [("%25", 3), ("\\", 3)] {
        let escaped = match form {
            "%25" => each("hunter22".bytes(), |b| format!("%{}{b:02x}", "25".repeat(times))),
            _ => each("hunter22".bytes(), |b| format!("{}u{b:04x}", "\\".repeat(1 << times))),
        };
        assert_eq!(mask(&escaped, &[Secret::new("hunter22")]), "***", "{escaped}");
    }
    let letters = each("hunter22".bytes(), |b| match b {
        b'a'..=b'z' => char::from_u32(0x1d41a + u32::from(b - b'a')).expect("is").to_string(),
        _ => char::from_u32(0x1d7ce + u32::from(b - b'0')).expect("is").to_string(),
    });
    assert_eq!(mask(&letters, &[Secret::new("hunter22")]), "***");
}

/// White space before it is no part of what is quoted, and was of what is looked at.
#[test]
fn the_beginning_of_a_secret_is_not_all_that_is_looked_at() {
    for (before, shown) in [(" ", "…"), ("\0", "…"), ("word ", "word")] {
        for short in 1..16 {
            let ahead = before.repeat((65_536 - short) / before.len());
            let quoted = excerpt(
                &format!("{ahead}hunter22-hunter22"),
                200,
                &[Secret::new("hunter22-hunter22")],
            );
            assert!(quoted.starts_with(shown) && !quoted.contains('h'), "{quoted}");
        }
    }
}

proptest! {
    #[test]
    fn no_secret_survives(
        secret in "[!-~]{8,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}", way in 0_usize..40,
    ) {
        let written = &writings(&secret)[way];
        let masked = mask(&format!("{before} {written} {after}"), &[Secret::new(secret.clone())]);
        prop_assert!(!masked.contains(written.trim_matches('"')), "{written}: {masked}");
    }

    #[test]
    fn any_text_is_masked_without_a_panic(text in ".{0,80}", secret in ".{0,12}") {
        let masked = excerpt(&text, 60, &[Secret::new(secret)]);
        prop_assert!(masked.chars().count() <= 60);
    }
}
