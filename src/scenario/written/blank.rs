//! Templates as who looks for secrets in them sees them: without what is filled in.

/// What stands for a placeholder: part of no secret.
pub const FILLED: char = '\u{1}';

/// `template` with its doubled braces single and each of its placeholders one [`FILLED`];
/// `of_name` tells what characters a placeholder's inside may have.
#[must_use]
pub fn blanked(template: &str, of_name: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = rest.find('}').unwrap_or_default();
        if rest.starts_with('{') && length > 1 && rest[1..length].chars().all(&of_name) {
            out.push(FILLED);
            rest = &rest[length + 1..];
            continue;
        }
        out.push_str(&rest[..1]);
        let doubled = rest.starts_with("{{") || rest.starts_with("}}");
        rest = &rest[1 + usize::from(doubled)..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_one_character_and_doubled_braces_one() {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '.';
        for (template, seen) in [
            ("a{data.x}b", "a\u{1}b"),
            ("{{n}}", "{n}"),
            ("{}{a b}{", "{}{a b}{"),
            ("é{n}}", "é\u{1}}"),
        ] {
            assert_eq!(blanked(template, name), seen, "{template}");
        }
    }
}
