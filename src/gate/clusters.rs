//! Where failures gather: the values of a tag that they share far beyond chance.

use std::collections::BTreeSet;

use super::stalls;
use crate::measure::intervals::wilson;
use crate::measure::{Recording, Slice};
use crate::outcome::Outcome;
use crate::tags::TagKey;
use crate::units::count;

/// Failures needed before anything is said.
const FEWEST: u64 = 5;
/// The most that is said.
const MOST: usize = 3;
/// Confidence of the two failure rates' intervals, which must not overlap.
const CONFIDENCE: f64 = 0.99;

/// Sentences such as `all 37 failures have provider:openai`. A value is named
/// when its failure rate is above that of all others by more than chance.
pub(super) fn find(recording: &Recording) -> Vec<String> {
    let (all, judged) = failures(recording.total());
    let mut sentences: Vec<String> = stalls::stalls(recording).into_iter().collect();
    if all < FEWEST || all == judged {
        return sentences;
    }
    let tagged = recording.slices.iter().filter_map(|(selector, slice)| {
        let mut tags = selector.iter();
        let (key, value) = tags.next()?;
        let by = matches!(key, TagKey::Own(_) | TagKey::Stage);
        let (failed, of) = failures(slice);
        (by && tags.next().is_none()).then(|| (format!("{}:{value}", key.name()), failed, of))
    });
    let mut stages = BTreeSet::new();
    // `stage:hold` and the number of the only hold are one and the same.
    let tagged = tagged.filter(|(name, failed, of)| {
        !name.starts_with(TagKey::Stage.name()) || stages.insert((*failed, *of))
    });
    let by_identity = recording.ledgers.iter().filter(|ledger| !ledger.set_aside).map(|ledger| {
        (format!("identity {}", ledger.label), ledger.failed, ledger.admitted + ledger.unknown)
    });
    let mut found: Vec<(f64, String)> = tagged
        .chain(by_identity)
        .filter_map(|(name, failed, of)| {
            let lift = gathers(failed, of, all, judged)?;
            let share = if failed >= all {
                format!("all {} failures have {name}", count(all))
            } else {
                format!("{} of {} failures have {name}", count(failed), count(all))
            };
            Some((
                lift,
                format!("{share} ({} of the others failed)", count(all.saturating_sub(failed))),
            ))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    sentences.extend(found.into_iter().take(MOST).map(|(_, text)| text));
    sentences
}

/// Failed, and judged: everything sent but rate limited.
fn failures(slice: &Slice) -> (u64, u64) {
    let judged = slice.outcomes.sent() - slice.outcomes.get(Outcome::RateLimited);
    (judged - slice.outcomes.get(Outcome::Accepted), judged)
}

/// How far apart the failure rates with and without the tag are, if they are
/// apart for certain and most failures have the tag.
fn gathers(failed: u64, of: u64, all: u64, judged: u64) -> Option<f64> {
    let (other_failed, others) = (all.checked_sub(failed)?, judged.checked_sub(of)?);
    if failed < FEWEST || others == 0 || failed * 2 <= all {
        return None;
    }
    let (low, _) = wilson(failed, of, CONFIDENCE)?;
    let (_, high) = wilson(other_failed, others, CONFIDENCE)?;
    (low > high).then_some(low - high)
}
