//! Two runs over one another as a document: every figure with its interval, and what it means.

use super::grain::Grain;
use super::model::{Block, Card, Chapter, Document, Fact, Note, Section};
use super::over_one_another;
use super::table::{Cell, Column, Level, Mark, Table, Tone};
use crate::suite::{
    Call, Change, Comparison, Figure, FigureComparison, ResourceFigures, RunLabel, SuiteComparison,
    SuiteReport, figure_name, unnoticed,
};
use crate::units::{self, Nanos};

/// What a comparison comes to, of the whole and of a scenario.
const DIFFERENT: (Mark, &str) = (Mark::Inconclusive, "different");
const SAME: (Mark, &str) = (Mark::Pass, "no difference");
const NOTHING: (Mark, &str) = (Mark::Inconclusive, "can't tell");

impl Document {
    /// The document of `comparison`; with the charts of both runs where they are given.
    pub(in crate::report) fn compared(
        comparison: &SuiteComparison,
        runs: Option<(&SuiteReport, &SuiteReport)>,
        grain: Grain,
    ) -> Self {
        let (mark, verdict) = match comparison.headline.starts_with("different") {
            true => DIFFERENT,
            false if comparison.figures_compared == 0 => NOTHING,
            false if comparison.scenarios.iter().any(Comparison::sees_little) => NOTHING,
            false => SAME,
        };
        let fact = |name, run| Fact {
            name,
            value: vec![Cell::words(label(run))],
            bare: false,
            level: Level::Glance,
        };
        let doubtful = |text: &String| Note::new(Tone::Doubtful, text);
        let chapters = comparison.scenarios.iter();
        Self {
            title: "load-gate compare",
            mark,
            verdict,
            headline: comparison.headline.clone(),
            facts: vec![fact("base", &comparison.base), fact("new", &comparison.new)],
            run_url: None,
            dashboard: None,
            partial: None,
            caveats: Vec::new(),
            chapters: chapters.map(|scenario| chapter(scenario, runs, grain)).collect(),
            against: None,
            nights: None,
            advice: Vec::new(),
            repeat: None,
            notices: comparison
                .warnings
                .iter()
                .map(doubtful)
                .chain(grain.said().map(|said| Note::new(Tone::Quiet, said)))
                .chain(
                    (comparison.figures_compared > 0)
                        .then(|| Note::new(Tone::Quiet, explanation(comparison))),
                )
                .collect(),
            left_out: comparison
                .left_out
                .iter()
                .map(|text| Note::new(Tone::Doubtful, format!("not compared: {text}")))
                .collect(),
            small_print: "load-gate compare",
        }
    }
}

fn label(run: &RunLabel) -> String {
    let commit = run.commit.as_deref().map(|commit| {
        let short: String = commit.chars().take(12).collect();
        format!(", commit {short}")
    });
    format!(
        "{}, {} ({}), profile {}, {}{}, run {}",
        run.started_at.human(),
        run.environment,
        run.url,
        run.profile,
        run.verdict,
        commit.unwrap_or_default(),
        run.run_id
    )
}

fn chapter(
    comparison: &Comparison,
    runs: Option<(&SuiteReport, &SuiteReport)>,
    grain: Grain,
) -> Chapter {
    let certain = |f: &FigureComparison| matches!(f.call, Call::Higher | Call::Lower);
    let differs = comparison.figures.iter().any(certain)
        || comparison.limiter.iter().any(|change| change.certain);
    let told = comparison.figures.iter().any(|figure| figure.call != Call::TooFew);
    let (mark, verdict) = match differs {
        true => DIFFERENT,
        false if told && !comparison.sees_little() => SAME,
        false => NOTHING,
    };
    let mut sections = vec![figures(comparison), limiter(comparison)];
    sections.extend(resources(comparison));
    if let Some((base, new)) = runs {
        let of = |suite: &'_ SuiteReport| {
            suite.scenarios.iter().position(|s| s.plan.scenario == comparison.scenario)
        };
        if let (Some(before), Some(now)) = (of(base), of(new)) {
            let verdict = new.scenarios[now].verdict.kind;
            let drawn = grain.draws(verdict);
            let charts =
                || over_one_another::section(&base.scenarios[before], &new.scenarios[now], grain);
            sections.extend(drawn.then(charts).flatten());
        }
    }
    Chapter {
        name: comparison.scenario.to_string(),
        mark,
        verdict,
        reasons: Vec::new(),
        card: card(comparison),
        sections,
    }
}

fn card(comparison: &Comparison) -> Card {
    let p95 = comparison.figures.iter().find(|f| f.figure == Figure::P95);
    let told =
        p95.map(|f| format!("p95 {} → {}: {}", value(f, f.base), value(f, f.new), meaning(f).text));
    let (base, new) = comparison.seconds;
    let sent = format!("{} against {}", Nanos::from_secs(new), Nanos::from_secs(base));
    Card { sent, change: told, ..Card::default() }
}

fn figures(comparison: &Comparison) -> Section {
    let (base, new) = comparison.seconds;
    let mut section = Section::new("figures").lead(format!(
        "{} and {}{}",
        Nanos::from_secs(base),
        Nanos::from_secs(new),
        comparison
            .figures
            .iter()
            .find(|f| f.figure == Figure::P95)
            .map(|f| format!("; p95: {}", rests_on(f)))
            .unwrap_or_default()
    ));
    let mut table = Table::new([
        Column::words("figure"),
        Column::figures("base"),
        Column::figures("new"),
        Column::words("change"),
        Column::words("what it means"),
    ]);
    for figure in &comparison.figures {
        let change = figure.change.map(|change| interval(figure.figure, change));
        table.row([
            Cell::words(figure_name(figure.figure)),
            Cell::figure(value(figure, figure.base)),
            Cell::figure(value(figure, figure.new)),
            Cell::figure(change.unwrap_or_default()),
            meaning(figure),
        ]);
    }
    section.add(Level::Glance, Block::Table(table));
    let mut samples = Table::new([Column::words("figure"), Column::words("rests on")]);
    for figure in &comparison.figures {
        samples.row([Cell::words(figure_name(figure.figure)), Cell::words(rests_on(figure))]);
    }
    section.add(Level::Full, Block::Table(samples));
    section
}

/// `n = 6,000 and 5,980, worth about 210 and 209`.
fn rests_on(figure: &FigureComparison) -> String {
    let two = |(base, new): (u64, u64)| format!("{} and {}", units::count(base), units::count(new));
    let n = format!("n = {}", two(figure.samples));
    if figure.worth == figure.samples {
        return n;
    }
    let (base, new) = figure.worth;
    format!("{n}, worth about {}", two((units::about(base), units::about(new))))
}

fn limiter(comparison: &Comparison) -> Section {
    let mut section = Section::new("limiter");
    let told = comparison.limiter.iter().map(|change| {
        let (tone, certainty) = if change.certain {
            (Tone::Doubtful, "certain")
        } else {
            (Tone::Quiet, "one of the runs couldn't tell")
        };
        let text = format!("{} {} → {}: {certainty}", change.what, change.base, change.new);
        Note::new(tone, text)
    });
    let notes: Vec<Note> = told.collect();
    section.add(
        Level::Glance,
        if notes.is_empty() { Block::Words("no change".to_owned()) } else { Block::Notes(notes) },
    );
    section
}

/// What the service had to do in both runs.
fn resources(comparison: &Comparison) -> Option<Section> {
    let mut section = Section::new("resources of the service").lead(
        "side by side: a value every few seconds carries no interval, so nothing is called certain",
    );
    let mut table = Table::new([
        Column::words("resource"),
        Column::words("of it"),
        Column::figures("base"),
        Column::figures("new"),
    ]);
    for change in &comparison.resources {
        let all = |figures: Option<ResourceFigures>| match figures {
            Some(figures) => [figures.mean, figures.p95, figures.max].map(Some),
            None => [None; 3],
        };
        let (base, new) = (all(change.base), all(change.new));
        for (i, name) in ["mean", "p95", "most"].into_iter().enumerate() {
            let said = |value: Option<f64>| {
                Cell::figure_or_dash(value.map(|value| change.unit.say(value)))
            };
            let cells = [Cell::words(&change.name), Cell::words(name)];
            table.row(cells.into_iter().chain([said(base[i]), said(new[i])]));
        }
    }
    if !table.rows.is_empty() {
        section.add(Level::Detail, Block::Table(table));
    }
    section.filled()
}

fn value(figure: &FigureComparison, value: Option<f64>) -> String {
    match value {
        None => "none".to_owned(),
        Some(ms) if figure.figure.quantile().is_some() => units::millis(ms),
        Some(share) => units::percent(share),
    }
}

/// `+21 % (+15 % to +27 %)` or `+0.12 pp (−0.20 to +0.43)`.
fn interval(figure: Figure, change: Change) -> String {
    if figure.quantile().is_some() {
        let said = units::change;
        format!("{} ({} to {})", said(change.value), said(change.low), said(change.high))
    } else {
        let (value, low, high) = (points(change.value), points(change.low), points(change.high));
        format!("{value} pp ({low} to {high})")
    }
}

/// A difference of shares in percentage points, signed.
fn points(difference: f64) -> String {
    let points = units::number((difference.abs() * 1e4).round() / 1e2);
    match points.as_str() {
        "0" => points,
        _ if difference < 0.0 => format!("−{points}"),
        _ => format!("+{points}"),
    }
}

/// What can be said of a figure, in words.
fn said(figure: &FigureComparison) -> String {
    let Some(change) = figure.change else {
        let little = match figure.figure {
            Figure::SuccessRate => "samples worth too little or too few bunches of failures",
            _ => "or samples worth too little",
        };
        return format!("can't tell: under 20 s, {little} ({})", rests_on(figure));
    };
    let quantile = figure.figure.quantile().is_some();
    let direction = match (quantile, change.value > if quantile { 1.0 } else { 0.0 }) {
        (true, true) => "slower",
        (true, false) => "faster",
        (false, true) => "higher",
        (false, false) => "lower",
    };
    match figure.call {
        Call::Higher | Call::Lower => format!("certain: {direction} {}", reach(figure, change)),
        Call::Slight => format!("certain but slight: {direction} {}", reach(figure, change)),
        Call::Noise | Call::TooFew => match unnoticed(figure) {
            Some(unnoticed) if figure.hides_much() => format!("can't tell: {unnoticed}"),
            Some(unnoticed) => format!("noise: {unnoticed}"),
            None => "noise".to_owned(),
        },
    }
}

/// `by 15 % to 27 %`, `× 20 to × 27`: the interval of a change that is certain.
fn reach(figure: &FigureComparison, change: Change) -> String {
    // The nearer to no change at all first.
    let none = if figure.figure.quantile().is_some() { 1.0 } else { 0.0 };
    let away = |value: &f64| (value - none).abs();
    let (low, high) = if away(&change.low) <= away(&change.high) {
        (change.low, change.high)
    } else {
        (change.high, change.low)
    };
    if figure.figure.quantile().is_some() {
        format!("{} to {}", units::by(low), units::size(high))
    } else {
        let points = |x: f64| points(x.abs()).trim_start_matches('+').to_owned();
        format!("by {} to {} percentage points", points(low), points(high))
    }
}

fn explanation(comparison: &SuiteComparison) -> String {
    format!(
        "Response time is that of accepted arrivals. Intervals hold at {} for all {} figures \
         together (Bonferroni): of a hundred pairs of runs of the same target at most about one \
         shows any certain difference. They rest on what the samples are worth (requests of \
         one second share their fate); a change is said to go unnoticed where fewer than four \
         in five such pairs would show it. Two runs can't show what differs from day \
         to day: a certain difference is one between these runs, whatever its cause.",
        units::percent(comparison.confidence),
        units::count(comparison.figures_compared as u64),
    )
}

/// What a figure means, toned by how certain it is.
fn meaning(figure: &FigureComparison) -> Cell {
    let tone = match figure.call {
        Call::Higher | Call::Lower => Tone::Doubtful,
        _ => Tone::Quiet,
    };
    Cell::words(said(figure)).toned(tone)
}
