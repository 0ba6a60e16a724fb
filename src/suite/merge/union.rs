//! The shards of one run become the report on the whole, one after another.

use std::collections::BTreeMap;

use super::roster::{CommonClock, Roster};
use crate::gate;
use crate::measure::{Absent, Ended, Merger, Recording, ShardRow, Shards};
use crate::plan::{Plan, Schedule};
use crate::suite::{ScenarioReport, SuiteReport, series};
use crate::units::{Nanos, count};

/// The most sentences of shards that a whole repeats, of a kind.
const MOST_SENTENCES: usize = 20;

/// Sentences of shards, each once.
#[derive(Debug, Default)]
struct Said {
    /// How many said it, and the first of those.
    sentences: BTreeMap<String, (u32, u32)>,
    /// How often another was said that isn't kept.
    more: u64,
}

impl Said {
    fn add(&mut self, sentences: Vec<String>, shard: u32) {
        for sentence in sentences {
            if let Some((n, _)) = self.sentences.get_mut(&sentence) {
                *n += 1;
            } else if self.sentences.len() < MOST_SENTENCES {
                self.sentences.insert(sentence, (1, shard));
            } else {
                self.more += 1;
            }
        }
    }

    /// As the whole says it, of `all` shards.
    fn told(self, all: u32) -> Vec<String> {
        let told = |(text, (n, first)): (String, (u32, u32))| match n {
            n if n == all => text,
            1 => format!("shard {first}: {text}"),
            n => format!("{} shards: {text}", count(u64::from(n))),
        };
        let mut sentences: Vec<String> = self.sentences.into_iter().map(told).collect();
        if self.more > 0 {
            let more = count(self.more);
            sentences
                .push(format!("{more} more sentences of single shards stand in their results"));
        }
        sentences
    }
}

/// A whole that grows shard by shard; what it holds doesn't grow with their number, but
/// for a row of figures each.
#[derive(Debug)]
pub struct Union {
    roster: Roster,
    allowed: u32,
    /// The first shard, its scenarios taken out.
    suite: Option<SuiteReport>,
    scenarios: Vec<Growing>,
    /// How many were added.
    added: u32,
    /// What shards had to say, what weakens all that they say, and what they know against
    /// their own results.
    notices: Said,
    caveats: Said,
    doubts: Said,
}

/// One scenario of it.
#[derive(Debug)]
struct Growing {
    plan: Plan,
    clock: CommonClock,
    /// Shards that are counted.
    counted: Merger,
    /// Shards that didn't come to their end: all there is, where none is counted.
    cut_short: Merger,
    rows: Vec<ShardRow>,
    cut: Vec<Absent>,
}

impl Union {
    /// Nothing yet, of the run of `roster`; so many shards may be absent.
    #[must_use]
    pub fn new(roster: Roster, allowed: u32) -> Self {
        Self {
            roster,
            allowed,
            suite: None,
            scenarios: Vec::new(),
            added: 0,
            notices: Said::default(),
            caveats: Said::default(),
            doubts: Said::default(),
        }
    }

    /// Adds a member of the roster, called `name` where it turns out to be none.
    pub fn add(&mut self, name: &str, mut shard: SuiteReport) {
        let Some(part) = shard.shard.take() else { return };
        let index = part.shard.index();
        let scenarios = std::mem::take(&mut shard.scenarios);
        if let Some(suite) = &mut self.suite {
            let count =
                || (self.scenarios.len() != scenarios.len()).then(|| "other scenarios".to_owned());
            let fits = self.scenarios.iter().zip(&scenarios).find_map(misfit).or_else(count);
            if let Some(why) = differs(suite, &shard).or(fits) {
                self.roster.strangers.push(format!("{name} contradicts the other shards: {why}"));
                return;
            }
            suite.started_at = suite.started_at.min(shard.started_at);
            suite.finished_at = suite.finished_at.max(shard.finished_at);
            suite.allow_skip &= shard.allow_skip;
        } else {
            let clocks = &self.roster.clocks;
            let growing = |report: &ScenarioReport| {
                let clock = clocks.get(&report.plan.scenario).copied();
                Growing::new(report, clock)
            };
            self.scenarios = scenarios.iter().map(growing).collect();
        }
        self.added += 1;
        self.notices.add(std::mem::take(&mut shard.notices), index);
        self.caveats.add(std::mem::take(&mut shard.caveats), index);
        self.doubts.add(std::mem::take(&mut shard.doubts), index);
        for (growing, report) in self.scenarios.iter_mut().zip(scenarios) {
            growing.add(index, report.recording);
        }
        self.suite.get_or_insert(shard);
    }

    /// What is compared with what: the series that its nights belong to; empty: nothing
    /// was added.
    #[must_use]
    pub fn series(&self) -> String {
        let of = |suite: &SuiteReport| {
            let (rate, duration) = (suite.rate_scale, suite.duration_scale);
            series(&suite.environment.name, &suite.profile, rate, duration)
        };
        self.suite.as_ref().map(of).unwrap_or_default()
    }

    /// Tells of something that was given and can't be added.
    pub fn leave_out(&mut self, why: String) {
        self.roster.strangers.push(why);
    }

    /// The whole, judged; thresholds relative to a baseline look into `baseline`, without
    /// which they are inconclusive where it is `required`. `None`: nothing was added.
    #[must_use]
    pub fn finish(mut self, baseline: Option<&SuiteReport>, required: bool) -> Option<SuiteReport> {
        for growing in &mut self.scenarios {
            growing.plan.criteria.baseline_required |= required;
        }
        let mut suite = self.suite?;
        let shards = Shards {
            of: self.roster.part.shard.of(),
            allowed: self.allowed,
            strangers: self.roster.strangers,
            cut: self.roster.cut,
            rows: Vec::new(),
        };
        let merged = self.scenarios.into_iter().map(|growing| growing.finish(&shards, baseline));
        suite.scenarios = merged.collect();
        suite.notices = self.notices.told(self.added);
        suite.caveats = self.caveats.told(self.added);
        suite.doubts = self.doubts.told(self.added);
        suite.weigh();
        Some(suite)
    }
}

/// In what a shard says that it was run otherwise than the first, if in anything.
fn differs(first: &SuiteReport, shard: &SuiteReport) -> Option<String> {
    let (own, other) = (&first.environment, &shard.environment);
    // Each machine has a target of its own then.
    let embedded = own.embedded && other.embedded;
    let parts = [
        ("seed", first.seed.to_string(), shard.seed.to_string()),
        ("environment", own.name.clone(), other.name.clone()),
        ("URL", own.url.clone(), if embedded { own.url.clone() } else { other.url.clone() }),
        ("profile", first.profile.clone(), shard.profile.clone()),
        ("rate-scale", first.rate_scale.to_string(), shard.rate_scale.to_string()),
        ("duration-scale", first.duration_scale.to_string(), shard.duration_scale.to_string()),
    ];
    let differs = parts.into_iter().find(|(_, first, other)| first != other);
    differs.map(|(what, first, other)| format!("{what} {other}, not {first}"))
}

/// Why a shard's scenario doesn't fit what there is, if it doesn't.
fn misfit((growing, report): (&Growing, &ScenarioReport)) -> Option<String> {
    let id = report.plan.scenario;
    if id != growing.plan.scenario {
        return Some("other scenarios".to_owned());
    }
    if report.plan.stages != growing.plan.stages || report.plan.criteria != growing.plan.criteria {
        return Some(format!("{id} was planned differently"));
    }
    let fits = growing.counted.fits(&report.recording);
    fits.err().map(|why| format!("recordings of {id}: {why}"))
}

impl Growing {
    fn new(report: &ScenarioReport, clock: Option<CommonClock>) -> Self {
        let recording = &report.recording;
        let own = CommonClock {
            epoch: recording.started_at,
            load_offset: recording.load_offset,
            skew: recording.clock_skew,
        };
        let clock = clock.unwrap_or(own);
        Self {
            plan: report.plan.clone(),
            clock,
            counted: Merger::new(clock.epoch),
            cut_short: Merger::new(clock.epoch),
            rows: Vec::new(),
            cut: Vec::new(),
        }
    }

    fn add(&mut self, index: u32, mut recording: Recording) {
        recording.shards = None;
        let why = why_not_counted(&recording.ended, &self.plan);
        let behind = self.clock.behind(recording.clock_skew);
        let row = recording.row_of(index);
        let merger = if why.is_none() { &mut self.counted } else { &mut self.cut_short };
        // That it fits was seen before; of those cut short the first that fit are enough.
        if merger.add(recording, behind).is_ok() && why.is_none() {
            self.rows.push(row);
        }
        self.cut.extend(why.map(|why| Absent { shard: index, why: Some(why) }));
    }

    fn finish(self, shards: &Shards, baseline: Option<&SuiteReport>) -> ScenarioReport {
        let Self { mut plan, clock, counted, cut_short, mut rows, cut } = self;
        let not_run = || {
            let ended = Ended::Interrupted { after: Nanos::ZERO };
            plan.not_run(clock.epoch, ended)
        };
        let recording = counted.finish().or_else(|| cut_short.finish());
        let mut recording = recording.unwrap_or_else(not_run);
        recording.load_offset = clock.load_offset;
        recording.clock_skew = clock.skew;
        // Each shard's is its part of it.
        for (stage, whole) in recording.stages.iter_mut().zip(Schedule::new(&plan.stages).stages())
        {
            stage.target = whole.target;
        }
        rows.sort_by_key(|row| row.shard);
        let mut all_cut = [shards.cut.as_slice(), &cut].concat();
        all_cut.sort_by_key(|cut| cut.shard);
        recording.shards = Some(Shards { rows, cut: all_cut, ..shards.clone() });
        let before = baseline.and_then(|suite| suite.scenario(plan.scenario));
        let before = before.map(|same| &same.recording);
        if let Some(before) = before {
            plan.criteria.hold_against(before);
        }
        let verdict = gate::evaluate(&plan.criteria, &recording, before);
        ScenarioReport { plan, recording, verdict }
    }
}

/// Why what a shard measured isn't counted: it didn't send its part; `None`: it is.
fn why_not_counted(ended: &Ended, plan: &Plan) -> Option<String> {
    match ended {
        Ended::Completed | Ended::Aborted { .. } | Ended::Misconfigured { .. } => None,
        Ended::Skipped { .. } if plan.skip.is_some() => None,
        Ended::Skipped { reason } => Some(format!("skipped: {reason}")),
        Ended::Running => Some("partial: its run never ended".to_owned()),
        Ended::Interrupted { after } => Some(format!("cut short: interrupted after {after}")),
        Ended::Unreachable { reason } | Ended::Broken { reason } => {
            Some(format!("without its part: {reason}"))
        }
    }
}
