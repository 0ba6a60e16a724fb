//! A chart for readers of Markdown.

use super::super::sparkline::shrink;
use super::model::Chart;
use crate::units;

/// The chart as Mermaid.
pub(in crate::report) fn mermaid(chart: &Chart) -> String {
    if chart.plain.is_empty() {
        return String::new();
    }
    let mut lines = String::new();
    for (_, values) in &chart.plain {
        let shown = shrink(values, 60);
        let shown: Vec<String> = shown.iter().map(|v| units::number(v.unwrap_or(0.0))).collect();
        add!(lines, "    line [{}]\n", shown.join(", "));
    }
    let names: Vec<&str> = chart.plain.iter().map(|(name, _)| *name).collect();
    let end = units::number(chart.x.high);
    format!(
        "```mermaid\nxychart-beta\n    title \"{}: {}\"\n    x-axis \"seconds\" 0 --> {end}\n    \
         y-axis \"\"\n{lines}```\n",
        chart.title,
        names.join(", ")
    )
}
