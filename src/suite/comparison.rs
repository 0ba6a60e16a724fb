//! Two suite reports, compared: what of them is comparable, and what differs for certain.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Call, Comparison, Figure, FigureComparison, ScenarioReport, Side, SuiteReport,
    compare_scenario, figures_to_compare,
};
use crate::gate::VerdictKind;
use crate::ids::ScenarioId;
use crate::measure::Ended;
use crate::plan::{Plan, Stage};
use crate::units::{self, Timestamp};

/// How sure a comparison is over everything it compares: at most one comparison
/// in a hundred of two runs of the same target finds any difference at all.
pub const COMPARE_CONFIDENCE: f64 = 0.99;

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
    /// How many figures were compared (Bonferroni: each at 1 − 0.01 / this).
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

/// Compares `new` with `base`; `seed` starts the resampling.
///
/// Refuses runs of another profile, other stages, identities, scenario version
/// or settings, and runs that did not end by themselves, unless `anyway`.
pub fn compare_suites(
    base: &SuiteReport,
    new: &SuiteReport,
    anyway: bool,
    seed: u64,
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
    let figures_compared: usize = pairs
        .iter()
        .map(|(base, new)| figures_to_compare(&base.recording, &new.recording).len())
        .sum();
    let error = (1.0 - COMPARE_CONFIDENCE) / figures_compared.max(1) as f64;
    let scenarios: Vec<Comparison> = pairs
        .iter()
        .zip(0..)
        .map(|((base, new), index)| {
            compare_scenario(side(base), side(new), error, seed.wrapping_add(index << 32))
        })
        .collect();
    let certain = scenarios.iter().flat_map(|scenario| &scenario.figures);
    let certain = certain.filter(|f| matches!(f.call, Call::Higher | Call::Lower)).count();
    Ok(SuiteComparison {
        schema_version: 1,
        base: RunLabel::of(base),
        new: RunLabel::of(new),
        confidence: COMPARE_CONFIDENCE,
        figures_compared,
        certain,
        headline: headline(&scenarios, figures_compared),
        warnings,
        left_out,
        scenarios,
    })
}

const fn side(report: &ScenarioReport) -> Side<'_> {
    Side { recording: &report.recording, limiter: &report.verdict.limiter }
}

/// The scenarios that sent load in both runs.
fn pairs<'a>(
    base: &'a SuiteReport,
    new: &'a SuiteReport,
    left_out: &mut Vec<String>,
) -> Vec<(&'a ScenarioReport, &'a ScenarioReport)> {
    fn of(suite: &SuiteReport, id: ScenarioId) -> Option<&ScenarioReport> {
        suite.scenarios.iter().find(|scenario| scenario.plan.scenario == id)
    }
    let mut pairs = Vec::new();
    let mut ids: Vec<ScenarioId> = new.scenarios.iter().map(|s| s.plan.scenario).collect();
    ids.extend(base.scenarios.iter().map(|s| s.plan.scenario));
    let mut seen = BTreeSet::new();
    for id in ids.into_iter().filter(|id| seen.insert(*id)) {
        let why = |report: Option<&ScenarioReport>, run| match report {
            None => Some(format!("not part of {run}")),
            Some(report) if report.recording.timeline.bins.is_empty() => {
                Some(format!("sent no load in {run}"))
            }
            Some(_) => None,
        };
        let (old, fresh) = (of(base, id), of(new, id));
        match (old, fresh, why(old, "the base").or_else(|| why(fresh, "the new run"))) {
            (None, None, _) => {}
            (Some(old), Some(fresh), None) => pairs.push((old, fresh)),
            (_, _, why) => left_out.push(format!("{id}: {}", why.unwrap_or_default())),
        }
    }
    pairs
}

/// What speaks against comparing the two runs of one scenario.
fn obstacles<'a>(
    base: &'a ScenarioReport,
    new: &'a ScenarioReport,
) -> impl Iterator<Item = String> + 'a {
    let (was, is) = (&base.plan, &new.plan);
    let mut reasons = Vec::new();
    if was.stages != is.stages {
        reasons.push(format!("the stages are {} and were {}", stages(is), stages(was)));
    }
    if was.identities != is.identities {
        reasons.push(format!(
            "the identities number {} and numbered {}, or are of another kind",
            units::count(u64::from(is.identities.count)),
            units::count(u64::from(was.identities.count)),
        ));
    }
    if was.settings != is.settings {
        reasons.push("the scenario's settings differ".to_owned());
    }
    let checks = |report: &ScenarioReport| -> Vec<String> {
        report.recording.checks.iter().map(|check| check.name.clone()).collect()
    };
    if checks(base) != checks(new) {
        reasons.push("the scenario's checks differ: another version of it".to_owned());
    }
    for (run, report) in [("the base", base), ("the new run", new)] {
        if let Some(how) = cut_short(&report.recording.ended) {
            reasons.push(format!("{run} {how}, so it covers only part of the profile"));
        }
    }
    reasons.into_iter()
}

fn cut_short(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Running => Some("never ended (a checkpoint)".to_owned()),
        Ended::Interrupted { after } => Some(format!("was interrupted after {after}")),
        Ended::Aborted { after, .. } => Some(format!("was aborted after {after}")),
        _ => None,
    }
}

fn stages(plan: &Plan) -> String {
    let one = |stage: &Stage| format!("{}→{}", stage.duration, units::rate(stage.target));
    plan.stages.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Differences that don't forbid a comparison and that its reader should know.
fn surroundings(base: &SuiteReport, new: &SuiteReport) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut note = |what: &str, was: &str, is: &str| {
        if was != is {
            warnings.push(format!("{what} is {is} and was {was}"));
        }
    };
    if !(base.environment.embedded && new.environment.embedded) {
        note("the target", &base.environment.url, &new.environment.url);
    }
    note("load-gate's version", &base.tool_version, &new.tool_version);
    warnings
}

fn headline(scenarios: &[Comparison], compared: usize) -> String {
    let calls = |scenario: &Comparison, wanted: fn(Call) -> bool| {
        scenario.figures.iter().filter(|f| wanted(f.call)).map(described).collect::<Vec<_>>()
    };
    let mut certain = Vec::new();
    let mut slight = 0;
    for scenario in scenarios {
        let found = calls(scenario, |call| matches!(call, Call::Higher | Call::Lower));
        if !found.is_empty() {
            certain.push(format!("{}: {}", scenario.scenario, found.join(", ")));
        }
        slight += calls(scenario, |call| call == Call::Slight).len();
        for change in scenario.limiter.iter().filter(|change| change.certain) {
            certain.push(format!(
                "{}: the limiter's {} is {} and was {}",
                scenario.scenario, change.what, change.new, change.base
            ));
        }
    }
    let compared = units::count(compared as u64);
    if compared == "0" {
        return "nothing can be said: too little was measured in one of the runs".to_owned();
    }
    if !certain.is_empty() {
        return format!("different: {}", certain.join("; "));
    }
    match slight {
        0 => format!("no difference in {compared} figures"),
        _ => format!("no difference that matters in {compared} figures ({slight} slight)"),
    }
}

/// `p95 21.4 % slower`.
fn described(figure: &FigureComparison) -> String {
    let value = figure.change.map_or(0.0, |change| change.value);
    let name = figure_name(figure.figure);
    if figure.figure.quantile().is_some() {
        let word = if value > 1.0 { "slower" } else { "faster" };
        format!("{name} {} {word}", units::percent((value - 1.0).abs()))
    } else {
        let word = if value > 0.0 { "higher" } else { "lower" };
        let points = units::number((value.abs() * 1e4).round() / 100.0);
        format!("{name} {points} percentage points {word}")
    }
}

/// How people call a figure.
#[must_use]
pub const fn figure_name(figure: Figure) -> &'static str {
    match figure {
        Figure::P50 => "p50",
        Figure::P90 => "p90",
        Figure::P95 => "p95",
        Figure::P99 => "p99",
        Figure::SuccessRate => "success rate",
        Figure::RateLimited => "share of 429",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Criteria, GeneratorBounds, LimiterReport, Verdict};
    use crate::limits::{Algorithm, Inference};
    use crate::measure::{Recording, Second, bucket_of};
    use crate::outcome::Outcome;
    use crate::plan::{EngineSettings, Environment, IdentityKind, IdentityPlan, Plan, ProbePlan};
    use crate::scenario::Settings;
    use crate::suite::{RunContext, SCHEMA_VERSION};
    use crate::units::Nanos;

    const NOW: Timestamp = Timestamp { unix_millis: 1_761_846_252_123 };

    fn plan() -> Plan {
        Plan {
            scenario: ScenarioId::fixed("onboarding"),
            profile: "full".to_owned(),
            stages: vec![Stage { duration: Nanos::from_secs(50), target: 100.0 }],
            settings: Settings::new(
                ScenarioId::fixed("onboarding"),
                [("email_domain", "loadtest.test".into())],
            ),
            identities: IdentityPlan {
                kind: IdentityKind::Address,
                count: 1,
                set_aside: 0,
                mint: 0,
            },
            probes: ProbePlan { share: 0.0, kinds: Vec::new() },
            extras: crate::plan::Extras::default(),
            engine: EngineSettings {
                timeout: Nanos::from_secs(30),
                connect_timeout: Nanos::from_secs(10),
                max_lag: Nanos::from_millis(100),
                max_in_flight: 1000,
                max_body: 1 << 20,
                workers: None,
                ca_file: None,
            },
            criteria: Criteria {
                thresholds: Vec::new(),
                limit: None,
                prediction: None,
                generator: GeneratorBounds {
                    max_lag: Nanos::from_millis(100),
                    max_dropped: 0.001,
                    max_off_plan: 0.01,
                },
                decision: crate::gate::Decision::default(),
                baseline_required: false,
            },
            skip: None,
        }
    }

    /// Fifty seconds of a hundred accepted arrivals of about `millis`.
    fn recording(millis: u64) -> Recording {
        let mut recording =
            Recording::empty(ScenarioId::fixed("onboarding"), NOW, Ended::Completed);
        for second in 0..50u64 {
            let mut bin = Second { due: 100, sent: 100, ..Second::default() };
            bin.outcomes.add_many(Outcome::Accepted, 100);
            for i in 0..100 {
                let micros = millis * (900 + (second * 37 + i * 53) % 200);
                *bin.response.entry(bucket_of(Nanos::from_micros(micros))).or_default() += 1;
            }
            recording.timeline.bins.push(bin);
        }
        recording
    }

    fn suite(millis: u64) -> SuiteReport {
        let limiter = LimiterReport {
            declared: None,
            predicted_hits: None,
            observed_hits: 0,
            inferred: Inference {
                algorithm: Algorithm::Unknown,
                limit: None,
                window_s: None,
                why: String::new(),
            },
            rules: Vec::new(),
        };
        let verdict = Verdict {
            scenario: ScenarioId::fixed("onboarding"),
            kind: VerdictKind::Pass,
            reasons: Vec::new(),
            findings: Vec::new(),
            limiter,
            clusters: Vec::new(),
        };
        SuiteReport {
            schema_version: SCHEMA_VERSION,
            tool_version: crate::VERSION.to_owned(),
            tool_commit: None,
            run_id: "r".to_owned(),
            started_at: NOW,
            finished_at: NOW,
            environment: Environment {
                name: "staging".to_owned(),
                url: "https://api.rsolv-staging.com".to_owned(),
                protected: false,
                embedded: false,
                max_rate: None,
                verify_limits: true,
            },
            profile: "full".to_owned(),
            seed: 1,
            rate_scale: 1.0,
            duration_scale: 1.0,
            allow_skip: false,
            context: RunContext::default(),
            partial: false,
            verdict: VerdictKind::Pass,
            headline: String::new(),
            notices: Vec::new(),
            scenarios: vec![ScenarioReport { plan: plan(), recording: recording(millis), verdict }],
        }
    }

    #[test]
    fn the_headline_says_what_it_comes_to() {
        let same = compare_suites(&suite(20), &suite(20), false, 1).expect("comparable");
        assert_eq!(same.headline, "no difference in 6 figures");
        let slower = compare_suites(&suite(20), &suite(24), false, 1).expect("comparable");
        assert!(slower.headline.starts_with("different: onboarding: p50 "), "{}", slower.headline);
        assert!(slower.headline.contains(" slower"), "{}", slower.headline);
        assert!(slower.certain >= 2);
        assert!(serde_json::to_value(&slower).is_ok_and(|json| json["scenarios"].is_array()));
    }

    #[test]
    fn what_is_not_comparable_is_refused_unless_told_to() {
        type Case = (&'static str, fn(&mut SuiteReport));
        let cases: [Case; 6] = [
            ("the profile is smoke and was full", |s| s.profile = "smoke".to_owned()),
            ("onboarding: the stages are 50.0 s→50/s and were 50.0 s→100/s", |s| {
                s.scenarios[0].plan.stages[0].target = 50.0;
            }),
            ("onboarding: the identities number 3 and numbered 1, or are of another kind", |s| {
                s.scenarios[0].plan.identities.count = 3;
            }),
            ("onboarding: the scenario's settings differ", |s| {
                s.scenarios[0].plan.settings = Settings::new(
                    ScenarioId::fixed("onboarding"),
                    [("email_domain", "other.test".into())],
                );
            }),
            ("onboarding: the scenario's checks differ: another version of it", |s| {
                s.scenarios[0].recording.checks.push(crate::measure::CheckCount {
                    name: "body".to_owned(),
                    passes: 1,
                    fails: 0,
                });
            }),
            (
                "onboarding: the new run was interrupted after 12.0 s, so it covers only part of \
                 the profile",
                |s| {
                    s.scenarios[0].recording.ended =
                        Ended::Interrupted { after: Nanos::from_secs(12) };
                },
            ),
        ];
        for (reason, change) in cases {
            let mut new = suite(20);
            change(&mut new);
            let refused = compare_suites(&suite(20), &new, false, 1).expect_err("not comparable");
            assert_eq!(refused.reasons, [reason]);
            let anyway = compare_suites(&suite(20), &new, true, 1).expect("told to");
            assert_eq!(anyway.warnings, [reason]);
        }
    }

    #[test]
    fn runs_without_a_common_scenario_are_refused_even_then() {
        let mut new = suite(20);
        new.scenarios[0].recording.timeline.bins.clear();
        let refused = compare_suites(&suite(20), &new, true, 1).expect_err("nothing to compare");
        assert_eq!(
            refused.to_string(),
            "the two runs are not comparable: no scenario was measured in both: \
             onboarding: sent no load in the new run"
        );
    }

    #[test]
    fn another_target_is_a_warning() {
        let mut new = suite(20);
        new.environment.url = "https://api.rsolv.dev".to_owned();
        let comparison = compare_suites(&suite(20), &new, false, 1).expect("comparable");
        assert_eq!(
            comparison.warnings,
            ["the target is https://api.rsolv.dev and was https://api.rsolv-staging.com"]
        );
    }
}
