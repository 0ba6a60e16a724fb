//! Reads which file uses which: `use` trees with their groups, paths in the code, and what façades hand on.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

/// A path as written: its segments, and the name that a `use` binds it to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    segments: Vec<String>,
    /// `Some` of a `use`: the name it can be had by here.
    bound: Option<String>,
}

/// Every import between the files of a crate.
pub(crate) struct Imports {
    /// Module path (`["cli", "run"]`) of each file, and what it writes.
    files: BTreeMap<Vec<String>, Vec<Path>>,
}

impl Imports {
    pub(crate) fn read(sources: &[Source]) -> Self {
        let files = sources.iter().map(|source| (source.module(), paths(&source.product())));
        Self { files: files.collect() }
    }

    /// Which modules each module uses an item of, itself left out.
    pub(crate) fn edges(&self) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
        let of = |module: &Vec<String>, paths: &Vec<Path>| {
            let found = paths.iter().filter_map(|path| self.owner(module, &path.segments, 0));
            found.filter(|owner| owner != module).collect::<BTreeSet<_>>()
        };
        self.files.iter().map(|(module, paths)| (module.clone(), of(module, paths))).collect()
    }

    /// The module in whose file the item that `segments` name from `here` is written.
    fn owner(&self, here: &[String], segments: &[String], depth: usize) -> Option<Vec<String>> {
        if depth > 16 {
            return None;
        }
        let mut at = match segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => here.to_vec(),
            "super" => here.split_last()?.1.to_vec(),
            first => {
                // A child by its bare name, or something from outside.
                let child: Vec<_> = here.iter().cloned().chain([first.to_owned()]).collect();
                if segments.len() < 2 || !self.files.contains_key(&child) {
                    return None;
                }
                child
            }
        };
        for (i, segment) in segments.iter().enumerate().skip(1) {
            if segment == "super" {
                at.pop()?;
                continue;
            }
            let child: Vec<_> = at.iter().cloned().chain([segment.clone()]).collect();
            if self.files.contains_key(&child) {
                at = child;
                continue;
            }
            // Handed on by a façade? Then its owner is who counts.
            let handed = self.files.get(&at)?.iter().find(|path| {
                path.bound.as_ref() == Some(segment) && path.segments.last().is_some()
            });
            if let Some(path) = handed {
                let rest = segments.get(i + 1..).unwrap_or_default();
                let whole: Vec<_> = path.segments.iter().chain(rest).cloned().collect();
                return self.owner(&at, &whole, depth + 1).or(Some(at));
            }
            break;
        }
        Some(at)
    }
}

/// Every circle: modules that can reach themselves, each circle once.
pub(crate) fn circles(
    edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
) -> BTreeSet<BTreeSet<Vec<String>>> {
    let reach: BTreeMap<_, _> = edges.keys().map(|from| (from, reachable(edges, from))).collect();
    let mutual = |from: &Vec<String>| {
        let theirs =
            reach[from].iter().filter(|to| reach.get(to).is_some_and(|r| r.contains(from)));
        theirs.cloned().collect::<BTreeSet<_>>()
    };
    edges.keys().map(mutual).filter(|circle| !circle.is_empty()).collect()
}

fn reachable(
    edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    from: &[String],
) -> BTreeSet<Vec<String>> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(here) = next.pop() {
        for to in edges.get(&here).into_iter().flatten() {
            if seen.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    seen
}

/// Every path that code writes: of its `use` items and elsewhere.
fn paths(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let (mut found, mut i) = (Vec::new(), 0);
    // Depths of braces at which a module within the file was opened.
    let (mut depth, mut modules) = (0_usize, Vec::new());
    while let Some(token) = tokens.get(i) {
        let before = i.checked_sub(1).and_then(|i| tokens.get(i)).map(String::as_str);
        let first = found.len();
        match token.as_str() {
            "{" => {
                let opens =
                    i.checked_sub(2).and_then(|i| tokens.get(i)).is_some_and(|t| t == "mod");
                if opens {
                    modules.push(depth);
                }
                depth += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                modules.pop_if(|opened| *opened == depth);
            }
            _ => {}
        }
        // `use<'a>` says what a type captures.
        let captures = tokens.get(i + 1).is_some_and(|next| next == "<");
        if token == "use" && !captures && !matches!(before, Some("::" | ".")) {
            i = tree(&tokens, i + 1, &mut Vec::new(), &mut found);
        } else if is_name(token) && !matches!(before, Some("::" | "in")) {
            let mut segments = vec![token.clone()];
            while tokens.get(i + 1).is_some_and(|t| t == "::")
                && tokens.get(i + 2).is_some_and(|t| is_name(t))
            {
                segments.extend(tokens.get(i + 2).cloned());
                i += 2;
            }
            if segments.len() > 1 {
                found.push(Path { segments, bound: None });
            }
            i += 1;
        } else {
            i += 1;
        }
        for path in found.get_mut(first..).unwrap_or_default() {
            out_of(&mut path.segments, modules.len());
        }
    }
    found
}

/// From a module within the file, so many deep, to the file's own.
fn out_of(segments: &mut Vec<String>, depth: usize) {
    let supers = segments.iter().take_while(|segment| *segment == "super").count().min(depth);
    if supers > 0 {
        segments.splice(..supers, ["self".to_owned()]);
    }
}

/// One `use` tree from `i`, under `prefix`; where it ends.
fn tree(tokens: &[String], mut i: usize, prefix: &mut Vec<String>, found: &mut Vec<Path>) -> usize {
    let length = prefix.len();
    while let Some(token) = tokens.get(i) {
        match token.as_str() {
            "::" => i += 1,
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|t| t != "}") {
                    i = tree(tokens, i, prefix, found);
                    if tokens.get(i).is_some_and(|t| t == ",") {
                        i += 1;
                    }
                }
                prefix.truncate(length);
                return i + 1;
            }
            "," | ";" | "}" => break,
            "as" => {
                let bound = tokens.get(i + 1).cloned();
                found.push(Path { segments: prefix.clone(), bound });
                prefix.truncate(length);
                return i + 2;
            }
            name => {
                prefix.push(name.to_owned());
                i += 1;
            }
        }
    }
    let mut segments = prefix.clone();
    if segments.last().is_some_and(|last| last == "self") && segments.len() > 1 {
        segments.pop();
    }
    if let Some(last) = segments.last().cloned() {
        found.push(Path { segments, bound: Some(last) });
    }
    prefix.truncate(length);
    i
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and every other character by itself.
fn tokens(code: &str) -> Vec<String> {
    let (mut found, mut chars) = (Vec::new(), code.chars().peekable());
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut name = String::from(c);
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                name.push(c);
            }
            found.push(name);
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            found.push("::".to_owned());
        } else if !c.is_whitespace() {
            found.push(c.to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn crate_of(files: &[(&str, &str)]) -> Imports {
        let sources: Vec<_> =
            files.iter().map(|(path, text)| Source::new(path, (*text).to_owned())).collect();
        Imports::read(&sources)
    }

    fn edges(files: &[(&str, &str)], from: &str) -> Vec<String> {
        let from: Vec<String> = from.split("::").map(str::to_owned).collect();
        crate_of(files).edges()[&from].iter().map(|module| module.join("::")).collect()
    }

    const FILES: [(&str, &str); 4] = [
        ("a/mod.rs", "mod one;\npub use one::One;\npub mod two;"),
        ("a/one.rs", "pub struct One;"),
        ("a/two.rs", "pub fn two() {}"),
        ("b.rs", ""),
    ];

    fn with(text: &str) -> Vec<String> {
        let mut files = FILES.to_vec();
        files.push(("a/three.rs", text));
        edges(&files, "a::three")
    }

    #[test]
    fn groups_nested_groups_and_new_names_are_seen() {
        assert_eq!(
            with("use crate::{a::{One, two::{self, two as t}}, b};"),
            ["a::one", "a::two", "b"]
        );
        assert_eq!(with("use super::{One as Uno, two};"), ["a::one", "a::two"]);
        assert_eq!(with("use super::super::b::thing;"), ["b"]);
    }

    #[test]
    fn paths_in_the_code_count_comments_text_and_tests_do_not() {
        let captures = "fn f(x: &u8) -> impl Fn() + use<'_> { let _ = x; super::two::two }";
        assert_eq!(with(captures), ["a::two"]);
        assert_eq!(with("fn f() { super::two::two(); }"), ["a::two"]);
        assert_eq!(
            with("// crate::b\nconst T: &str = \"crate::b\";\nfn f<'a>(x: &'a str) {}"),
            [""; 0]
        );
        assert_eq!(with("#[cfg(test)]\nmod tests { use crate::b::X; }"), [""; 0]);
        assert_eq!(with("#[cfg(test)]\nuse crate::b::X;\nuse super::One;"), ["a::one"]);
    }

    #[test]
    fn circles_are_found_through_a_facade() {
        let files = [
            ("a/mod.rs", "mod x;\nmod y;\npub use y::Y;"),
            ("a/x.rs", "use super::Y;"),
            ("a/y.rs", "use super::x::X;"),
        ];
        let found = circles(&crate_of(&files).edges());
        let names: Vec<Vec<String>> =
            found.iter().map(|circle| circle.iter().map(|m| m.join("::")).collect()).collect();
        assert_eq!(names, [["a::x", "a::y"]]);
        assert!(circles(&crate_of(&FILES).edges()).is_empty());
    }
}
