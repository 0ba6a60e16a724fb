//! Where answers were slow: seconds in which they stood still, and the slowest stage.

use crate::measure::{Recording, Second, span_of};
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};
use crate::units::{self, Nanos};

/// A second stands out when its upper quartile is that many times the usual.
const TIMES: u64 = 10;
/// And when it is longer than this.
const LEAST: Nanos = Nanos::from_millis(250);
/// The fewest seconds among which one can stand out.
const FEWEST_BINS: usize = 2;
/// The fewest arrivals from which a second's answers are judged.
const FEWEST: u32 = 4;
/// The most stretches that are listed.
const MOST: usize = 3;

/// Seconds in which responses stood still while the others were quick:
/// `responses stood still around 0:09–0:10 (up to 1.00 s)`.
pub(super) fn stalls(recording: &Recording) -> Option<String> {
    let timeline = &recording.timeline;
    let mut medians: Vec<Nanos> = timeline.bins.iter().filter_map(|b| share_of(b, 0.5)).collect();
    if medians.len() < FEWEST_BINS {
        return None;
    }
    medians.sort();
    // The lower one of two: half of a short run may stand still.
    let usual = medians[(medians.len() - 1) / 2];
    let slow = |bin: &Second| {
        let stands_out = |p75: Nanos| p75 > LEAST && p75.0 > usual.0 * TIMES;
        // What was sent late there isn't the target's standing still.
        let of_target = |p75: Nanos| p75 - Nanos::from_micros(bin.lag.into());
        silent(bin) || share_of(bin, 0.75).is_some_and(|p75| stands_out(of_target(p75)))
    };
    let mut stretches: Vec<(usize, usize, Nanos)> = Vec::new();
    for (i, bin) in timeline.bins.iter().enumerate().filter(|(_, bin)| slow(bin)) {
        let longest = bin.response.highest().map_or(Nanos::ZERO, span_of);
        match stretches.last_mut() {
            Some((_, end, most)) if *end == i => {
                (*end, *most) = (i + 1, longest.max(*most));
            }
            _ => stretches.push((i, i + 1, longest)),
        }
    }
    let most = stretches.iter().map(|(_, _, longest)| *longest).max()?;
    let width = u64::from(timeline.width);
    let mut when: Vec<String> = stretches
        .iter()
        .take(MOST)
        .map(|(start, end, _)| format!("{}–{}", clock(*start, width), clock(*end, width)))
        .collect();
    if stretches.len() > MOST {
        when.push(format!("{} more stretches", stretches.len() - MOST));
    }
    let how_long = if most == Nanos::ZERO { String::new() } else { format!(" (up to {most})") };
    let usual = format!("; usually half of them take at most {usual}");
    Some(format!("responses stood still around {}{how_long}{usual}", when.join(", ")))
}

/// Hardly anything that was due then was answered at all.
fn silent(bin: &Second) -> bool {
    let lost = bin.outcomes.get(Outcome::Timeout);
    let late = Nanos::from_micros(bin.lag.into()) > LEAST;
    !late && bin.due >= FEWEST && lost * 10 >= u64::from(bin.due) * 9
}

/// The quantile of a bin's accepted answers.
fn share_of(bin: &Second, share: f64) -> Option<Nanos> {
    let all = bin.response.total();
    if all < u64::from(FEWEST) {
        return None;
    }
    let rank = (all as f64 * share).ceil() as u64;
    let mut seen = 0;
    let found = bin.response.iter().find(|(_, n)| {
        seen += u64::from(*n);
        seen >= rank
    });
    found.map(|(bucket, _)| span_of(bucket))
}

fn clock(bin: usize, width: u64) -> String {
    units::clock(Nanos::from_secs(bin as u64 * width))
}

/// The stage whose answers were the slowest: `slowest in stage 3 (hold, 100/s): p95 1.20 s`;
/// `None` where there is only one stage to tell of.
pub(super) fn slowest_stage(recording: &Recording) -> Option<String> {
    let p95s = recording.stages.iter().filter_map(|stage| {
        let tag = Selector::all().with(TagKey::Stage, stage.number.to_string());
        let p95 = recording.slice(&tag)?.response_time.quantile(0.95)?;
        Some((p95, stage))
    });
    let all: Vec<_> = p95s.collect();
    let (p95, stage) = all.iter().max_by_key(|(p95, _)| *p95)?;
    (all.len() > 1).then(|| {
        let kind = match stage.kind {
            crate::measure::StageKind::Hold => "hold",
            crate::measure::StageKind::Ramp => "ramp",
        };
        let rate = crate::units::rate(stage.target);
        format!("slowest in stage {} ({kind}, to {rate}): p95 {p95}", stage.number)
    })
}
