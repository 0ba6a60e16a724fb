//! `load-gate compare`: two runs, statistically.

use std::path::Path;

use super::args::{CompareArgs, FailOn};
use super::inputs;
use super::world::{INCONCLUSIVE, UsageError, World};
use crate::gate::VerdictKind;
use crate::publish::files;
use crate::report;
use crate::suite::{self, SuiteComparison};

/// Compares and tells; exit code 0, or 2 where the runs aren't comparable, or 3
/// where the page couldn't be written. With `--fail-on higher` 1 where anything is worse for
/// certain, and 3 where nothing could be compared.
pub(super) fn compare(args: &CompareArgs, world: &World) -> anyhow::Result<u8> {
    let base = inputs::read_suite(&args.base)?;
    let new = inputs::read_suite(&args.new)?;
    for (path, suite) in [(&args.base, &base), (&args.new, &new)] {
        for caveat in &suite.caveats {
            world.output.error(&format!("{}: {caveat}", path.display()));
        }
    }
    let comparison = suite::compare_suites(&base, &new, args.anyway).map_err(|error| {
        UsageError::Plain(format!("{error}; --anyway compares them all the same"))
    })?;
    if args.json {
        world.output.result(&serde_json::to_string_pretty(&comparison)?);
    } else {
        world.output.result(&report::compare_text(&comparison, world.output.style()));
    }
    let beside = || {
        let dir = if args.new.is_dir() { Some(args.new.as_path()) } else { args.new.parent() };
        dir.unwrap_or_else(|| Path::new("")).join("compare.html")
    };
    let page = args.page.clone().unwrap_or_else(beside);
    let kept = files::write(&page, report::compare_html(&comparison, &base, &new).as_bytes());
    match &kept {
        Ok(()) => world.output.note(&format!("page: {}", page.display())),
        Err(error) => world.output.error(&error.to_string()),
    }
    let code = match args.fail_on {
        Some(FailOn::Higher) => higher(&comparison).exit_code(),
        None => 0,
    };
    // What differs was told; but who wanted the page hasn't got it.
    Ok(if code == 0 && kept.is_err() && args.page.is_some() { INCONCLUSIVE } else { code })
}

/// What `--fail-on higher` makes of a comparison.
fn higher(comparison: &SuiteComparison) -> VerdictKind {
    if comparison.is_worse() {
        VerdictKind::Fail
    } else if comparison.figures_compared == 0 {
        VerdictKind::Inconclusive
    } else {
        VerdictKind::Pass
    }
}
