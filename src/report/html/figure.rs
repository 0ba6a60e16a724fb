//! A chart on a page: legend, words, picture, values to read off, and the table behind it.

use maud::{Markup, PreEscaped, html};

use super::super::chart::{self, Chart};
use super::super::escape::one_line;
use super::table::{swatch, table};

/// The chart `chart` of the chapter `of`, in which it has the number `at`.
pub(super) fn figure(chart: &Chart, of: &str, at: &str) -> Markup {
    let name = format!("{of}-{}", chart.id);
    let title = one_line(&chart.title);
    html! {
        figure.chart id=(name) {
            figcaption {
                b { (title) }
                @for key in &chart.keys { span.key-name { (swatch(key.key)) (one_line(&key.name)) } }
            }
            @for words in &chart.words { p.said { (one_line(words)) } }
            div.plot {
                (PreEscaped(chart::svg(chart)))
                @if !chart.readings.is_empty() { (readings(chart, at)) }
            }
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

/// One radio button a step: a pointer over it, or the arrow keys, show what
/// stands there. `hidden` keeps them away where no style sheet takes it back.
fn readings(chart: &Chart, name: &str) -> Markup {
    html! {
        div.readings hidden role="radiogroup" aria-label={ "values of: " (one_line(&chart.title)) } {
            @for reading in &chart.readings {
                label { input type="radio" name=(name); i { (reading) } }
            }
        }
    }
}
