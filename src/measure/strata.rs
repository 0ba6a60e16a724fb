//! The bins of a timeline, stage by stage: what the plan explains is no noise.

use std::ops::Range;

use super::{Recording, StageKind, StageRecord};
use crate::tags::{Selector, TagKey};

/// Shorter stages are taken together with a neighbour.
const SHORTEST: usize = 10;

/// Neighbouring bins under one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stratum {
    /// Which bins.
    pub bins: Range<usize>,
    /// Whether the rate changes in it, and the level with the rate.
    pub ramp: bool,
}

/// The bins of every stage that `selector` asks for (its tag `stage`; all stages
/// where it has none); a short stage shares a stratum with its neighbour.
#[must_use]
pub fn strata(recording: &Recording, selector: &Selector) -> Vec<Stratum> {
    let bins = recording.timeline.bins.len();
    let width = u64::from(recording.timeline.width.max(1)) * 1_000_000_000;
    let wanted = |stage: &&StageRecord| match selector.get(TagKey::Stage) {
        None => true,
        Some("hold") => stage.kind == StageKind::Hold,
        Some("ramp") => stage.kind == StageKind::Ramp,
        Some(number) => number == stage.number.to_string(),
    };
    let mut found: Vec<Stratum> = Vec::new();
    for stage in recording.stages.iter().filter(wanted) {
        let bin = |at: u64| usize::try_from(at.div_ceil(width)).unwrap_or(bins).min(bins);
        let (start, end) = (bin(stage.start.0), bin(stage.end.0));
        let ramp = stage.kind == StageKind::Ramp;
        match found.last_mut() {
            Some(last) if last.bins.end == start && too_short(&last.bins, &(start..end)) => {
                // What most of it is.
                last.ramp = if last.bins.len() < end - start { ramp } else { last.ramp };
                last.bins.end = end;
            }
            _ => found.push(Stratum { bins: start..end, ramp }),
        }
    }
    if selector.get(TagKey::Stage).is_none() {
        // Arrivals due at the very end, and recordings without stages.
        match found.last_mut() {
            Some(last) => last.bins.end = bins,
            None => found.push(Stratum { bins: 0..bins, ramp: false }),
        }
    }
    found.retain(|stratum| !stratum.bins.is_empty());
    found
}

fn too_short(left: &Range<usize>, right: &Range<usize>) -> bool {
    left.len() < SHORTEST || right.len() < SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ScenarioId;
    use crate::measure::{Ended, Second};
    use crate::units::{Nanos, Timestamp};

    fn recording(stages: &[(StageKind, u64)]) -> Recording {
        let mut recording = Recording::empty(
            ScenarioId::fixed("webhook"),
            Timestamp { unix_millis: 0 },
            Ended::Completed,
        );
        let mut start = 0;
        for (number, (kind, seconds)) in (1..).zip(stages) {
            recording.stages.push(StageRecord {
                number,
                kind: *kind,
                start: Nanos::from_secs(start),
                end: Nanos::from_secs(start + seconds),
                target: 1.0,
                planned: 0,
                sent_within: 0,
                dropped: 0,
            });
            start += seconds;
        }
        let bins = usize::try_from(start).expect("few");
        recording.timeline.bins = vec![Second::default(); bins];
        recording
    }

    fn bins(recording: &Recording, stage: Option<&str>) -> Vec<Range<usize>> {
        let all = Selector::all();
        let selector = stage.map_or(all.clone(), |stage| all.with(TagKey::Stage, stage));
        strata(recording, &selector).into_iter().map(|stratum| stratum.bins).collect()
    }

    #[test]
    fn short_stages_share_a_stratum_and_a_selector_picks_its_own() {
        use StageKind::{Hold, Ramp};
        let run = recording(&[(Ramp, 4), (Ramp, 20), (Hold, 60), (Ramp, 3)]);
        assert_eq!(bins(&run, None), [0..24, 24..87]);
        assert_eq!(bins(&run, Some("hold")), std::iter::once(24..84).collect::<Vec<_>>());
        assert_eq!(bins(&run, Some("ramp")), [0..24, 84..87]);
        assert_eq!(bins(&run, Some("2")).first(), Some(&(4..24)));
        assert!(bins(&run, Some("7")).is_empty());
        assert!(bins(&recording(&[]), None).is_empty());
    }
}
