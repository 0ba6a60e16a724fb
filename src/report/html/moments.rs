//! The charts over the time of a load, which share its moments: a column a moment reaches through
//! all of them and shows what each has there.

use maud::{Markup, PreEscaped, html};

use super::super::chart::{Chart, Readings};
use super::super::escape;
use super::figure::figure;

/// What a reader looks for first.
const FIRST: [&str; 2] = ["latency", "outcomes"];

/// The charts of the chapter `of`, which is the page's number `at`.
pub(super) fn together(charts: &[&Chart], of: &str, at: usize) -> Markup {
    let rank = |chart: &&Chart| FIRST.iter().position(|id| *id == chart.id).unwrap_or(FIRST.len());
    let mut charts = charts.to_vec();
    charts.sort_by_key(rank);
    let told: Vec<&Readings> = charts.iter().filter_map(|c| c.readings.as_ref()).collect();
    let told: Vec<&Readings> = told.into_iter().filter(|r| !r.names.is_empty()).collect();
    html! {
        details.section open {
            summary {
                h3 { "Over time" }
                span.hint.quiet { " point at a moment, or choose it with the arrow keys, to read all of these off" }
            }
            div.time {
                @if let Some(first) = told.first() {
                    p.names hidden aria-hidden="true" {
                        b { "at" }
                        @for name in names(&told) { b { (name) } }
                    }
                    (moments(&first.moments, &told, at))
                }
                @for chart in charts { (figure(chart, of)) }
            }
        }
    }
}

fn names(told: &[&Readings]) -> Vec<String> {
    told.iter().flat_map(|readings| &readings.names).map(|name| escape::one_line(name)).collect()
}

/// One radio button a moment: a pointer over its column, or the arrow keys, show its values,
/// a line each. There are hundreds, so nothing is written twice: their names stand above
/// them. `hidden` keeps them away where no style sheet takes it back.
fn moments(moments: &[String], told: &[&Readings], at: usize) -> Markup {
    let mut labels = String::new();
    for (i, moment) in moments.iter().enumerate() {
        add!(labels, "<label><input type=radio name=t{at}><i>{}", escape::html(moment));
        for readings in told {
            // A run that ended sooner has nothing to say of the other's last moments.
            let row = readings.rows.get(i);
            for k in 0..readings.names.len() {
                let value = row.and_then(|row| row.get(k)).map_or("–", String::as_str);
                add!(labels, "\n{}", escape::html(value));
            }
        }
        labels.push_str("</i></label>");
    }
    let named = format!("values of a moment: at, {}", names(told).join(", "));
    html! { div.moments hidden role="radiogroup" aria-label=(named) { (PreEscaped(labels)) } }
}
