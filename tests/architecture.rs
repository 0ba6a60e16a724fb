//! Holds the house to its floors: reads every `crate::` path and every call that
//! a pure floor may not make.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rooms and the floor each stands on; the vocabulary lies under them all.
const FLOORS: &[(&str, u8)] = &[
    ("cli", 9),
    ("publish", 8),
    ("report", 7),
    ("preflight", 6),
    ("config", 5),
    ("engine", 5),
    ("target", 5),
    ("suite", 4),
    ("plan", 3),
    ("gate", 2),
    ("measure", 1),
    ("limits", 1),
    ("scenario", 1),
    ("units", 0),
    ("outcome", 0),
    ("tags", 0),
    ("secret", 0),
    ("ids", 0),
    ("admission", 0),
];

/// Floors up to this one do no I/O and read no clock, environment or chance.
const PURE: u8 = 4;

/// What a pure floor must not so much as name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "tokio::",
    "reqwest",
    "rand::rng(",
    "rand::rng;",
    "rand::random",
    "std::io::stdout",
];

fn sources() -> Vec<(String, PathBuf, String)> {
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
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).expect("under src");
            let first = inside.components().next().expect("a name").as_os_str();
            let room = first.to_string_lossy().trim_end_matches(".rs").to_owned();
            let text = std::fs::read_to_string(&path).expect("source is readable");
            (room, path, text)
        })
        .collect()
}

/// The code of a file without its comments and without its tests.
fn product(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let code = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests" || stem == "fixtures")
        || path.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn every_room_imports_lower_floors_only() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        if matches!(room.as_str(), "lib" | "main") || is_test_file(&path) {
            continue;
        }
        let floor = floors.get(room.as_str());
        let floor =
            floor.unwrap_or_else(|| panic!("the room `{room}` has no floor: name it in FLOORS"));
        for part in product(&text).split("crate::").skip(1) {
            let other: String =
                part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(theirs) = floors.get(other.as_str()) else { continue };
            if other != room && theirs >= floor && *floor > 0 {
                wrong.push(format!("{}: {room} imports {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_floors_ask_the_world_nothing() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        if floors.get(room.as_str()).is_none_or(|floor| *floor > PURE) || is_test_file(&path) {
            continue;
        }
        let code = product(&text);
        for name in IMPURE {
            if code.contains(name) {
                wrong.push(format!("{}: names {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_target_shares_nothing_with_what_it_tests() {
    for (room, path, text) in sources() {
        if room == "target" {
            for other in ["scenario", "limits", "gate", "measure", "engine"] {
                let import = format!("crate::{other}");
                assert!(!text.contains(&import), "{} imports {other}", path.display());
            }
        }
    }
}

#[test]
fn every_module_says_its_job_first() {
    for (_, path, text) in sources() {
        assert!(text.starts_with("//! "), "{} has no module sentence", path.display());
    }
}

#[test]
fn only_the_command_line_prints_and_uses_anyhow() {
    for (room, path, text) in sources() {
        if room == "cli" || room == "main" || is_test_file(&path) {
            continue;
        }
        let code = product(&text);
        for name in ["println!", "eprintln!", "print!(", "anyhow"] {
            assert!(!code.contains(name), "{} uses {name}", path.display());
        }
    }
}
