//! A load that may go on: its last hold, while a threshold is close.

use serde::{Deserialize, Serialize};

use super::schedule::{Schedule, Stage};
use crate::units::Nanos;

/// How often a run that may go on is looked at, the planned end included: the error
/// of its intervals is shared out over the looks.
pub const LOOKS: u32 = 3;

/// How long the last hold may go on, and how long it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// At most, beyond the planned end.
    pub most: Nanos,
    /// So much of it is in the stages already.
    #[serde(default)]
    pub done: Nanos,
}

impl Extension {
    /// How much longer the hold lasts after it went on `times` times (of two at most).
    #[must_use]
    pub fn after(&self, times: u32) -> Nanos {
        Nanos(self.most.0 / u64::from(LOOKS - 1) * u64::from(times.min(LOOKS - 1)))
    }
}

/// The last stage that holds a rate above zero for a while.
#[must_use]
pub fn last_hold(stages: &[Stage]) -> Option<usize> {
    let from = std::iter::once(0.0).chain(stages.iter().map(|stage| stage.target));
    let holds = stages.iter().zip(from).map(|(stage, from)| {
        stage.target > 0.0 && stage.target == from && stage.duration > Nanos::ZERO
    });
    holds.enumerate().filter(|(_, holds)| *holds).last().map(|(index, _)| index)
}

/// `stages`, their last hold lasting `more` longer.
#[must_use]
pub fn prolonged(stages: &[Stage], more: Nanos) -> Vec<Stage> {
    let mut stages = stages.to_vec();
    if let Some(hold) = last_hold(&stages).and_then(|index| stages.get_mut(index)) {
        hold.duration += more;
    }
    stages
}

/// `stages`, their last hold lasting `less` shorter.
#[must_use]
pub(super) fn shortened(stages: &[Stage], less: Nanos) -> Vec<Stage> {
    let mut stages = stages.to_vec();
    if let Some(hold) = last_hold(&stages).and_then(|index| stages.get_mut(index)) {
        hold.duration = hold.duration.saturating_sub(less);
    }
    stages
}

/// When the last hold of `stages` ends.
#[must_use]
pub fn end_of_last_hold(stages: &[Stage]) -> Option<Nanos> {
    let index = last_hold(stages)?;
    Some(Schedule::new(stages.get(..=index)?).duration())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stages(list: &[(u64, f64)]) -> Vec<Stage> {
        list.iter()
            .map(|&(millis, target)| Stage { duration: Nanos::from_millis(millis), target })
            .collect()
    }

    #[test]
    fn the_last_hold_goes_on_and_ramps_do_not() {
        let ramp_down = stages(&[(1000, 5.0), (2000, 5.0), (1000, 9.0), (3000, 9.0), (500, 0.0)]);
        assert_eq!(last_hold(&ramp_down), Some(3));
        assert_eq!(end_of_last_hold(&ramp_down), Some(Nanos::from_secs(7)));
        let longer = prolonged(&ramp_down, Nanos::from_secs(4));
        assert_eq!(longer[3].duration, Nanos::from_secs(7));
        assert_eq!(last_hold(&stages(&[(1000, 5.0), (0, 0.0), (1000, 0.0)])), None);
    }

    proptest! {
        #[test]
        fn a_load_that_goes_on_has_sent_the_same_until_then(
            list in prop::collection::vec((0_u64..4000, 0.0_f64..50.0), 0..3),
            hold in 1_u64..5000,
            rate in 0.5_f64..80.0,
            more in 1_u64..5000,
            down in 0_u64..3000,
        ) {
            let mut list = list;
            list.extend([(0, rate), (hold, rate), (down, 0.0)]);
            let planned = stages(&list);
            let (short, long) =
                (Schedule::new(&planned), Schedule::new(&prolonged(&planned, Nanos::from_millis(more))));
            let end = end_of_last_hold(&planned).expect("it holds");
            for (one, other) in short.iter().zip(long.iter()).take_while(|(one, _)| one.2 < end) {
                prop_assert_eq!(one, other);
            }
            let until = end.saturating_sub(Nanos(1));
            prop_assert_eq!(short.arrivals_by(until), long.arrivals_by(until));
        }
    }
}
