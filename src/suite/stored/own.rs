//! Whether what the generator is said to have made of a run itself can have been its doing:
//! it takes accusations back (docs/verdict.md), so it is no more than was measured of it.

use super::place::{Found, Place};
use crate::measure::{Ended, Recording, Slice};
use crate::outcome::Outcome;
use crate::units::Nanos;

/// A longer answer comes in several goes, in each of which the generator may be away.
const ONE_GO: u64 = 64 * 1024;
/// What a histogram calls nothing: its first step.
const NOTHING: Nanos = Nanos::from_micros(1);
/// What a histogram and the moments between two looks at a clock leave open.
const OPEN: Nanos = Nanos::from_millis(1);
/// How long a thread may have been taken for away before a request of which it counts.
const BEFORE: Nanos = Nanos::from_secs(1);

/// What of the recording at `here` the generator can't have made, if anything.
pub(super) fn look(here: &Place, recording: &Recording) -> Found {
    let slices = here.at("slices");
    for (selector, slice) in &recording.slices {
        let here = slices.keyed(&selector.to_string());
        let ends = [Outcome::Timeout, Outcome::Transport];
        let lost = ends.iter().fold(0_u64, |sum, of| sum.saturating_add(slice.outcomes.get(*of)));
        let place = here.at("excused");
        place.within("excused", slice.excused, "timeouts and lost connections", lost)?;
        place.within("excused", slice.excused, "in all", recording.total().excused)?;
        held(&here.at("held"), slice, recording)?;
    }
    Ok(())
}

/// What is held of a service time is how late a bunch was, and how long the generator was
/// away: on an open connection the last time only, and so no longer than the longest.
fn held(here: &Place, slice: &Slice, recording: &Recording) -> Found {
    let away = recording.generator.longest_away;
    let most = bunched(recording) + away;
    // A histogram knows three digits.
    let most = most + Nanos(most.0 / 500) + OPEN;
    let count = |beyond: Nanos, spans: &mut dyn Iterator<Item = (Nanos, u64)>| -> u64 {
        spans.filter(|(span, _)| *span > beyond).map(|(_, n)| n).sum()
    };
    let longer = count(most, &mut slice.held.spans());
    let opened = count(NOTHING, &mut slice.phases.blocked.spans());
    let fits = longer <= opened.saturating_add(slice.bytes_received / ONE_GO);
    here.must(fits, || format!("the generator was neither away nor late by more than {most}"))?;
    let service = slice.service_time.max().unwrap_or_default();
    let fits = slice.held.max().unwrap_or_default() <= most + service + away + BEFORE;
    here.must(fits, || "it is longer than the requests and what came before".to_owned())
}

/// How late a bunch was sent, at most. Of arrivals that didn't come to an end of their own
/// nobody knows: they can't have been later than the load lasted.
fn bunched(recording: &Recording) -> Nanos {
    let generator = &recording.generator;
    let lag = recording.total().lag.max().unwrap_or_default();
    let all = recording.ended == Ended::Completed && generator.sent >= generator.planned;
    if all { lag } else { lag.max(recording.duration + BEFORE) }
}
