//! `<scenario>.hgrm`: the `HdrHistogram` percentile table of accepted response times.

use std::fmt::Write as _;

use super::figures;
use crate::measure::Trend;
use crate::suite::ScenarioReport;

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
    let mut seen = 0_u64;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        seen = seen.max(seen + step.count_since_last_iteration());
        let value = step.value_iterated_to() as f64 / 1e3;
        let quantile = step.quantile_iterated_to();
        let _ = write!(text, "{value:12.3} {quantile:2.12} {seen:10}");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

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
    fn no_samples_are_a_table_without_rows() {
        let text = percentile_table(&Trend::default());
        assert!(text.contains("Total count    =            0]"), "{text}");
    }
}
