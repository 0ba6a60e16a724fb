//! The verdict on what a stored run measured, and how it differs from the stored one.

use super::super::SuiteReport;
use crate::gate::{self, Verdict, VerdictKind};
use crate::measure::Ended;

/// Why what was saved of a run as it went is no pass.
const UNENDED: &str = "partial, the run never ended";
/// Why a run of which nobody kept what it was to do is none either.
const NOT_ASKED: &str = "nobody kept which scenarios were to run: some may be missing";

impl SuiteReport {
    /// Whether a signal ended it, or one of its scenarios.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        self.scenarios.iter().any(|s| matches!(s.recording.ended, Ended::Interrupted { .. }))
    }

    /// Judges what was measured, as the run itself did; what the report says of its
    /// verdict is replaced. `baseline`: what thresholds relative to one are held
    /// against; without it, what the run kept of its own.
    pub fn judge(&mut self, baseline: Option<&Self>) {
        for scenario in &mut self.scenarios {
            let before = baseline.and_then(|suite| suite.scenario(scenario.plan.scenario));
            let before = before.map(|scenario| &scenario.recording);
            if let Some(before) = before {
                scenario.plan.criteria.hold_against(before);
            }
            scenario.verdict = gate::evaluate(&scenario.plan.criteria, &scenario.recording, before);
        }
        self.weigh();
    }

    /// The suite's verdict and first line from those of its scenarios.
    pub fn weigh(&mut self) {
        let verdicts: Vec<Verdict> = self.scenarios.iter().map(|s| s.verdict.clone()).collect();
        (self.verdict, self.headline) = gate::suite(&verdicts, self.allow_skip);
        let missing: Vec<&str> = self
            .asked
            .iter()
            .filter(|id| self.scenarios.iter().all(|s| s.plan.scenario != **id))
            .map(|id| id.name())
            .collect();
        if !missing.is_empty() && self.verdict == VerdictKind::Pass {
            self.verdict = VerdictKind::Inconclusive;
            self.headline = format!(
                "inconclusive: nothing is here of {}, which was to run",
                missing.join(", ")
            );
        }
        if self.asked.is_empty() && self.verdict == VerdictKind::Pass {
            self.verdict = VerdictKind::Inconclusive;
            self.headline = format!("inconclusive: {NOT_ASKED}");
        }
        if self.partial && self.verdict == VerdictKind::Pass {
            self.verdict = VerdictKind::Inconclusive;
            self.headline = format!("inconclusive: {UNENDED}");
        }
        if let Some(doubt) = self.doubts.first().filter(|_| self.verdict == VerdictKind::Pass) {
            self.verdict = VerdictKind::Inconclusive;
            self.headline = format!("inconclusive: {doubt}");
        }
    }

    /// Notes what keeps a pass from being one.
    pub fn doubt(&mut self, why: String) {
        if !self.doubts.contains(&why) {
            self.doubts.push(why);
        }
        self.weigh();
    }

    /// [`SuiteReport::judge`] of a stored run: what it says of its verdict isn't
    /// believed, and where that differs the report says so.
    #[must_use]
    pub fn judged_anew(mut self, baseline: Option<&Self>) -> Self {
        let said: Vec<VerdictKind> = self.scenarios.iter().map(|s| s.verdict.kind).collect();
        let whole = self.verdict;
        self.judge(baseline);
        let scenarios = self.scenarios.iter().zip(said);
        let mut differ: Vec<String> = scenarios
            .filter(|(scenario, said)| scenario.verdict.kind != *said)
            .map(|(scenario, said)| {
                format!("{} is {}, stored as {said}", scenario.plan.scenario, scenario.verdict.kind)
            })
            .collect();
        if differ.is_empty() && self.verdict != whole {
            differ.push(format!("the run is {}, stored as {whole}", self.verdict));
        }
        if !differ.is_empty() {
            let caveat = format!(
                "the stored verdict is not what was measured: judged anew by load-gate {}, {}",
                crate::VERSION,
                differ.join("; ")
            );
            if !self.caveats.contains(&caveat) {
                self.caveats.insert(0, caveat);
            }
        }
        self
    }
}
