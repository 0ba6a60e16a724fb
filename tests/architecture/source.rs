//! The sources as the house is held to them: their place, and their code without comments, texts and tests.

use std::path::{Path, PathBuf};

/// A file of `src/`.
pub(crate) struct Source {
    /// Under `src/`.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: String) -> Self {
        Self { path: path.into(), text }
    }

    /// `["cli", "run"]`; of a `mod.rs` the folder's.
    pub(crate) fn module(&self) -> Vec<String> {
        let whole = self.path.with_extension("");
        let mut parts: Vec<_> = whole
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
            parts.pop();
        }
        parts
    }

    /// The first part of its module.
    pub(crate) fn room(&self) -> String {
        self.module().first().cloned().unwrap_or_else(|| "lib".to_owned())
    }

    /// Its code without comments, texts and what is there for tests only.
    pub(crate) fn product(&self) -> String {
        without_tests(&bare(&self.text))
    }

    /// Whether it is a test itself.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.path.components().map(|part| part.as_os_str().to_string_lossy());
        parts
            .any(|part| matches!(part.trim_end_matches(".rs"), "tests" | "fixtures" | "simulation"))
    }
}

/// Every source, in the order of their paths.
pub(crate) fn sources() -> Vec<Source> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("src is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("source is readable");
        Source::new(path.strip_prefix(&root).expect("under src"), text)
    };
    found.into_iter().map(source).collect()
}

/// The code with comments and what stands between quotes left out; lines stay lines.
pub(crate) fn bare(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut kept, mut i) = (String::with_capacity(text.len()), 0);
    while i < chars.len() {
        let at = |n: usize| chars.get(i + n).copied().unwrap_or(' ');
        let end = match (chars[i], at(1)) {
            ('/', '/') => line_end(&chars, i),
            ('/', '*') => comment_end(&chars, i),
            ('"', _) => text_end(&chars, i),
            ('r', '"' | '#') if !within_name(&chars, i) => raw_end(&chars, i).unwrap_or(i),
            // A character; a lifetime has no quote after its first letter.
            ('\'', '\\') => (i + 2..chars.len())
                .find(|n| chars[n + 1..].starts_with(&['\'']))
                .map_or(i, |n| n + 2),
            ('\'', _) if at(2) == '\'' => i + 3,
            _ => i,
        };
        if end == i {
            kept.push(chars[i]);
            i += 1;
        } else {
            kept.extend(chars[i..end.min(chars.len())].iter().filter(|c| **c == '\n'));
            kept.push(' ');
            i = end;
        }
    }
    kept
}

fn within_name(chars: &[char], i: usize) -> bool {
    i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_') && chars[i - 1] != 'b'
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len())
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let ends = |i: &usize| chars[*i] == '*' && chars.get(i + 1) == Some(&'/');
    (from + 2..chars.len()).find(ends).map_or(chars.len(), |i| i + 2)
}

fn text_end(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn raw_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let ends = |i: &usize| {
        chars[*i] == '"'
            && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some((open + 1..chars.len()).find(ends).map_or(chars.len(), |i| i + 1 + hashes))
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let (mut kept, mut rest) = (String::new(), code);
    while let Some(start) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(start);
        kept.push_str(before);
        rest = item.get(item_length(item)..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

/// Until the `;` or the closing brace that ends the item.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (i, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => {
                // A group of a `use` ends with a semicolon.
                let after = &item[i + 1..];
                return i + 1 + usize::from(after.starts_with(';'));
            }
            '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    item.len()
}
