//! Why a verdict is what it is, what would change it, and what to do next, finding by finding.

use serde::Serialize;

use super::escape::one_line;
use super::table::fold;
use super::text::Style;
use super::{figures, words};
use crate::gate::{self, About, Finding, FindingVerdict, MetricKind, ThresholdResult, VerdictKind};
use crate::ids::ScenarioId;
use crate::measure::Ended;
use crate::scenario::catalogue;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units;

/// The explanation of a run's verdict. Serialised for `--json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The version of this form.
    pub schema_version: u32,
    /// Which run.
    pub run_id: String,
    /// Its verdict.
    pub verdict: VerdictKind,
    /// Its exit code.
    pub exit_code: u8,
    /// The verdict and its worst reason.
    pub headline: String,
    /// Each scenario, the worst first.
    pub scenarios: Vec<ScenarioExplanation>,
}

/// The explanation of one scenario's verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioExplanation {
    /// Which.
    pub scenario: ScenarioId,
    /// Its verdict.
    pub verdict: VerdictKind,
    /// Why, the worst first, as every report says it.
    pub reasons: Vec<String>,
    /// Where failures gather.
    pub clusters: Vec<String>,
    /// How many rules hold.
    pub hold: usize,
    /// What made the verdict, the worst first; what was close or is worth
    /// knowing where it passed.
    pub findings: Vec<FindingExplanation>,
}

/// One finding, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingExplanation {
    /// What is asserted.
    pub rule: String,
    /// What became of it.
    pub verdict: FindingVerdict,
    /// Observed and wanted.
    pub why: String,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// What would make it another verdict.
    pub would_change: String,
    /// What to do next.
    pub next: String,
}

/// Explains `report`.
#[must_use]
pub fn explain(report: &SuiteReport) -> Explanation {
    let order = figures::worst_first(report);
    Explanation {
        schema_version: 1,
        run_id: one_line(&report.run_id),
        verdict: report.verdict,
        exit_code: report.verdict.exit_code(),
        headline: one_line(&report.headline),
        scenarios: order.into_iter().map(scenario).collect(),
    }
}

fn scenario(scenario: &ScenarioReport) -> ScenarioExplanation {
    let verdict = &scenario.verdict;
    let close = |f: &Finding| f.threshold.as_ref().is_some_and(|t| t.close);
    let told = |f: &&Finding| {
        matches!(f.verdict, FindingVerdict::Fail | FindingVerdict::Inconclusive)
            || close(f)
            || (verdict.kind == VerdictKind::Skipped && f.verdict == FindingVerdict::Skipped)
    };
    let mut findings: Vec<&Finding> = verdict.findings.iter().filter(told).collect();
    findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
    let hold = verdict.findings.iter().filter(|f| f.verdict == FindingVerdict::Pass).count();
    ScenarioExplanation {
        scenario: verdict.scenario,
        verdict: verdict.kind,
        reasons: verdict.reasons.iter().map(|text| one_line(text)).collect(),
        clusters: verdict.clusters.iter().map(|text| one_line(text)).collect(),
        hold,
        findings: findings.into_iter().map(|f| finding(scenario, f)).collect(),
    }
}

fn finding(scenario: &ScenarioReport, finding: &Finding) -> FindingExplanation {
    FindingExplanation {
        rule: one_line(&finding.name),
        verdict: finding.verdict,
        why: one_line(&finding.message),
        evidence: finding.evidence.iter().take(5).map(|text| one_line(text)).collect(),
        would_change: would_change(scenario, finding),
        next: next(scenario, finding),
    }
}

fn would_change(scenario: &ScenarioReport, finding: &Finding) -> String {
    let Some(threshold) = &finding.threshold else {
        return match (finding.verdict, finding.about) {
            (FindingVerdict::Inconclusive, About::Generator) => {
                "a run in which the generator keeps to its plan".to_owned()
            }
            (FindingVerdict::Inconclusive, About::Run) if cut_short(scenario) => {
                "a run that goes on to its end".to_owned()
            }
            (FindingVerdict::Inconclusive | FindingVerdict::Skipped, _) => {
                "a run in which this can be seen".to_owned()
            }
            (FindingVerdict::Fail, _) => "no case of it in a whole run".to_owned(),
            _ => "nothing: it is told for its own sake".to_owned(),
        };
    };
    let wanted = &threshold.expression;
    match (threshold.observed, threshold.bound, finding.verdict) {
        (_, None, _) => "a baseline that holds this figure (--baseline)".to_owned(),
        (None, _, _) => format!("samples: there is none, and `{wanted}` needs some"),
        (Some(observed), Some(bound), FindingVerdict::Fail) => {
            let factor = if observed > bound { observed / bound } else { bound / observed };
            let far = if factor.is_finite() && bound > 0.0 && observed > 0.0 {
                format!(", {} times off", units::number((factor * 100.0).round() / 100.0))
            } else {
                String::new()
            };
            let (observed, bound) = (threshold.say(observed), threshold.say(bound));
            format!("a value on the right side of {bound} (it was {observed}{far})")
        }
        (Some(_), Some(_), FindingVerdict::Inconclusive) => {
            format!("more evidence: {} don't settle `{wanted}`", threshold.rests_on())
        }
        (Some(_), Some(bound), _) => format!(
            "chance: the {} interval straddles {}, so the next run may come out otherwise",
            units::confidence(threshold.confidence),
            threshold.say(bound)
        ),
    }
}

/// What to do next about a finding that is none to be glad of.
pub(super) fn next(scenario: &ScenarioReport, finding: &Finding) -> String {
    let limiter = &scenario.verdict.limiter;
    match (finding.about, finding.verdict) {
        (About::Threshold, FindingVerdict::Inconclusive) if cut_short(scenario) => {
            next_of_run(scenario, finding).to_owned()
        }
        (About::Threshold, verdict) => next_of_threshold(scenario, finding, verdict),
        (About::Generator, _) if !scenario.recording.generator.late.is_zero() => format!(
            "have every machine ready before the appointed moment, or appoint a later one \
             (--start-at): the load began {} after it",
            scenario.recording.generator.late
        ),
        (About::Generator, _) if scenario.recording.setups.lost > 0 => {
            "see what the setup was answered, and how soon: an identity that has nothing to show \
             sends nothing"
                .to_owned()
        }
        (About::Generator, _) => {
            "give the generator more CPU, raise `[engine] max_in_flight`, or lower the rate \
             (--rate-scale): the figures say how busy it was, not how good the target is"
                .to_owned()
        }
        (About::Check, _) if scenario.plan.settings.written.is_some() => {
            let id = scenario.plan.scenario;
            format!(
                "compare `expect` in [scenarios.{id}] with what the API answers: `load-gate check \
                 {id} --try` sends one request"
            )
        }
        (About::Check, _) => {
            // What is built in has its contract written down there.
            let built_in = catalogue::find(scenario.plan.scenario).is_some();
            let contract = if built_in { " and at docs/api.md" } else { "" };
            format!("look at the quoted answer (it broke the contract){contract}")
        }
        (About::Probe(_), FindingVerdict::Fail) => {
            "treat it as a security hole: what must be refused was let in".to_owned()
        }
        (About::Probe(_), _) => {
            "see what the probe met: a limiter or an error answered in its place".to_owned()
        }
        (About::Limiter(_), FindingVerdict::Fail) => {
            let declared = limiter.declared.map_or_else(|| "none".to_owned(), |d| d.describe());
            format!("mend the limiter, or declare the limit it has (declared: {declared})")
        }
        (About::Limiter(_), _) => {
            "a load that goes past the limit and goes on for a window after it".to_owned()
        }
        (About::Run, _) => next_of_run(scenario, finding).to_owned(),
    }
}

/// The same, about a threshold: from when on it broke, how much longer a run has to be.
fn next_of_threshold(
    scenario: &ScenarioReport,
    finding: &Finding,
    verdict: FindingVerdict,
) -> String {
    let threshold = finding.threshold.as_ref();
    let times = threshold
        .and_then(|t| t.times_longer(scenario.plan.criteria.decision.confidence))
        .map(times_as_long);
    let unknown =
        |t: &ThresholdResult| t.metric.kind() == MetricKind::Gauge && t.observed.is_none();
    match verdict {
        FindingVerdict::Inconclusive if threshold.is_some_and(unknown) => {
            "see why the service's monitoring doesn't tell: `load-gate check` asks every query of \
             [resources] with the run's credentials"
                .to_owned()
        }
        FindingVerdict::Inconclusive => format!(
            "send {} (--duration-scale): where neighbouring requests share their fate a higher \
             rate buys little; or to more identities where a limiter refuses most of it",
            times.as_deref().unwrap_or("for longer")
        ),
        FindingVerdict::Fail => {
            let broke = threshold.and_then(|t| broke(scenario, t));
            let looked = broke.unwrap_or_else(|| {
                "see from when on, and at which rate, it stood on the wrong side (the charts of \
                 report.html)"
                    .to_owned()
            });
            let close = threshold.is_some_and(|t| t.close);
            let longer = times.filter(|_| close).map(|times| {
                format!("; it is close, and a run {times} (--duration-scale) would settle it")
            });
            let longer = longer.unwrap_or_default();
            format!("{looked}, then compare with a run that passed (load-gate compare){longer}")
        }
        _ => format!(
            "a hold {} (--duration-scale) makes the interval narrow enough",
            times.as_deref().unwrap_or("that lasts longer")
        ),
    }
}

/// `3.1 times as long`, up to a tenth, so that it is enough.
pub(super) fn times_as_long(times: f64) -> String {
    format!("{} times as long", units::number((times * 10.0).ceil() / 10.0))
}

/// `look at the target from 4:12 on: p(95) of single seconds was over 2.00 s then, at 100/s`.
fn broke(scenario: &ScenarioReport, threshold: &ThresholdResult) -> Option<String> {
    let (quantile, bound) = (threshold.method.quantile()?, threshold.bound?);
    let ours = threshold.metric.name() == "response_time" && threshold.observed? > bound;
    let breach = ours.then(|| figures::breach(&scenario.recording, quantile, bound))??;
    Some(format!(
        "look at the target from {} on, when {} of single seconds first stood over {}, at {}",
        units::clock(breach.from),
        threshold.method,
        threshold.say(bound),
        units::rate((breach.rate * 10.0).round() / 10.0)
    ))
}

/// The same, about the run itself.
fn next_of_run(scenario: &ScenarioReport, finding: &Finding) -> &'static str {
    let recording = &scenario.recording;
    match finding.verdict {
        FindingVerdict::Skipped => "give it what it lacks, or accept it with --allow-skip",
        _ if finding.name == gate::ALL_SHARDS => {
            "start all shards once more and merge them, or accept what is there with --allow-missing"
        }
        _ if cut_short(scenario) => {
            "run it once more, to its end: what it measured so far decides nothing"
        }
        _ if matches!(recording.ended, Ended::Unreachable { .. }) => {
            "see that the target runs and is reached from here: `load-gate check` tries its name, \
             port and certificate without a load"
        }
        _ if recording.excerpts.is_empty() => {
            "`load-gate check` says what a run needs and finds missing"
        }
        _ => "see the answers quoted, and `load-gate check` for what a run needs",
    }
}

/// Whether it was stopped from outside before its end.
const fn cut_short(scenario: &ScenarioReport) -> bool {
    matches!(scenario.recording.ended, Ended::Interrupted { .. } | Ended::Running)
}

/// The explanation for people.
#[must_use]
pub fn explain_text(explanation: &Explanation, style: Style) -> String {
    let mut text = format!("{}\nexit code {}\n", explanation.headline, explanation.exit_code);
    for scenario in &explanation.scenarios {
        add!(text, "\n{}: {}", scenario.scenario, scenario.verdict);
        let rules = if scenario.hold == 1 { "rule holds" } else { "rules hold" };
        add!(text, ", {} {rules}\n", scenario.hold);
        for line in scenario.reasons.iter().chain(&scenario.clusters) {
            add!(text, "  {}\n", fold(line, style.width.max(40) - 2, 2).join("\n  "));
        }
        for finding in &scenario.findings {
            add!(text, "\n  {}: {}\n", words::finding(finding.verdict).text, finding.rule);
            let evidence = finding.evidence.join("; ");
            for (label, words) in [
                ("why", &finding.why),
                ("rests on", &evidence),
                ("would change it", &finding.would_change),
                ("next", &finding.next),
            ] {
                if !words.is_empty() {
                    let line = format!("{label:<16}{words}");
                    for line in fold(&line, style.width.max(40) - 4, 16) {
                        add!(text, "    {line}\n");
                    }
                }
            }
        }
    }
    text
}
