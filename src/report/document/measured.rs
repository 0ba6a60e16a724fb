//! What was measured: load, arrivals, response times, connections, probes, the generator.

use super::super::figures::{self, QUANTILES};
use super::super::words;
use super::grain::Grain;
use super::model::{Block, Note, Section};
use super::table::{Cell, Column, Level, Table, Tone};
use super::{over_time, shapes};
use crate::gate::{About, FindingVerdict};
use crate::measure::Trend;
use crate::outcome::Outcome;
use crate::suite::ScenarioReport;
use crate::units::{self, Nanos};

/// What was to be sent.
pub(super) fn load(scenario: &ScenarioReport) -> Section {
    let (plan, engine) = (&scenario.plan, &scenario.plan.engine);
    let mut section = Section::new("load profile");
    let text = format!(
        "{} identities share the load, {} set aside; timeout {}, connect timeout {}, at most {} in flight.",
        plan.identities.count,
        plan.identities.set_aside,
        engine.timeout,
        engine.connect_timeout,
        units::count(u64::from(engine.max_in_flight)),
    );
    section.add(Level::Full, Block::Words(text));
    let names = ["stage", "duration", "target rate"];
    let mut table = Table::new(names.map(Column::figures));
    for (number, stage) in (1..).zip(&plan.stages) {
        let cells: [String; 3] =
            [format!("{number}"), stage.duration.to_string(), units::rate(stage.target)];
        table.row(cells.map(Cell::figure));
    }
    section.add(Level::Full, Block::Table(table));
    section
}

/// How the arrivals ended.
pub(super) fn arrivals(scenario: &ScenarioReport, grain: Grain) -> Section {
    let recording = &scenario.recording;
    let all = recording.total();
    let counts = &all.outcomes;
    let mut section = Section::new("arrivals").lead(format!(
        "{} of {} planned, {} over {}",
        units::count(counts.total()),
        units::count(recording.generator.planned),
        units::rate(figures::achieved_rate(recording)),
        recording.duration
    ));
    if counts.total() == 0 {
        section.add(Level::Detail, Block::Words("none was sent".to_owned()));
        return section;
    }
    let mut table = Table::new([
        Column::words("outcome"),
        Column::figures("arrivals"),
        Column::figures("share"),
        Column::words(""),
    ]);
    for (outcome, n) in counts.iter() {
        let level = if n > 0 { Level::Glance } else { Level::Full };
        let share = n as f64 / counts.total() as f64;
        let tone = words::outcome_tone(outcome);
        table.row_at(
            level,
            [
                Cell::key(outcome.name(), tone),
                Cell::figure(units::count(n)),
                Cell::figure(units::percent(share)).toned(Tone::Quiet),
                Cell::bar(share, tone),
            ],
        );
    }
    section.add(Level::Detail, Block::Table(table));
    let text = format!(
        "{} requests in all, {} sent, {} received",
        units::count(all.requests),
        units::bytes(all.bytes_sent),
        units::bytes(all.bytes_received)
    );
    section.add(Level::Full, Block::Words(text));
    if recording.timeline.bins.len() > 1 {
        section.chart(Level::Full, Some(over_time::rates(scenario, grain)));
        section.chart(Level::Detail, Some(over_time::outcomes(scenario, grain)));
        section.chart(Level::Full, Some(over_time::in_flight(scenario, grain)));
        section.chart(Level::Full, over_time::lag(scenario, grain));
    }
    section
}

fn trends() -> Table {
    let mut columns = vec![Column::words(""), Column::figures("mean").at(Level::Full)];
    columns.extend(QUANTILES.map(|(name, _)| Column::figures(name)));
    columns.push(Column::figures("samples"));
    Table::new(columns)
}

fn trend(table: &mut Table, name: Cell, trend: &Trend) {
    let mean = trend.mean().map(|ns| units::span(Nanos(ns as u64)));
    let mut cells = vec![name, Cell::figure_or_dash(mean)];
    cells.extend(QUANTILES.map(|(_, q)| Cell::figure(figures::quantile(trend, q))));
    cells.push(Cell::figure(units::count(trend.count())).toned(Tone::Quiet));
    table.row(cells);
}

/// Response and service times.
pub(super) fn latency(
    scenario: &ScenarioReport,
    before: Option<&ScenarioReport>,
    grain: Grain,
) -> Option<Section> {
    let rows = figures::latency_rows(&scenario.recording);
    if rows.is_empty() {
        return None;
    }
    let mut section = Section::new("latency");
    let text =
        "Response time counts from the moment an arrival was due, service time from its sending.";
    section.add(Level::Full, Block::Words(text.to_owned()));
    let mut table = trends();
    for (name, row) in rows {
        let under = name.starts_with(' ');
        let cell = if under { Cell::under(name.trim()) } else { Cell::words(name) };
        trend(&mut table, cell, &row);
    }
    if let Some(before) = before {
        let cell = Cell::words("baseline: response time, accepted");
        trend(&mut table, cell, &figures::accepted(&before.recording).response_time);
    }
    section.add(Level::Detail, Block::Table(table));
    if let Some((level, slowest)) = slowest(scenario) {
        section.add(level, Block::Table(slowest));
    }
    let p95 = figures::per_bin(&scenario.recording, 0.95);
    if p95.iter().flatten().count() > 1 {
        section.add(Level::Detail, Block::Spark { name: "p95 over time", values: p95 });
        section.chart(Level::Full, Some(over_time::latency(scenario, grain)));
        section.chart(Level::Full, shapes::heat(scenario, grain));
    }
    section.chart(Level::Full, shapes::percentiles(scenario, before, ["this run", "baseline"]));
    section.chart(Level::Full, shapes::knee(scenario, None));
    Some(section)
}

/// The slowest accepted arrivals; nearer where their traces can be looked up.
fn slowest(scenario: &ScenarioReport) -> Option<(Level, Table)> {
    let slowest = &scenario.recording.slowest;
    let traced = slowest.iter().any(|slow| slow.trace.is_some());
    let mut table = Table::new([
        Column::words("slowest accepted"),
        Column::figures("response time"),
        Column::words("due at"),
        Column::words("trace"),
    ]);
    for slow in slowest {
        table.row([
            Cell::words(format!("arrival {}", units::count(slow.arrival))),
            Cell::figure(units::span(slow.response_time)),
            Cell::words(units::clock(slow.at)),
            Cell::code(slow.trace.as_deref().unwrap_or_default()),
        ]);
    }
    let level = if traced { Level::Detail } else { Level::Full };
    (!slowest.is_empty()).then_some((level, table))
}

/// How connections came about.
pub(super) fn connections(scenario: &ScenarioReport) -> Option<Section> {
    let recording = &scenario.recording;
    let (connections, all) = (&recording.connections, recording.total());
    if all.outcomes.total() == 0 {
        return None;
    }
    let mut section = Section::new("connections");
    let text = format!(
        "{} opened, {} failed, {} closed by the target{}. TLS is part of connecting.",
        units::count(connections.opened),
        units::count(connections.failed),
        units::count(connections.closed),
        resent(connections.resent)
    );
    section.add(Level::Full, Block::Words(text));
    let mut table = trends();
    for (name, row) in [
        ("DNS", &connections.dns),
        ("connect and TLS", &connections.connect),
        ("waiting", &all.waiting),
        ("receiving", &all.receiving),
    ] {
        trend(&mut table, Cell::words(name), row);
    }
    section.add(Level::Full, Block::Table(table));
    Some(section)
}

/// How many requests went out again, which the target can't have begun with.
fn resent(n: u64) -> String {
    match n {
        0 => String::new(),
        1 => "; 1 request sent again, which the target had not begun with".to_owned(),
        n => {
            let n = units::count(n);
            format!("; {n} requests sent again, which the target had not begun with")
        }
    }
}

/// Requests that must be refused.
pub(super) fn probes(scenario: &ScenarioReport) -> Option<Section> {
    let mut table =
        Table::new([Column::words("probe"), Column::figures("sent"), Column::words("found")]);
    for probe in &scenario.recording.probes {
        let parts = [
            (probe.held, "held"),
            (probe.breached, "BREACHED"),
            (probe.other, "refused oddly"),
            (probe.neither, "no say"),
        ];
        let told = parts.iter().filter(|(n, _)| *n > 0);
        let told: Vec<String> =
            told.map(|(n, what)| format!("{} {what}", units::count(*n))).collect();
        let tone = if probe.breached > 0 { Tone::Bad } else { Tone::Good };
        table.row([
            Cell::words(probe.kind.name()),
            Cell::figure(units::count(probe.sent)),
            Cell::words(told.join(", ")).toned(tone),
        ]);
    }
    let mut section = Section::new("probes, each of which must be refused");
    if !table.rows.is_empty() {
        section.add(Level::Detail, Block::Table(table));
    }
    section.filled()
}

/// The generator's own health.
pub(super) fn generator(scenario: &ScenarioReport) -> Option<Section> {
    let recording = &scenario.recording;
    let generator = &recording.generator;
    if generator.planned == 0 && generator.sent == 0 {
        return None;
    }
    let mut text = format!(
        "sent {} of {}, dropped {}; schedule lag in holds p99 {}; at most {} in flight; {} connections opened",
        units::count(generator.sent),
        units::count(generator.planned),
        units::count(generator.dropped),
        figures::quantile(&generator.lag_hold, 0.99),
        units::count(generator.max_in_flight),
        units::count(recording.connections.opened),
    );
    text.push_str(&resent(recording.connections.resent));
    if let Some(cpu) = generator.cpu_seconds {
        add!(text, "; CPU {}", units::span(Nanos::from_secs_f64(cpu)));
    }
    if let Some(memory) = generator.peak_memory {
        add!(text, "; memory {}", units::bytes(memory));
    }
    let mut section = Section::new("generator");
    section.add(Level::Detail, Block::Words(text));
    let findings = scenario.verdict.findings.iter();
    let off: Vec<Note> = findings
        .filter(|f| f.about == About::Generator && f.verdict != FindingVerdict::Pass)
        .map(|f| Note::new(words::finding(f.verdict).tone, &f.message))
        .collect();
    if !off.is_empty() {
        section.add(Level::Detail, Block::Notes(off));
    }
    Some(section)
}

/// Which share of the arrivals ended as `outcome`.
pub(super) fn share(scenario: &ScenarioReport, outcome: Outcome) -> f64 {
    let counts = &scenario.recording.total().outcomes;
    counts.get(outcome) as f64 / counts.total().max(1) as f64
}
