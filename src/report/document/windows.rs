//! The limiter's windows as they are inferred: what each identity had admitted and refused in them.

use super::super::chart::{Axis, Chart, Key, Layer, LimitLine};
use super::grain::Grain;
use super::table::{Cell, Column, Table};
use crate::admission::{Admission, Admitted};
use crate::limits::Algorithm;
use crate::measure::Ledger;
use crate::suite::ScenarioReport;
use crate::units::{self, Nanos};

/// The most windows that are drawn of one identity.
const MOST_WINDOWS: usize = 240;

/// One window of one identity, in seconds from the first request.
struct Window {
    from: f64,
    to: f64,
    admitted: u64,
    refused: bool,
}

/// A chart an identity: the one set aside first, then those that met the limit.
pub(super) fn charts(scenario: &ScenarioReport, grain: Grain) -> Vec<Chart> {
    let mut ledgers: Vec<&Ledger> = scenario.recording.ledgers.iter().collect();
    ledgers.retain(|ledger| !ledger.entries.is_empty());
    ledgers.sort_by_key(|ledger| (std::cmp::Reverse(ledger.refused), ledger.identity));
    let ids = ["window-1", "window-2", "window-3", "window-4"];
    ledgers
        .into_iter()
        .take(grain.identities)
        .zip(ids)
        .filter_map(|(l, id)| chart(scenario, l, id))
        .collect()
}

fn chart(scenario: &ScenarioReport, ledger: &Ledger, id: &'static str) -> Option<Chart> {
    let limiter = &scenario.verdict.limiter;
    let declared = limiter.declared?;
    let inferred = limiter.inferred.window_s;
    let length = inferred.map_or(declared.window.as_secs_f64(), |window| window.value);
    let windows = windows(scenario, ledger, length)?;
    if windows.iter().all(|window| window.admitted == 0 && !window.refused) {
        // Nobody can tell what the limiter made of requests that failed otherwise.
        return None;
    }
    let limit = declared.limit as f64;
    let end = windows.last().map_or(length, |window| window.to);
    let most = windows.iter().map(|w| w.admitted as f64).fold(limit, f64::max);
    let y = Axis::counting_to(most * 1.1, units::number, "requests");
    let admitted = windows.iter().filter(|w| w.admitted > 0);
    let admitted = admitted.map(|w| [w.from, 0.0, w.to, w.admitted as f64]).collect();
    let strip = y.high * 0.96;
    let refused = windows.iter().filter(|w| w.refused);
    let refused = refused.map(|w| [w.from, strip, w.to, y.high]).collect();
    let totals = format!(
        "{} admitted, {} refused in all; a strip above marks windows with refusals",
        units::count(ledger.admitted),
        units::count(ledger.refused)
    );
    let aside = if ledger.set_aside { ", set aside for the proof" } else { "" };
    let key = |key, name: &str| Key { key, name: name.to_owned() };
    let title = format!("admitted in a window: {}{aside}", ledger.label);
    let x = Axis { name: "time since the first request", ..Axis::seconds(end) };
    let label = format!("declared {}", units::count(declared.limit));
    Some(Chart {
        keys: vec![key("admitted", "admitted"), key("refused", "refused")],
        layers: vec![
            Layer::Boxes { key: "admitted", boxes: admitted },
            Layer::Boxes { key: "refused", boxes: refused },
        ],
        bounds: vec![LimitLine { at: limit, label }],
        words: vec![how(limiter.inferred.algorithm), totals],
        data: table(&windows),
        ..Chart::new(id, title, x, y)
    })
}

/// How windows came to be drawn where they are.
fn how(algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::None | Algorithm::Unknown => {
            "the kind of limiter can't be told: cut as the first request would open them".to_owned()
        }
        Algorithm::AnchoredWindow | Algorithm::AlignedWindow | Algorithm::FixedWindow => {
            format!("windows drawn as inferred: {}", algorithm.name())
        }
        kind => format!(
            "{} has no windows of its own: cut as the first request would open them",
            kind.one()
        ),
    }
}

fn table(windows: &[Window]) -> Table {
    let at = |seconds: f64| units::clock(Nanos::from_secs_f64(seconds));
    let columns = [Column::words("window"), Column::figures("admitted"), Column::words("refused")];
    let mut data = Table::new(columns);
    for window in windows.iter().take(72) {
        data.row([
            Cell::words(format!("{} to {}", at(window.from), at(window.to))),
            Cell::figure(units::count(window.admitted)),
            Cell::words(if window.refused { "yes" } else { "no" }),
        ]);
    }
    data
}

/// The entries cut into windows of `length` seconds: by the server's clock where
/// that was inferred, else each opened by the first request admitted after the
/// one before.
fn windows(scenario: &ScenarioReport, ledger: &Ledger, length: f64) -> Option<Vec<Window>> {
    let recording = &scenario.recording;
    let aligned = scenario.verdict.limiter.inferred.algorithm == Algorithm::AlignedWindow;
    let clock = recording.started_at.unix_seconds() + recording.clock_skew.unwrap_or(0.0);
    let mut entries: Vec<&Admission> = ledger.complete().iter().collect();
    entries.sort_by_key(|entry| entry.done);
    let first = entries.first()?.done.as_secs_f64();
    let mut from = if aligned { first - (clock + first).rem_euclid(length) } else { first };
    let mut windows = vec![Window { from, to: from + length, admitted: 0, refused: false }];
    for entry in entries {
        let at = entry.done.as_secs_f64();
        let yes = entry.admitted == Admitted::Yes;
        if at >= from + length && (aligned || yes) {
            from = if aligned { from + ((at - from) / length).floor() * length } else { at };
            windows.push(Window { from, to: from + length, admitted: 0, refused: false });
        }
        if windows.len() > MOST_WINDOWS {
            return None;
        }
        let last = windows.last_mut()?;
        last.admitted += u64::from(yes);
        last.refused |= entry.admitted == Admitted::No;
    }
    for window in &mut windows {
        window.from = window.from.max(0.0);
    }
    Some(windows)
}
