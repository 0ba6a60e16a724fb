//! The mask: secrets told of and secrets known by their shape, however they are written.

use std::sync::LazyLock;

use super::forms::base64_cores;
use super::known::Secret;
use super::view::View;

/// What stands where a secret stood.
const MASK: &str = "***";

/// A known secret at least so long, in bytes, is no word: it is also found where white space
/// parts it, as a line that is wrapped does, among arguments and in what people write.
pub const NO_WORD: usize = 8;

/// The shortest secret that is looked for; shorter ones are in every text.
const SHORTEST: usize = 4;

/// Prefixes of secrets that are masked even when nobody told us of them, the
/// fewest characters that follow, and whether it must begin a word, because it
/// also stands within some (`task-1`).
const SHAPES: [(&str, usize, bool); 21] = [
    ("sk_live_", 1, false),
    ("sk_test_", 1, false),
    ("rk_live_", 1, false),
    ("rk_test_", 1, false),
    ("whsec_", 6, false),
    ("rsolv_", 6, false),
    ("github_pat_", 6, false),
    ("ghp_", 6, false),
    ("gho_", 6, false),
    ("ghs_", 6, false),
    ("ghu_", 6, false),
    ("ghr_", 6, false),
    ("glpat-", 6, false),
    ("xoxb-", 6, false),
    ("xoxp-", 6, false),
    ("shpat_", 6, false),
    ("rk_", 6, true),
    ("sk-", 6, true),
    ("akia", 12, true),
    ("asia", 12, true),
    (JWT, 20, true),
];

/// What begins a JSON object in base64, and so a JWT.
const JWT: &str = "eyj";
/// The fewest characters of a bearer token that a text of others gives away.
const SHORTEST_BEARER: usize = 8;

/// What may follow `bearer` in prose.
const PROSE: [&str; 18] = [
    "token",
    "tokens",
    "auth",
    "authentication",
    "authorization",
    "authorisation",
    "realm",
    "scheme",
    "credentials",
    "header",
    "is",
    "was",
    "not",
    "required",
    "expected",
    "missing",
    "invalid",
    "error",
];

/// `text` with every one of `known` (at least 4 characters long), everything shaped
/// like a secret and every bearer token replaced by `***`: written plainly, with the
/// escapes of JSON, URLs or HTML, in hexadecimal or base64, in either case, wrapped or not.
#[must_use]
pub fn mask(text: &str, known: &[Secret]) -> String {
    if text.len() < SHORTEST {
        return text.to_owned();
    }
    let mut spans = Vec::new();
    for view in View::all_of(text) {
        find_known(&view, text, known, SHORTEST, &mut spans);
        if let Some(joined) = view.joined().filter(|_| !known.is_empty()) {
            find_known(&joined, text, known, NO_WORD, &mut spans);
        }
        for (prefix, least, begins) in SHAPES {
            view.find_shape(prefix, least, begins, &mut |span| spans.push(span));
        }
        for core in SHAPES_IN_BASE64.iter() {
            view.find_exactly(core.as_bytes(), &mut |span| spans.push(whole_run(text, span)));
        }
        view.find_bearer(&PROSE, &mut |span| spans.push(span));
    }
    covered(text, spans)
}

/// Where `view` of `text` shows one of `known` that is at least so long.
fn find_known(
    view: &View,
    text: &str,
    known: &[Secret],
    least: usize,
    spans: &mut Vec<(usize, usize)>,
) {
    for secret in known.iter().filter(|secret| secret.expose().len() >= least) {
        let forms = secret.forms();
        for plain in &forms.plain {
            view.find(plain.as_bytes(), &mut |span| spans.push(span));
        }
        for core in &forms.base64 {
            let mut wide = |span| spans.push(whole_run(text, span));
            view.find_exactly(core.as_bytes(), &mut wide);
        }
    }
}

/// Whether `text` shows something shaped like a secret. Narrower than what is masked:
/// a mask may cover a word too many (`bearer bonds`, `sk-learn-pipelines`), a refusal
/// may not.
#[must_use]
pub fn shows_secret(text: &str) -> bool {
    let mut shown = false;
    let mixed = |part: &str| part.bytes().any(|b| b.is_ascii_digit());
    for view in View::all_of(text) {
        for (prefix, least, begins) in SHAPES {
            view.find_shape(prefix, least, begins, &mut |(from, to)| {
                let part = text.get(from..to).unwrap_or_default();
                let is_one = if prefix == JWT { part.contains('.') } else { mixed(part) };
                shown |= !begins || is_one;
            });
        }
        for core in SHAPES_IN_BASE64.iter() {
            view.find_exactly(core.as_bytes(), &mut |_| shown = true);
        }
        view.find_bearer(&PROSE, &mut |(from, to)| {
            let token = text.get(from..to).unwrap_or_default();
            shown |= token.len() >= SHORTEST_BEARER && mixed(token);
        });
    }
    shown
}

/// The longer prefixes in base64: what is only shaped like a secret may stand so too.
static SHAPES_IN_BASE64: LazyLock<Vec<String>> = LazyLock::new(|| {
    let long = SHAPES.iter().filter(|(prefix, ..)| prefix.len() > 5);
    long.flat_map(|(prefix, ..)| base64_cores(prefix.as_bytes())).collect()
});

/// `text` with `spans` of it masked.
fn covered(text: &str, mut spans: Vec<(usize, usize)>) -> String {
    spans.sort_unstable();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in spans {
        if end <= done {
            continue;
        }
        if start > done || masked.is_empty() || !masked.ends_with(MASK) {
            masked.push_str(text.get(done..start.max(done)).unwrap_or_default());
            masked.push_str(MASK);
        }
        done = end;
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    masked
}

/// The whole run of base64 digits that `span` is in: those at its ends hold parts
/// of the secret too.
fn whole_run(text: &str, (start, end): (usize, usize)) -> (usize, usize) {
    let digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let start = before.trim_end_matches(digit).len();
    (start, end + (after.len() - after.trim_start_matches(digit).len()))
}
