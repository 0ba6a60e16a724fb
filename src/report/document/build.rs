//! Puts the document of a run together.

use super::super::past::EarlierRuns;
use super::super::{escape, figures, words};
use super::grain::Grain;
use super::model::{Chapter, Document, Fact, Note, Section};
use super::table::{Cell, Level, Tone};
use super::{advice, against, card, judged, limiter, measured, nights, resources, shards};
use crate::gate::VerdictKind;
use crate::measure::Ended;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units;

impl Document {
    /// The document of `report`, held against what is known of the `past`.
    pub(in crate::report) fn new<'a>(
        report: &SuiteReport,
        past: impl Into<EarlierRuns<'a>>,
    ) -> Self {
        Self::at(Grain::FINEST, report, past)
    }

    /// The same, its pictures no finer than `grain`.
    pub(in crate::report) fn at<'a>(
        grain: Grain,
        report: &SuiteReport,
        past: impl Into<EarlierRuns<'a>>,
    ) -> Self {
        let EarlierRuns { baseline, history } = past.into();
        let order = figures::worst_first(report);
        Self {
            title: "load-gate",
            mark: words::verdict_mark(report.verdict),
            verdict: report.verdict.name(),
            headline: report.headline.clone(),
            facts: facts(report),
            run_url: report.context.run_url.as_deref().and_then(escape::link).map(str::to_owned),
            dashboard: dashboard(report).map(str::to_owned),
            partial: report.partial.then_some("made from a checkpoint of a run that never ended"),
            caveats: report.caveats.clone(),
            chapters: order
                .iter()
                .map(|scenario| Chapter::new(scenario, baseline, grain))
                .collect(),
            against: against::section(&order, baseline),
            nights: history.and_then(nights::section),
            advice: report.scenarios.iter().flat_map(advice::of).collect(),
            repeat: Some(repeat(report)),
            notices: report
                .notices
                .iter()
                .cloned()
                .chain(grain.said())
                .map(|n| Note::new(Tone::Quiet, n))
                .collect(),
            left_out: left_out(report),
            small_print: "intervals are distribution-free and rest on how many independent samples the samples are worth",
        }
    }
}

/// The dashboard at the run's time, when it may be linked.
pub(in crate::report) fn dashboard(report: &SuiteReport) -> Option<&str> {
    report.context.dashboard.as_deref().and_then(escape::link)
}

impl Chapter {
    /// The chapter of one scenario.
    pub(in crate::report) fn new(
        scenario: &ScenarioReport,
        baseline: Option<&SuiteReport>,
        grain: Grain,
    ) -> Self {
        let verdict = &scenario.verdict;
        let mark = words::verdict_mark(verdict.kind);
        let reasons = verdict.reasons.iter().map(|text| Note::new(mark.tone(), text));
        let told = |text: &&String| !verdict.reasons.iter().any(|reason| reason.contains(*text));
        let clusters =
            verdict.clusters.iter().filter(told).map(|text| Note::new(Tone::Doubtful, text));
        Self {
            name: verdict.scenario.to_string(),
            mark,
            verdict: verdict.kind.name(),
            reasons: reasons.chain(clusters).collect(),
            card: card::of(scenario, figures::of(baseline, scenario.plan.scenario)),
            sections: sections(scenario, baseline, grain),
        }
    }
}

fn sections(
    scenario: &ScenarioReport,
    baseline: Option<&SuiteReport>,
    grain: Grain,
) -> Vec<Section> {
    if let Ended::Skipped { .. } = scenario.recording.ended {
        return Vec::new();
    }
    let before = figures::of(baseline, scenario.plan.scenario);
    let sections = [
        Some(measured::load(scenario)),
        judged::thresholds(scenario),
        judged::first_evidence(scenario),
        Some(measured::arrivals(scenario, grain)),
        measured::latency(scenario, before, grain),
        resources::section(scenario, before, grain),
        measured::connections(scenario),
        judged::rules(scenario),
        Some(limiter::section(scenario, grain)),
        measured::probes(scenario),
        measured::generator(scenario),
        shards::section(scenario),
        judged::answers(scenario),
    ];
    let mut sections: Vec<Section> = sections.into_iter().flatten().collect();
    if !grain.draws(scenario.verdict.kind) {
        sections.iter_mut().for_each(Section::without_charts);
    }
    sections
}

fn facts(report: &SuiteReport) -> Vec<Fact> {
    let context = &report.context;
    let fact = |name, level, value: Vec<Cell>| Fact { name, value, bare: false, level };
    let bare = |name, level, value: Vec<Cell>| Fact { bare: true, ..fact(name, level, value) };
    let environment = [&report.environment.name, &report.environment.url];
    let built = report.tool_commit.as_deref().unwrap_or_default();
    let commit = context.commit.as_deref().unwrap_or_default();
    let scales: Vec<String> = [("rates", report.rate_scale), ("durations", report.duration_scale)]
        .into_iter()
        .filter(|(_, factor)| *factor != 1.0)
        .map(|(what, factor)| format!("{what} × {}", units::number(factor)))
        .collect();
    vec![
        bare("environment", Level::Glance, environment.map(Cell::code).to_vec()),
        fact("profile", Level::Glance, vec![Cell::code(&report.profile)]),
        fact("scaled", Level::Full, vec![Cell::figure(scales.join(", "))]),
        bare("started", Level::Glance, vec![Cell::figure(report.started_at.human())]),
        fact("ended", Level::Full, vec![Cell::figure(report.finished_at.human())]),
        fact("seed", Level::Glance, vec![Cell::figure(report.seed.to_string())]),
        fact("run", Level::Full, vec![Cell::code(&report.run_id)]),
        fact("shards", Level::Glance, vec![Cell::figure(machines(report))]),
        fact("load-gate", Level::Glance, vec![Cell::code(&report.tool_version)]),
        fact("built from", Level::Full, vec![Cell::code(short(built))]),
        fact("commit", Level::Detail, vec![Cell::code(short(commit))]),
    ]
    .into_iter()
    .filter(|fact| fact.value.iter().any(|cell| !cell.text.is_empty()))
    .collect()
}

/// Which of several machines' results these are; empty: one machine sent everything.
fn machines(report: &SuiteReport) -> String {
    if let Some(part) = &report.shard {
        return format!("{} alone", part.shard);
    }
    let shards = report.scenarios.iter().find_map(|s| s.recording.shards.as_ref());
    shards.map_or_else(String::new, |shards| {
        let there = units::count(shards.rows.len() as u64);
        format!("{there} of {}", units::count(u64::from(shards.of)))
    })
}

/// The command that sends the same again.
fn repeat(report: &SuiteReport) -> String {
    let mut command = "load-gate run".to_owned();
    for scenario in &report.scenarios {
        add!(command, " {}", scenario.plan.scenario);
    }
    let plain = |text: &str| escape::shell(&escape::one_line(text));
    let (environment, profile) = (plain(&report.environment.name), plain(&report.profile));
    add!(command, " --env {environment} --profile {profile} --seed {}", report.seed);
    for (flag, factor) in
        [("rate-scale", report.rate_scale), ("duration-scale", report.duration_scale)]
    {
        if factor != 1.0 {
            add!(command, " --{flag} {}", units::number(factor));
        }
    }
    command
}

/// The first twelve characters of a commit.
fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

fn left_out(report: &SuiteReport) -> Vec<Note> {
    let skipped = |scenario: &ScenarioReport| match &scenario.recording.ended {
        Ended::Skipped { reason } => Some(format!("{}: {reason}", scenario.plan.scenario)),
        _ if scenario.verdict.kind == VerdictKind::Skipped => {
            Some(format!("{}: skipped", scenario.plan.scenario))
        }
        _ => None,
    };
    let skipped = report.scenarios.iter().filter_map(skipped);
    skipped.map(|text| Note::new(Tone::Doubtful, text)).collect()
}
