//! Renders the comparison of two runs as text: what is certain, what is noise.

use std::fmt::Write as _;

use crate::suite::{Call, Change, Comparison, Figure, FigureComparison};
use crate::suite::{RunLabel, SuiteComparison, figure_name};
use crate::units;

/// The comparison for people, at most about a screen a scenario.
#[must_use]
pub fn compare_text(comparison: &SuiteComparison) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(text, "{}\n", comparison.headline);
    let _ = writeln!(text, "base  {}", label(&comparison.base));
    let _ = writeln!(text, "new   {}", label(&comparison.new));
    for warning in &comparison.warnings {
        let _ = writeln!(text, "! {warning}");
    }
    for scenario in &comparison.scenarios {
        text.push_str(&self::scenario(scenario));
    }
    for left_out in &comparison.left_out {
        let _ = writeln!(text, "\nnot compared: {left_out}");
    }
    let _ = write!(text, "\n{}", explanation(comparison));
    text
}

fn label(run: &RunLabel) -> String {
    let commit = run.commit.as_deref().map(|commit| {
        let short: String = commit.chars().take(10).collect();
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

fn scenario(scenario: &Comparison) -> String {
    let mut text = String::new();
    let (base, new) = scenario.seconds;
    let _ = writeln!(
        text,
        "\n{} ({} s and {} s, drawn in blocks of {} s and {} s)",
        scenario.scenario,
        units::count(base),
        units::count(new),
        units::count(scenario.block_seconds.0),
        units::count(scenario.block_seconds.1)
    );
    for figure in &scenario.figures {
        let values = format!("{} → {}", value(figure, figure.base), value(figure, figure.new));
        let _ = writeln!(
            text,
            "  {:<13} {values:<24} {:<24} {}",
            figure_name(figure.figure),
            figure.change.map(|change| interval(figure.figure, change)).unwrap_or_default(),
            words(figure)
        );
    }
    for change in &scenario.limiter {
        let certainty = if change.certain { "certain" } else { "one of the runs couldn't tell" };
        let _ = writeln!(
            text,
            "  limiter: {} {} → {}: {certainty}",
            change.what, change.base, change.new
        );
    }
    if scenario.limiter.is_empty() {
        text.push_str("  limiter: no change\n");
    }
    text
}

fn value(figure: &FigureComparison, value: Option<f64>) -> String {
    match value {
        None => "none".to_owned(),
        Some(ms) if figure.figure.quantile().is_some() => units::millis(ms),
        Some(share) => units::percent(share),
    }
}

/// `×1.21 (1.15 to 1.27)` or `+0.12 pp (−0.20 to +0.43)`.
fn interval(figure: Figure, change: Change) -> String {
    if figure.quantile().is_some() {
        let times = |x: f64| units::number((x * 1e3).round() / 1e3);
        format!("×{} ({} to {})", times(change.value), times(change.low), times(change.high))
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
fn words(figure: &FigureComparison) -> String {
    let Some(change) = figure.change else {
        let (base, new) = figure.samples;
        let (base, new) = (units::count(base), units::count(new));
        return format!("can't tell: too few samples or seconds ({base} and {new} samples)");
    };
    let quantile = figure.figure.quantile().is_some();
    let direction = match (quantile, change.value > if quantile { 1.0 } else { 0.0 }) {
        (true, true) => "slower",
        (true, false) => "faster",
        (false, true) => "higher",
        (false, false) => "lower",
    };
    match figure.call {
        Call::Higher | Call::Lower => format!("certain: {direction} by {}", reach(figure, change)),
        Call::Slight => format!("certain but slight: {direction} by {}", reach(figure, change)),
        Call::Noise | Call::TooFew if quantile && (change.high > 2.0 || change.low < 0.5) => {
            let factor = change.high.max(change.low.max(1e-3).recip());
            let factor = units::number((factor * 10.0).ceil() / 10.0);
            format!("noise: so short a run shows only a change beyond ×{factor}")
        }
        Call::Noise | Call::TooFew => {
            let hidden = if quantile {
                units::percent((change.high - 1.0).max(1.0 - change.low))
            } else {
                format!("{} pp", points(change.high.max(-change.low)).trim_start_matches('+'))
            };
            format!("noise: less than {hidden} either way would not show")
        }
    }
}

/// `15 % to 27 %`: the interval of a change that is certain.
fn reach(figure: &FigureComparison, change: Change) -> String {
    let (low, high) = if figure.figure.quantile().is_some() {
        ((change.low - 1.0).abs(), (change.high - 1.0).abs())
    } else {
        (change.low.abs(), change.high.abs())
    };
    let (low, high) = (low.min(high), low.max(high));
    if figure.figure.quantile().is_some() {
        format!("{} to {}", units::percent(low), units::percent(high))
    } else {
        let points = |x| points(x).trim_start_matches('+').to_owned();
        format!("{} to {} percentage points", points(low), points(high))
    }
}

fn explanation(comparison: &SuiteComparison) -> String {
    format!(
        "Response time is that of accepted arrivals. Intervals hold at {} for all {} figures \
         together (Bonferroni): of a hundred pairs of runs of the same target about one shows \
         any certain difference. They come from a moving-block bootstrap over the seconds of each \
         run (requests of one second share their fate). Two runs can't show what differs from day \
         to day: a certain difference is one between these runs, whatever its cause.\n",
        units::percent(comparison.confidence),
        units::count(comparison.figures_compared as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::VerdictKind;
    use crate::ids::ScenarioId;
    use crate::suite::LimiterChange;
    use crate::units::Timestamp;

    fn figure(
        figure: Figure,
        values: (f64, f64),
        change: Option<(f64, f64, f64)>,
        call: Call,
    ) -> FigureComparison {
        FigureComparison {
            figure,
            base: Some(values.0),
            new: Some(values.1),
            samples: (10_000, 9_800),
            change: change.map(|(value, low, high)| Change { value, low, high }),
            call,
        }
    }

    fn run(id: &str, verdict: VerdictKind) -> RunLabel {
        RunLabel {
            run_id: id.to_owned(),
            started_at: Timestamp { unix_millis: 1_761_846_252_123 },
            environment: "staging".to_owned(),
            url: "https://api.rsolv-staging.com".to_owned(),
            profile: "full".to_owned(),
            commit: Some("0123456789abcdef".to_owned()),
            verdict,
        }
    }

    #[test]
    fn a_comparison_says_what_is_certain_and_what_is_noise() {
        let comparison = SuiteComparison {
            schema_version: 1,
            base: run("a1", VerdictKind::Pass),
            new: run("b2", VerdictKind::Fail),
            confidence: 0.99,
            figures_compared: 6,
            certain: 2,
            headline: "different: webhook: p95 21.40 % slower".to_owned(),
            warnings: vec!["load-gate's version is 1.1.0 and was 1.0.0".to_owned()],
            left_out: vec!["onboarding: not part of the base".to_owned()],
            scenarios: vec![Comparison {
                scenario: ScenarioId::fixed("webhook"),
                seconds: (540, 541),
                block_seconds: (3, 8),
                figures: vec![
                    figure(Figure::P50, (20.0, 20.2), Some((1.01, 0.97, 1.05)), Call::Noise),
                    figure(Figure::P90, (40.0, 39.0), Some((0.975, 0.96, 0.99)), Call::Slight),
                    figure(Figure::P95, (50.0, 60.7), Some((1.214, 1.15, 1.28)), Call::Higher),
                    figure(Figure::P99, (90.0, 99.0), None, Call::TooFew),
                    figure(Figure::P99, (90.0, 99.0), Some((1.1, 0.3, 4.25)), Call::Noise),
                    figure(
                        Figure::SuccessRate,
                        (0.99, 0.95),
                        Some((-0.04, -0.05, -0.03)),
                        Call::Lower,
                    ),
                    figure(Figure::RateLimited, (0.0, 0.0), Some((0.0, -0.01, 0.01)), Call::Noise),
                ],
                limiter: vec![LimiterChange {
                    what: "limit".to_owned(),
                    base: "1000".to_owned(),
                    new: "600 (598 to 602)".to_owned(),
                    certain: true,
                }],
            }],
        };
        insta::assert_snapshot!(compare_text(&comparison));
    }
}
