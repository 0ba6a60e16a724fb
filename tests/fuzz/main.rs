//! The fuzz targets as property tests: every seed, and mutations of the seeds.

mod targets;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Mutations tried of each target.
const CASES: u32 = 192;

fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("tests/fuzz/seeds").join(name)];
    if name == "config" {
        folders.extend(["examples/scenarios", "load_tests"].map(|folder| root.join(folder)));
    }
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("is there"));
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("is listed").path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    assert!(!files.is_empty(), "{name} has no seeds");
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("reads"))).collect()
}

/// One change: where, how much, what.
type Change = (prop::sample::Index, usize, u8, Vec<u8>);

fn change(bytes: &mut Vec<u8>, (at, length, kind, piece): &Change) {
    if bytes.is_empty() {
        bytes.extend_from_slice(piece);
        return;
    }
    let at = at.index(bytes.len());
    let end = (at + length).min(bytes.len());
    match kind % 5 {
        0 => bytes[at] ^= 1 << (length % 8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let again: Vec<u8> = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        3 => drop(bytes.splice(at..end, piece.iter().copied())),
        _ => drop(bytes.splice(at..at, piece.iter().copied())),
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "0",
        "-1",
        "18446744073709551615",
        "1e999",
        "null",
        "[]",
        "{}",
        "\"\"",
        "{data.term}",
        "\\u0000",
        "\n",
        "<",
        "p(95)",
        "\u{202e}",
        "%25",
        "é",
        "[[",
        "'''",
        "= ",
        "$..",
        "\u{0}",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

#[expect(clippy::print_stdout, reason = "a broken target is told with its seed")]
fn hold(name: &str) {
    let (_, target) = targets::ALL.into_iter().find(|(known, _)| *known == name).expect("is one");
    let seeds = seeds(name);
    for (path, seed) in &seeds {
        println!("{}", path.display());
        target(seed);
    }
    // The same cases in every run.
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..Config::default()
    };
    let changes =
        prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, 0_u8..5, piece()), 1..6);
    let which = prop::sample::select(seeds.into_iter().map(|(_, seed)| seed).collect::<Vec<_>>());
    let tried = TestRunner::new(config).run(&(which, changes), |(mut bytes, changes)| {
        for one in &changes {
            change(&mut bytes, one);
        }
        target(&bytes);
        Ok(())
    });
    tried.unwrap_or_else(|failed| panic!("{name}: {failed}"));
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { hold(stringify!($name)); })*

        #[test]
        fn every_target_is_tried() {
            assert_eq!(targets::ALL.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

targets! { config suite histogram threshold answer headers github written text import wire }
