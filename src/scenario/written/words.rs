//! Words of checks that are nearly written: what was probably meant by them.

use super::template::TemplateError;

/// The types that JSON has.
pub(super) const TYPES: [&str; 7] =
    ["array", "object", "string", "number", "integer", "boolean", "null"];
/// Words beside the types.
const OTHERS: [&str; 3] = ["present", "absent", "nonempty"];
/// What others call these.
const CALLED: [(&str, &str); 11] = [
    ("int", "integer"),
    ("bool", "boolean"),
    ("str", "string"),
    ("num", "number"),
    ("float", "number"),
    ("double", "number"),
    ("exists", "present"),
    ("non-empty", "nonempty"),
    ("non_empty", "nonempty"),
    ("not empty", "nonempty"),
    ("notempty", "nonempty"),
];
/// Words of their own that are a letter away from one of these.
const PLAIN: [&str; 6] = ["spring", "strong", "sting", "prevent", "abject", "nil"];
/// Signs and words of comparisons that aren't ours, the longest first.
const SIGNS: [(&str, &str); 7] = [
    ("===", "="),
    ("!==", "!="),
    ("=<", "<="),
    ("=>", ">="),
    ("\u{2264}", "<="),
    ("\u{2265}", ">="),
    ("\u{2260}", "!="),
];
const RELATIONS: [(&str, &str); 15] = [
    ("less than", "<"),
    ("more than", ">"),
    ("greater than", ">"),
    ("at most", "<="),
    ("at least", ">="),
    ("lte", "<="),
    ("gte", ">="),
    ("lt", "<"),
    ("gt", ">"),
    ("le", "<="),
    ("ge", ">="),
    ("ne", "!="),
    ("eq", "="),
    ("under", "<"),
    ("over", ">"),
];
/// From this length on a word may be wrong in two letters.
const LONG: usize = 7;

/// What `word`, which is no word of checks, was probably meant to be.
fn meant(word: &str) -> Option<&'static str> {
    if let Some((_, sign)) = SIGNS.iter().find(|(other, _)| word.starts_with(other)) {
        return Some(sign);
    }
    let lower = word.to_lowercase();
    if let Some(known) = ["is an ", "is a ", "is ", "an ", "a "].iter().find_map(|before| {
        let rest = lower.strip_prefix(before)?;
        TYPES.into_iter().chain(OTHERS).find(|known| *known == rest)
    }) {
        return Some(known);
    }
    let compared = RELATIONS.iter().find(|(relation, _)| {
        let number = lower.strip_prefix(relation).and_then(|rest| rest.strip_prefix(' '));
        number.is_some_and(|number| number.trim().parse::<f64>().is_ok())
    });
    if let Some((_, sign)) = compared {
        return Some(sign);
    }
    if is_choice(&lower) {
        return Some("present");
    }
    if let Some(sign) = compares(&lower) {
        return Some(sign);
    }
    if let Some((_, word)) = CALLED.iter().find(|(called, _)| *called == lower) {
        return Some(word);
    }
    if PLAIN.contains(&lower.as_str()) || lower.len() > 2 * LONG {
        return None;
    }
    let near = TYPES.into_iter().chain(OTHERS).map(|known| {
        let most = if known.len() < LONG { 1 } else { 2 };
        (strsim::damerau_levenshtein(&lower, known), most, known)
    });
    let near = near.filter(|(distance, most, known)| {
        // Who mistypes a word mistypes its first letter last.
        distance <= most && lower.bytes().next() == known.bytes().next()
    });
    near.min_by_key(|(distance, ..)| *distance).map(|(.., known)| known)
}

/// Whether it names several types to choose from: `string | null`, `string or null`.
fn is_choice(word: &str) -> bool {
    let word = word.replace(" or ", "|").replace([',', '/'], "|");
    let parts = || word.split('|').map(str::trim);
    let known =
        |part: &str| TYPES.contains(&part) || CALLED.iter().any(|(called, _)| *called == part);
    parts().count() > 1 && parts().all(known)
}

/// The sign in the middle of a comparison (`x < 5`), or after its number (`5 >`), where it
/// stands the other way round.
fn compares(word: &str) -> Option<&'static str> {
    let turned = [(">=", "<="), ("<=", ">="), (">", "<"), ("<", ">")];
    if let Some((number, sign)) =
        turned.into_iter().find_map(|(sign, turned)| Some((word.strip_suffix(sign)?, turned)))
    {
        return number.trim().parse::<f64>().is_ok().then_some(sign);
    }
    let mut parts = word.split_whitespace();
    let (Some(left), Some(sign), Some(right), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let number = |part: &str| part.parse::<f64>().is_ok();
    let sign = ["<", "<=", ">", ">="].into_iter().find(|known| *known == sign)?;
    (number(left) || number(right)).then_some(sign)
}

/// That the whole of `text`, a condition, is probably another, if it is.
pub(super) fn misspelt(text: &str) -> Option<TemplateError> {
    let word = text.trim();
    // After `=` any text is meant as it stands.
    if word.strip_prefix('=').is_some_and(|rest| !rest.starts_with(['=', '<', '>'])) {
        return None;
    }
    let meant = meant(word)?;
    Some(TemplateError {
        span: 0..text.len(),
        message: format!("`{word}` reads like `{meant}`, and isn't it"),
        known: vec![meant.to_owned(), format!("= {word}")],
        word: meant.to_owned(),
    })
}
