//! The comparison of two runs, as text and as a page.

use super::document::{Document, Grain, Level};
use super::text::Style;
use super::{html, text};
use crate::suite::{SuiteComparison, SuiteReport};

/// The comparison for people, at most about a screen a scenario.
#[must_use]
pub fn compare_text(comparison: &SuiteComparison, style: Style) -> String {
    text::draw(&Document::compared(comparison, None, Grain::FINEST), style, Level::Detail)
}

/// The comparison as one offline page, the two runs over one another.
#[must_use]
pub fn compare_html(comparison: &SuiteComparison, base: &SuiteReport, new: &SuiteReport) -> String {
    html::finest_that_fits(html::MOST_BYTES, |grain| {
        Document::compared(comparison, Some((base, new)), grain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::VerdictKind;
    use crate::ids::ScenarioId;
    use crate::measure::ResourceUnit;
    use crate::suite::{Call, Change, Comparison, Figure, FigureComparison, RunLabel};
    use crate::suite::{LimiterChange, ResourceChange, ResourceFigures};
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
            worth: (400, 390),
            visible: change.map(|(value, low, _)| match figure.quantile() {
                Some(_) => value / low * 1.05,
                None => value - low + 0.002,
            }),
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
            schema_version: 2,
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
                resources: vec![ResourceChange {
                    name: "db_pool".to_owned(),
                    unit: ResourceUnit::Share,
                    base: Some(ResourceFigures { mean: 0.4, p95: 0.5, max: 0.55 }),
                    new: Some(ResourceFigures { mean: 0.7, p95: 0.91, max: 0.95 }),
                }],
            }],
        };
        insta::assert_snapshot!(compare_text(&comparison, Style::PLAIN));
    }
}
