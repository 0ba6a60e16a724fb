//! Two suite reports, compared: what of them is comparable, and what differs for certain.

mod comparable;
mod headline;
#[cfg(test)]
mod tests;

use serde::Serialize;

use self::comparable::{obstacles, pairs, surroundings};
use super::{
    Call, Comparison, Figure, ScenarioReport, Side, SuiteReport, compare_scenario,
    figures_to_compare,
};
use crate::gate::VerdictKind;
use crate::units::Timestamp;

pub use self::headline::{figure_name, unnoticed};

/// How sure a comparison is over everything it compares: at most one comparison
/// in a hundred of two runs of the same target finds any difference at all.
pub const COMPARE_CONFIDENCE: f64 = 0.99;

/// The version of the form that `compare --json` prints: 2 has no `block_seconds`, and
/// `worth` and `visible` a figure.
const COMPARISON_VERSION: u32 = 2;

/// Which run a side of the comparison is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunLabel {
    /// Its id.
    pub run_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The environment's name.
    pub environment: String,
    /// The base URL.
    pub url: String,
    /// The profile.
    pub profile: String,
    /// The commit under test, if known.
    pub commit: Option<String>,
    /// Its verdict.
    pub verdict: VerdictKind,
}

impl RunLabel {
    fn of(suite: &SuiteReport) -> Self {
        Self {
            run_id: suite.run_id.clone(),
            started_at: suite.started_at,
            environment: suite.environment.name.clone(),
            url: suite.environment.url.clone(),
            profile: suite.profile.clone(),
            commit: suite.context.commit.clone(),
            verdict: suite.verdict,
        }
    }
}

/// Why two runs are not comparable, one reason a difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the two runs are not comparable: {}", reasons.join("; "))]
pub struct NotComparable {
    /// The reasons; never empty.
    pub reasons: Vec<String>,
}

/// Two suite reports, compared. Serialised for `--json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuiteComparison {
    /// The version of this form.
    pub schema_version: u32,
    /// The base.
    pub base: RunLabel,
    /// The new run.
    pub new: RunLabel,
    /// Over everything compared ([`COMPARE_CONFIDENCE`]).
    pub confidence: f64,
    /// How many figures could be compared (Bonferroni: each at 1 − 0.01 / this or more).
    pub figures_compared: usize,
    /// How many of them differ for certain, slight ones not counted.
    pub certain: usize,
    /// The first line: what it comes to.
    pub headline: String,
    /// What to know: reasons against comparing that were overruled, differences in surroundings.
    pub warnings: Vec<String>,
    /// Scenarios of which there is nothing to compare, and why.
    pub left_out: Vec<String>,
    /// The scenarios of both runs.
    pub scenarios: Vec<Comparison>,
}

impl SuiteComparison {
    /// Whether anything is worse for certain: a quantile or the share refused higher,
    /// or the success rate lower. What is slight is not.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let worse = |figure: Figure, call| match figure {
            Figure::SuccessRate => call == Call::Lower,
            _ => call == Call::Higher,
        };
        let mut figures = self.scenarios.iter().flat_map(|scenario| &scenario.figures);
        figures.any(|f| worse(f.figure, f.call))
    }
}

/// Compares `new` with `base`.
///
/// Refuses runs of another profile, other stages, identities, scenario version
/// or settings, and runs that did not end by themselves, unless `anyway`.
pub fn compare_suites(
    base: &SuiteReport,
    new: &SuiteReport,
    anyway: bool,
) -> Result<SuiteComparison, NotComparable> {
    let mut left_out = Vec::new();
    let pairs = pairs(base, new, &mut left_out);
    let mut reasons = Vec::new();
    if base.profile != new.profile {
        reasons.push(format!("the profile is {} and was {}", new.profile, base.profile));
    }
    for (base, new) in &pairs {
        reasons
            .extend(obstacles(base, new).map(|reason| format!("{}: {reason}", new.plan.scenario)));
    }
    if pairs.is_empty() {
        // Nothing that `--anyway` could compare.
        reasons.push(format!("no scenario was measured in both: {}", left_out.join("; ")));
        return Err(NotComparable { reasons });
    }
    if !reasons.is_empty() && !anyway {
        return Err(NotComparable { reasons });
    }
    let mut warnings = reasons;
    warnings.extend(surroundings(base, new));
    let candidates: usize = pairs
        .iter()
        .map(|(base, new)| figures_to_compare(&base.recording, &new.recording).len())
        .sum();
    let error = (1.0 - COMPARE_CONFIDENCE) / candidates.max(1) as f64;
    let scenarios: Vec<Comparison> =
        pairs.iter().map(|(base, new)| compare_scenario(side(base), side(new), error)).collect();
    let figures = || scenarios.iter().flat_map(|scenario| &scenario.figures);
    let figures_compared = figures().filter(|f| f.call != Call::TooFew).count();
    let certain = figures().filter(|f| matches!(f.call, Call::Higher | Call::Lower)).count();
    Ok(SuiteComparison {
        schema_version: COMPARISON_VERSION,
        base: RunLabel::of(base),
        new: RunLabel::of(new),
        confidence: COMPARE_CONFIDENCE,
        figures_compared,
        certain,
        headline: headline::headline(&scenarios, figures_compared),
        warnings,
        left_out,
        scenarios,
    })
}

const fn side(report: &ScenarioReport) -> Side<'_> {
    Side { recording: &report.recording, limiter: &report.verdict.limiter }
}
