//! How a value is written where it stands: in a path, a query, a form or a header.

/// Everything but RFC 3986's unreserved characters as %XX: a value can't leave its
/// place in a path, a query or a form.
pub(super) fn percent(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let hex = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
}

/// The same for a path, where a segment of dots alone leads upward.
pub(super) fn segment(value: &str, out: &mut String) {
    match value {
        "." | ".." => out.push_str(&value.replace('.', "%2E")),
        _ => percent(value, out),
    }
}

/// A value for a header: without control characters, which would end the line.
pub(super) fn header(value: &str, out: &mut String) {
    out.extend(value.chars().filter(|c| !c.is_control()));
}

/// A value as it stands.
pub(super) fn plain(value: &str, out: &mut String) {
    out.push_str(value);
}
