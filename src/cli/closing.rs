//! The end of every command that judges a run: its files, and the last words.

use super::baseline::Earlier;
use super::delivery::{self, Delivery};
use super::interrupts::Interrupts;
use super::results::Results;
use super::shard;
use super::world::World;
use crate::publish::files;
use crate::report::{self, EarlierRuns};
use crate::suite::{History, SuiteReport};
use crate::units::counted;

/// All that the end of a command needs beside its report.
pub(super) struct Closing<'a> {
    pub(super) earlier: Earlier,
    pub(super) baseline: Option<&'a SuiteReport>,
    /// Whom to tell on GitHub, of a step.
    pub(super) delivery: Option<&'a Delivery>,
    pub(super) verbose: bool,
    pub(super) results: &'a Results,
    pub(super) interrupts: &'a Interrupts,
    pub(super) world: &'a World,
}

impl Closing<'_> {
    /// Keeps `report` and tells of it; the exit code. Whoever interrupts before that is
    /// decided takes a pass back, on disk and in the step's outputs; `before` says when, of an
    /// interrupt that has come already.
    pub(super) fn close(&self, report: &mut SuiteReport, before: &str) -> u8 {
        self.heed(report, before);
        if code(report) == 0 {
            // From here on the disk may say so.
            self.interrupts.stands(0);
        }
        let mut history = self.keep(report);
        if self.heed(report, "interrupted while its reports were written") {
            history = self.replace(report);
        }
        self.interrupts.stands(code(report));
        self.summarise(report);
        self.step(report, &history);
        if let Some(delivery) = self.delivery.filter(|_| report.shard.is_none()) {
            let (options, token) = (&delivery.publish, delivery.token.as_ref());
            let (past, stop) = (self.past(&history), &self.interrupts.stop);
            delivery::github(report, past, options, token, stop, self.world);
        }
        // What isn't a pass stays what it is, whoever interrupts now.
        if code(report) == 0 && !self.interrupts.stop.close() {
            self.heed(report, "interrupted while it was published");
            let history = self.replace(report);
            self.step(report, &history);
            self.interrupts.stands(code(report));
            self.summarise(report);
        }
        code(report)
    }

    /// Takes a pass back where somebody has interrupted; whether it did.
    fn heed(&self, report: &mut SuiteReport, when: &str) -> bool {
        let takes_back = code(report) == 0 && self.interrupts.stop.is_interrupted();
        if takes_back {
            report.doubt(when.to_owned());
        }
        takes_back
    }

    fn past<'a>(&'a self, history: &'a History) -> EarlierRuns<'a> {
        EarlierRuns { baseline: self.baseline, history: Some(history) }
    }

    /// Writes every file of `report`, whose pass it takes back where one can't be kept. The
    /// nights up to this run.
    fn keep(&self, report: &mut SuiteReport) -> History {
        let history = self.earlier.clone().and(report);
        let problems = self.results.write(report, self.past(&history), &self.interrupts.stop);
        if problems.is_empty() {
            return history;
        }
        not_kept(report, &problems, self.results, self.world);
        self.replace(report)
    }

    /// Writes every file of a report that has changed.
    fn replace(&self, report: &SuiteReport) -> History {
        let history = self.earlier.clone().and(report);
        self.results.replace(report, self.past(&history), &self.interrupts.stop);
        history
    }

    /// The last words.
    fn summarise(&self, report: &SuiteReport) {
        if report.shard.is_some() {
            shard::summarise(report, self.results, self.world);
        } else {
            summarise(report, self.results, self.verbose, self.world);
        }
    }

    /// A step's own channels.
    fn step(&self, report: &SuiteReport, history: &History) {
        if self.delivery.is_none() {
            return;
        }
        let (code, results, world) = (code(report), self.results, self.world);
        if report.shard.is_some() {
            delivery::part(report, code, results, world);
        } else {
            delivery::step(report, self.past(history), code, results, world);
        }
    }
}

fn code(report: &SuiteReport) -> u8 {
    if report.shard.is_some() { shard::exit_code(report) } else { report.verdict.exit_code() }
}

/// Says what couldn't be written, keeps suite.json in a second place, and takes back a
/// pass: nobody could look at what it stands on.
pub(super) fn not_kept(
    report: &mut SuiteReport,
    problems: &[String],
    results: &Results,
    world: &World,
) {
    for problem in problems {
        world.output.error(problem);
    }
    let (dir, files) = (results.dir().display(), counted(problems.len() as u64, "file"));
    report.doubt(format!("what was measured could not be kept: {files} not written to {dir}"));
    let content = report::suite_json(report);
    let said = match files::write_aside("suite.json", content.as_bytes()) {
        Ok(path) => format!("suite.json is kept at {}", path.display()),
        Err(why) => format!("suite.json can't be kept elsewhere either: {why}"),
    };
    world.output.error(&said);
}

/// The last words: the summary, and where the rest is.
fn summarise(report: &SuiteReport, results: &Results, verbose: bool, world: &World) {
    world.output.result(&report::summary_text(report, world.output.style().verbose(verbose)));
    world.output.result(&format!("\nresults: {}", results.dir().display()));
    if let Some(url) = &report.context.dashboard {
        world.output.result(&format!("dashboard: {url}"));
    }
}
