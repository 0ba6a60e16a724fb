//! A selector compiled against one scenario: matching a sample costs a few comparisons.

use super::{Sample, StageKind, StageRecord};
use crate::ids::{ScenarioId, Traffic};
use crate::outcome::Outcome;
use crate::tags::{Label, Selector, TagKey};

/// What a sample must carry. Selectors that name what only arrivals have
/// (stage, outcome, labels) match arrivals only.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    /// Nothing can match: another scenario, an unknown value.
    never: bool,
    arrivals_only: bool,
    outcomes: u16,
    stages: Option<Vec<bool>>,
    status: Option<u16>,
    labels: u64,
}

impl Matcher {
    pub(super) fn new(
        selector: &Selector,
        scenario: ScenarioId,
        labels: &[Label],
        stages: &[StageRecord],
    ) -> Self {
        let mut matcher = Self {
            never: false,
            arrivals_only: false,
            outcomes: u16::MAX,
            stages: None,
            status: None,
            labels: 0,
        };
        for (key, value) in selector.iter() {
            matcher.narrow(key, value, scenario, labels, stages);
        }
        matcher
    }

    fn narrow(
        &mut self,
        key: TagKey,
        value: &str,
        scenario: ScenarioId,
        labels: &[Label],
        stages: &[StageRecord],
    ) {
        let accepted = 1 << Outcome::Accepted as u16;
        match key {
            TagKey::Scenario => self.never |= scenario.name() != value,
            TagKey::Status => match value.parse() {
                Ok(status) => self.status = Some(status),
                Err(_) => self.never = true,
            },
            TagKey::Outcome => match Outcome::parse(value) {
                Some(outcome) => self.outcomes &= 1 << outcome as u16,
                None => self.never = true,
            },
            TagKey::ExpectedResponse => match value {
                "true" => self.outcomes &= accepted,
                "false" => self.outcomes &= !accepted,
                _ => self.never = true,
            },
            TagKey::Stage => {
                self.stages = Some(stages.iter().map(|stage| is_in(stage, value)).collect());
            }
            TagKey::Own(_) => {
                let index =
                    labels.iter().position(|label| label.key == key && label.value == value);
                match index {
                    Some(index) if index < 64 => self.labels |= 1 << index,
                    _ => self.never = true,
                }
            }
        }
        self.arrivals_only |= !matches!(key, TagKey::Scenario | TagKey::Status);
    }

    pub(super) fn matches(&self, sample: &Sample) -> bool {
        let arrival = sample.traffic == Traffic::Arrival;
        !self.never
            && (arrival || !self.arrivals_only)
            && (!arrival || self.outcomes >> sample.outcome as u16 & 1 == 1)
            && self.status.is_none_or(|status| status == sample.status)
            && sample.labels.0 & self.labels == self.labels
            && self.stages.as_ref().is_none_or(|stages| {
                stages.get(usize::from(sample.stage)).copied().unwrap_or(false)
            })
    }
}

fn is_in(stage: &StageRecord, value: &str) -> bool {
    match value {
        "hold" => stage.kind == StageKind::Hold,
        "ramp" => stage.kind == StageKind::Ramp,
        number => number.parse() == Ok(stage.number),
    }
}
