//! What a comparison comes to, in one line.

use super::super::{Call, Comparison, Figure, FigureComparison};
use crate::units;

/// The first line of a comparison in which so many figures could be compared.
pub(super) fn headline(scenarios: &[Comparison], compared: usize) -> String {
    let calls = |scenario: &Comparison, wanted: fn(Call) -> bool| {
        scenario.figures.iter().filter(|f| wanted(f.call)).map(described).collect::<Vec<_>>()
    };
    let mut certain = Vec::new();
    let mut slight = 0;
    for scenario in scenarios {
        let found = calls(scenario, |call| matches!(call, Call::Higher | Call::Lower));
        if !found.is_empty() {
            certain.push(format!("{}: {}", scenario.scenario, found.join(", ")));
        }
        slight += calls(scenario, |call| call == Call::Slight).len();
        for change in scenario.limiter.iter().filter(|change| change.certain) {
            certain.push(format!(
                "{}: the limiter's {} is {} and was {}",
                scenario.scenario, change.what, change.new, change.base
            ));
        }
    }
    if !certain.is_empty() {
        return format!("different: {}", certain.join("; "));
    }
    if compared == 0 {
        return "nothing can be said: too little was measured in one of the runs".to_owned();
    }
    let compared = units::count(compared as u64);
    let blind: Vec<&Comparison> = scenarios.iter().filter(|s| s.sees_little()).collect();
    if !blind.is_empty() {
        let of = |scenario: &&Comparison| {
            let p95 = scenario.figures.iter().find(|f| f.figure == Figure::P95);
            let said = p95.and_then(unnoticed);
            let said = said.unwrap_or_else(|| "its p95 can't be compared".to_owned());
            format!("{}: {said}", scenario.scenario)
        };
        let said: Vec<String> = blind.iter().map(of).collect();
        return format!(
            "can't tell: nothing differs in {compared} figures, but little would have been seen ({})",
            said.join("; ")
        );
    }
    let found = match slight {
        0 => format!("no difference in {compared} figures"),
        _ => format!("no difference that matters in {compared} figures ({slight} slight)"),
    };
    match unnoticed_at_most(scenarios) {
        Some(unnoticed) => format!("{found}; {unnoticed}"),
        None => found,
    }
}

/// Of the scenarios' p95s the one of which most can be hidden, in words.
fn unnoticed_at_most(scenarios: &[Comparison]) -> Option<String> {
    let p95s = scenarios.iter().flat_map(|s| s.figures.iter().filter(|f| f.figure == Figure::P95));
    let worst = p95s.max_by(|a, b| a.visible.unwrap_or(0.0).total_cmp(&b.visible.unwrap_or(0.0)));
    worst.and_then(unnoticed)
}

/// `a p95 up to 13 % higher would have gone unnoticed`: the largest change for the worse
/// that one in five such pairs of runs would not show; `None` where nothing was compared.
#[must_use]
pub fn unnoticed(figure: &FigureComparison) -> Option<String> {
    let visible = figure.visible?;
    let name = figure_name(figure.figure);
    let word = if figure.figure == Figure::SuccessRate { "lower" } else { "higher" };
    let by = match figure.figure.quantile() {
        None => format!("{} percentage points {word}", units::number((visible * 1e4).ceil() / 1e2)),
        Some(_) if visible > 2.0 => {
            format!("{} times as high", units::number((visible * 10.0).ceil() / 10.0))
        }
        Some(_) => format!("{} {word}", units::percent(((visible - 1.0) * 1e3).ceil() / 1e3)),
    };
    Some(format!("a {name} up to {by} would have gone unnoticed"))
}

/// `p95 21 % slower`, `p95 × 23`.
fn described(figure: &FigureComparison) -> String {
    let value = figure.change.map_or(0.0, |change| change.value);
    let name = figure_name(figure.figure);
    if figure.figure.quantile().is_some() {
        let word = if value > 1.0 { "slower" } else { "faster" };
        let change = units::change(value);
        match change.strip_prefix(['+', '−']) {
            Some(size) => format!("{name} {size} {word}"),
            None => format!("{name} {change}"),
        }
    } else {
        let word = if value > 0.0 { "higher" } else { "lower" };
        let points = units::number((value.abs() * 1e4).round() / 100.0);
        format!("{name} {points} percentage points {word}")
    }
}

/// How people call a figure.
#[must_use]
pub const fn figure_name(figure: Figure) -> &'static str {
    match figure {
        Figure::P50 => "p50",
        Figure::P90 => "p90",
        Figure::P95 => "p95",
        Figure::P99 => "p99",
        Figure::SuccessRate => "success rate",
        Figure::RateLimited => "refused share",
    }
}
