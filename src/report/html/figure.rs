//! A chart on a page: legend, words, picture, and the table behind it.

use maud::{Markup, PreEscaped, html};

use super::super::chart::{self, Chart};
use super::super::escape::one_line;
use super::table::{swatch, table};

/// The chart `chart` of the chapter `of`.
pub(super) fn figure(chart: &Chart, of: &str) -> Markup {
    let name = format!("{of}-{}", chart.id);
    let title = one_line(&chart.title);
    html! {
        figure.chart id=(name) {
            figcaption {
                b { (title) }
                @for key in &chart.keys { span.key-name { (swatch(key.key)) (one_line(&key.name)) } }
            }
            @for words in &chart.words { p.said { (one_line(words)) } }
            div.plot { (PreEscaped(chart::svg(chart))) }
            p.axes.quiet { (chart.y.name) " over " (chart.x.name) }
            @if !chart.data.rows.is_empty() {
                details.data {
                    summary { "The figures" }
                    (table(&chart.data, &format!("figures of: {title}")))
                }
            }
        }
    }
}
