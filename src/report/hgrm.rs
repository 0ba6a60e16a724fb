//! `<scenario>.hgrm`: the `HdrHistogram` percentile table of accepted response times.

use std::fmt::Write as _;

use super::figures;
use crate::measure::Trend;
use crate::suite::ScenarioReport;
use crate::units::Nanos;

/// Lines per halving of the distance to 100 %, as `HdrHistogram`'s own tools use.
const TICKS_PER_HALF: u32 = 5;

/// The percentile table of the response time of accepted arrivals, in
/// milliseconds, as `HdrHistogram`'s `outputPercentileDistribution` writes it
/// (plottable by its web page and by `hdr-plot`).
#[must_use]
pub fn hgrm(scenario: &ScenarioReport) -> String {
    percentile_table(&figures::accepted(&scenario.recording).response_time)
}

fn percentile_table(trend: &Trend) -> String {
    let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let histogram = trend.histogram();
    for (quantile, value, up_to) in rows(trend) {
        let value = value.as_millis_f64();
        let _ = write!(text, "{value:12.3} {quantile:2.12} {up_to:10}");
        if quantile < 1.0 {
            let _ = write!(text, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        text.push('\n');
    }
    let mean = trend.mean().unwrap_or(0.0) / 1e6;
    let deviation = if trend.is_empty() { 0.0 } else { histogram.stdev() / 1e3 };
    let max = trend.max().unwrap_or_default().as_millis_f64();
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", trend.count());
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {:12}]", histogram.buckets(), 2048);
    text
}

/// The rows: a quantile, the span that [`Trend::quantile`] gives for it as in every
/// other figure, and how many spans aren't longer. The quantiles are those of
/// `HdrHistogram`: each halving of the distance to 100 % has as many ticks as the one
/// before, up to the first that the longest span answers, and then 100 %.
fn rows(trend: &Trend) -> Vec<(f64, Nanos, u64)> {
    let mut rows = Vec::new();
    let (mut quantile, all) = (0.0, trend.count());
    let Some(longest) = trend.max() else { return rows };
    loop {
        let value = trend.quantile(quantile).unwrap_or(longest);
        let up_to = trend.up_to(value);
        rows.push((quantile, value, up_to));
        if up_to >= all {
            break;
        }
        let halvings = (1.0 / (1.0 - quantile)).log2().floor() + 1.0;
        let step = 1.0 / (f64::from(TICKS_PER_HALF) * halvings.exp2());
        quantile = (quantile + step).min(1.0);
    }
    rows.push((1.0, longest, all));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_counts_every_sample_and_ends_at_the_maximum() {
        let mut trend = Trend::default();
        for ms in 1..=1000 {
            trend.record(Nanos::from_millis(ms));
        }
        let text = percentile_table(&trend);
        let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap_or_default();
        let cells: Vec<&str> = last.split_whitespace().collect();
        assert_eq!(cells.get(1..), Some(&["1.000000000000", "1000"][..]), "{last}");
        assert!(
            text.contains("#[Max     =     1000.000, Total count    =         1000]"),
            "{text}"
        );
    }

    #[test]
    fn every_row_is_the_figure_that_reports_show() {
        for n in [1, 2, 3, 7, 10, 58, 999, 1000, 4321] {
            let mut trend = Trend::default();
            for i in 0..n {
                trend.record(Nanos::from_micros(900 + i * i % 7919 * 13));
            }
            let text = percentile_table(&trend);
            let mut before = 0;
            for line in text.lines().skip(2).filter(|line| !line.starts_with('#')) {
                let cell = |at: usize| line.split_whitespace().nth(at).expect("a cell");
                let quantile: f64 = cell(1).parse().expect("a quantile");
                let figure = trend.quantile(quantile).expect("a figure").as_millis_f64();
                assert_eq!(cell(0), format!("{figure:.3}"), "{n}: {line}");
                let up_to: u64 = cell(2).parse().expect("a count");
                assert!(up_to >= before && up_to as f64 >= quantile * n as f64 - 1e-6, "{line}");
                before = up_to;
            }
            assert_eq!(before, n);
        }
    }

    #[test]
    fn the_ticks_are_those_of_hdr_histogram() {
        let mut trend = Trend::default();
        (1..=1000).for_each(|ms| trend.record(Nanos::from_millis(ms)));
        let ours: Vec<f64> = rows(&trend).into_iter().map(|(quantile, ..)| quantile).collect();
        let histogram = trend.histogram();
        let theirs = histogram.iter_quantiles(TICKS_PER_HALF);
        let theirs: Vec<f64> = theirs.map(|step| step.quantile_iterated_to()).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn no_samples_are_a_table_without_rows() {
        let text = percentile_table(&Trend::default());
        assert!(text.contains("Total count    =            0]"), "{text}");
    }
}
