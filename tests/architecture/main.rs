//! Holds the house to its floors: who may import whom, what a pure floor may not
//! name, how long a file may be, and that what a source cites exists.

mod imports;
mod source;

use std::path::Path;

use imports::{Imports, circles};
use source::{Source, sources};

/// Rooms and the floor each stands on; the vocabulary lies under them all.
const FLOORS: &[(&str, u8)] = &[
    ("cli", 11),
    ("publish", 10),
    ("report", 9),
    ("series", 8),
    ("resources", 8),
    ("preflight", 7),
    ("config", 6),
    ("engine", 6),
    ("import", 6),
    ("target", 6),
    ("input", 5),
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

/// Pages that a run writes, so that they aren't in the repository.
const WRITTEN: &[&str] = &["baseline.md", "summary.md"];

/// The longest file, its tests left out.
const LONGEST: usize = 450;

fn floor_of(room: &str) -> u8 {
    let floor = FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor);
    floor.unwrap_or_else(|| panic!("the room `{room}` has no floor: name it in FLOORS"))
}

/// The files of the product that belong to a room.
fn rooms() -> Vec<Source> {
    let of_a_room =
        |source: &Source| !source.is_test() && !matches!(source.room().as_str(), "lib" | "main");
    sources().into_iter().filter(of_a_room).collect()
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_imports_lower_floors_only() {
    let edges = Imports::read(&rooms()).edges();
    let mut wrong = Vec::new();
    for (from, to) in edges.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        let (Some(room), Some(other)) = (from.first(), to.first()) else { continue };
        let (floor, theirs) = (floor_of(room), floor_of(other));
        // The vocabulary is one room of several files.
        if room != other && theirs >= floor && !(floor == 0 && theirs == 0) {
            wrong.push(format!("{} imports {}", from.join("::"), to.join("::")));
        }
    }
    none(&wrong);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let edges = Imports::read(&rooms()).edges();
    let found = circles(&edges);
    let mut wrong = Vec::new();
    for circle in &found {
        for from in circle {
            let to = edges[from].intersection(circle).map(|to| to.join("::")).collect::<Vec<_>>();
            wrong.push(format!("{} imports {}", from.join("::"), to.join(", ")));
        }
        wrong.push(String::new());
    }
    none(&wrong);
}

#[test]
fn the_pure_floors_ask_the_world_nothing() {
    let mut wrong = Vec::new();
    for source in rooms() {
        if floor_of(&source.room()) > PURE {
            continue;
        }
        let code = source.product();
        for name in IMPURE {
            if code.contains(name) {
                wrong.push(format!("{}: names {name}", source.path.display()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn the_target_shares_nothing_with_what_it_tests() {
    let edges = Imports::read(&rooms()).edges();
    let foreign = ["scenario", "limits", "gate", "measure", "engine"];
    for (from, to) in edges.iter().filter(|(from, _)| from[0] == "target") {
        let found = to.iter().find(|to| foreign.contains(&to[0].as_str()));
        assert!(found.is_none(), "{from:?} imports {found:?}");
    }
}

/// What a scenario is asked of the catalogue; only its own file, the embedded target
/// and data files say its name.
#[test]
fn outside_its_file_nothing_names_a_scenario() {
    const NAMES: [&str; 5] =
        ["onboarding", "credential-vending", "credential_vending", "\"webhook\"", "/api/webhooks"];
    let mut wrong = Vec::new();
    for source in rooms() {
        if matches!(source.room().as_str(), "scenario" | "target") || source.is_test() {
            continue;
        }
        let before_tests = source.text.split("#[cfg(test)]\nmod tests {").next();
        for line in before_tests.unwrap_or_default().lines() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(name) = NAMES.iter().find(|name| code.contains(**name)) {
                wrong.push(format!("{} names {name}: {}", source.path.display(), line.trim()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_module_says_its_job_first() {
    for source in sources() {
        let says = source.text.starts_with("//! ");
        assert!(says, "{} has no module sentence", source.path.display());
    }
}

#[test]
fn only_the_command_line_prints_and_uses_anyhow() {
    for source in rooms().iter().filter(|source| source.room() != "cli") {
        let code = source.product();
        for name in ["println!", "eprintln!", "print!(", "anyhow"] {
            assert!(!code.contains(name), "{} uses {name}", source.path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_one_can_keep_in_mind() {
    let mut wrong = Vec::new();
    for source in rooms() {
        let lines = source.text.lines().count();
        let tests = source.text.split("#[cfg(test)]\nmod tests {").nth(1);
        let own = lines - tests.map_or(0, |tests| tests.lines().count());
        if own > LONGEST {
            wrong.push(format!("{}: {own} lines", source.path.display()));
        }
    }
    none(&wrong);
}

#[test]
fn sources_cite_only_documents_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for source in sources() {
        let comments = source.text.lines().filter(|line| line.trim_start().starts_with("//"));
        for line in comments {
            let words = line.split(|c: char| !(c.is_alphanumeric() || "./-_".contains(c)));
            for page in words
                .map(|word| word.trim_end_matches('.'))
                .filter(|w| w.rsplit_once('.').is_some_and(|(_, end)| end == "md"))
            {
                if !WRITTEN.contains(&page) && !root.join(page).is_file() {
                    wrong.push(format!("{}: {page}", source.path.display()));
                }
            }
        }
    }
    none(&wrong);
}
