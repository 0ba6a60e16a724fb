//! What a plan can show before a byte is sent: timeline, what limits admit, and where it contradicts itself.

use serde::Serialize;

use super::outlook::{Outlook, Supply, outlook};
use super::{IdentityKind, Machine, Needs, Plan, Schedule, SuitePlan, last_end, traffic};
use crate::admission::{DeclaredLimit, Scope};
use crate::ids::ScenarioId;
use crate::limits::Prediction;
use crate::measure::StageKind;
use crate::scenario::{Spec, catalogue};
use crate::units::{Nanos, count, per, rate};

/// One stage of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageRow {
    /// Its number, from 1.
    pub number: u16,
    /// Ramp or hold.
    pub kind: StageKind,
    /// Its start in seconds from the start of the load.
    pub start_s: f64,
    /// How long it lasts, in seconds.
    pub duration_s: f64,
    /// Arrivals per second at its start.
    pub from: f64,
    /// Arrivals per second at its end.
    pub to: f64,
    /// Arrivals due in it.
    pub arrivals: u64,
}

/// A place where a plan contradicts itself or its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// What, in plain words.
    pub text: String,
    /// What to do about it.
    pub way_out: String,
    /// Whether no target could pass the gate: `--strict-plan` refuses to run.
    pub impossible: bool,
}

/// One scenario before the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feasibility {
    /// Which.
    pub scenario: ScenarioId,
    /// Why it can't run; `None`: it can.
    pub skip: Option<String>,
    /// Whether it may create or change data there; `None`: it is built in, and tells of
    /// what it creates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// The timeline.
    pub stages: Vec<StageRow>,
    /// Arrivals over all.
    pub arrivals: u64,
    /// Length of the load, in seconds.
    pub duration_s: f64,
    /// How much longer its last hold may go on while a threshold is close, in seconds.
    pub may_go_on_s: f64,
    /// Highest arrival rate, per second.
    pub peak_rate: f64,
    /// Who sends: `12 addresses`, `5 keys`, `one address`, `everybody together`.
    pub identities: String,
    /// Whether one more is set aside to prove the limiter.
    pub set_aside: bool,
    /// Customers created through onboarding before the load, for their keys.
    pub minted: u32,
    /// Requests of that proof, and how long it holds the load up, in seconds.
    pub proof: Option<(u64, f64)>,
    /// Whether one request follows the first refusal under an address of its own.
    pub naming: bool,
    /// The declared limit; `None`: none.
    #[serde(serialize_with = "limit_in_seconds")]
    pub limit: Option<DeclaredLimit>,
    /// Limits declared beside it, in words.
    pub beside: Vec<String>,
    /// What a correct limiter does with all requests; `None`: no limit.
    pub prediction: Option<Prediction>,
    /// The share of arrivals to be refused with 429, at least and at most (0 to 1).
    pub refused_share: (f64, f64),
    /// Accepted samples to expect, at least and at most.
    pub accepted: (u64, u64),
    /// What each threshold can rest on.
    pub thresholds: Vec<Outlook>,
    /// Where it contradicts itself.
    pub contradictions: Vec<Contradiction>,
    /// What this one of several machines sends of it; `None`: it isn't said which it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

#[expect(clippy::ref_option, reason = "serde hands the field over like that")]
/// As in results files: `{ limit, window_s, scope }`.
fn limit_in_seconds<S: serde::Serializer>(
    limit: &Option<DeclaredLimit>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct InSeconds {
        limit: u64,
        window_s: f64,
        scope: Scope,
    }
    let limit = limit.map(|l| InSeconds {
        limit: l.limit,
        window_s: l.window.as_secs_f64(),
        scope: l.scope,
    });
    limit.serialize(serializer)
}

/// A whole run before it starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuiteFeasibility {
    /// The environment's name.
    pub environment: String,
    /// The profile.
    pub profile: String,
    /// The scenarios, in order.
    pub scenarios: Vec<Feasibility>,
    /// Arrivals of those that can run.
    pub arrivals: u64,
    /// Pause between scenarios, in seconds.
    pub cooldown_s: f64,
    /// All loads, proofs and pauses together, in seconds, loads as long as they may
    /// become; answers still under way at the end come on top.
    pub duration_s: f64,
    /// What each machine needs.
    pub needs: Needs,
}

impl SuiteFeasibility {
    /// Whether some gate can't be passed by any target.
    #[must_use]
    pub fn is_impossible(&self) -> bool {
        let running = self.scenarios.iter().filter(|s| s.skip.is_none());
        running.flat_map(|s| &s.contradictions).any(|contradiction| contradiction.impossible)
    }
}

/// What a whole run can show; with what this machine sends of it, where `one_of_several`.
#[must_use]
pub fn suite_feasibility(suite: &SuitePlan, one_of_several: bool) -> SuiteFeasibility {
    let shard = suite.dealing.shard;
    let scenarios: Vec<Feasibility> = suite
        .scenarios
        .iter()
        .map(|plan| {
            let machine = one_of_several.then(|| Machine::of(plan, shard, suite.seed)).flatten();
            Feasibility { machine, ..feasibility(plan, suite) }
        })
        .collect();
    let cooldown_s = suite.cooldown.as_secs_f64();
    let pauses = cooldown_s * scenarios.len().saturating_sub(1) as f64;
    let lasting =
        |s: &Feasibility| s.duration_s + s.may_go_on_s + s.proof.map_or(0.0, |proof| proof.1);
    SuiteFeasibility {
        environment: suite.environment.name.clone(),
        profile: suite.profile.clone(),
        arrivals: scenarios.iter().map(|s| s.arrivals).sum(),
        cooldown_s,
        duration_s: if shard.is_alone() {
            scenarios.iter().map(lasting).sum::<f64>() + pauses
        } else {
            last_end(suite).as_secs_f64()
        },
        needs: Needs::of(suite, shard.of()),
        scenarios,
    }
}

/// What one scenario can show.
#[must_use]
pub fn feasibility(plan: &Plan, suite: &SuitePlan) -> Feasibility {
    let schedule = Schedule::new(&plan.stages);
    let arrivals = schedule.total();
    let accepted = traffic::arrivals_admitted(plan, &schedule);
    let prediction = plan.criteria.prediction;
    let minted: u64 = suite.scenarios.iter().map(|plan| u64::from(plan.identities.mint)).sum();
    let requests = traffic::requests(plan, &schedule) + u64::from(plan.extras.naming) + minted;
    let supply = Supply { arrivals, requests, admitted: accepted, prediction };
    let thresholds: Vec<Outlook> =
        plan.criteria.thresholds.iter().map(|threshold| outlook(threshold, &supply)).collect();
    let share =
        |admitted: u64| if arrivals == 0 { 0.0 } else { 1.0 - admitted as f64 / arrivals as f64 };
    let (proof, sent) = (&plan.extras.proof, plan.extras.proof_requests());
    let mut contradictions = Vec::new();
    contradictions.extend(over_the_limit(plan, suite, &schedule, accepted));
    contradictions.extend(thresholds.iter().filter_map(|t| unsupported(t, plan, suite)));
    Feasibility {
        scenario: plan.scenario,
        skip: plan.skip.clone(),
        writes: plan.settings.written.as_deref().map(Spec::may_write),
        stages: stages(plan, &schedule),
        arrivals,
        duration_s: schedule.duration().as_secs_f64(),
        may_go_on_s: plan.extension.map_or(0.0, |e| e.most.as_secs_f64()),
        peak_rate: schedule.peak(),
        identities: who(plan),
        set_aside: plan.identities.set_aside > 0,
        minted: plan.identities.mint,
        proof: (sent > 0).then(|| (sent, proof.load_starts.as_secs_f64())),
        naming: plan.extras.naming,
        limit: plan.criteria.limit,
        beside: plan.criteria.beside.iter().map(|beside| beside.declared.describe()).collect(),
        prediction,
        refused_share: (share(accepted.1), share(accepted.0)),
        accepted,
        thresholds,
        contradictions,
        machine: None,
    }
}

fn stages(plan: &Plan, schedule: &Schedule) -> Vec<StageRow> {
    let mut from = 0.0;
    let rows = schedule.stages().into_iter().zip(&plan.stages);
    rows.map(|(record, stage)| {
        let row = StageRow {
            number: record.number,
            kind: record.kind,
            start_s: record.start.as_secs_f64(),
            duration_s: stage.duration.as_secs_f64(),
            from,
            to: stage.target,
            arrivals: record.planned,
        };
        from = stage.target;
        row
    })
    .collect()
}

/// Who sends, in words.
fn who(plan: &Plan) -> String {
    let n = u64::from(plan.identities.count);
    match (plan.identities.kind, n) {
        (IdentityKind::Global, _) => "everybody together".to_owned(),
        (IdentityKind::Address, 1) if plan.identities.machines > 1 => {
            format!("{} machines' addresses", count(u64::from(plan.identities.machines)))
        }
        (IdentityKind::Address, 1) => "one address".to_owned(),
        (IdentityKind::Address, n) => format!("{} addresses", count(n)),
        (IdentityKind::Key, 1) => "one key".to_owned(),
        (IdentityKind::Key, n) => format!("{} keys", count(n)),
    }
}

/// The load is more than the limit admits.
fn over_the_limit(
    plan: &Plan,
    suite: &SuitePlan,
    schedule: &Schedule,
    accepted: (u64, u64),
) -> Option<Contradiction> {
    let peak = schedule.peak();
    let lead = plan.criteria.limit?;
    if accepted.0 >= schedule.total() {
        return None;
    }
    // On average the first lets through least; at the edges of windows another may.
    let limit = if peak > within(plan, &lead, 0.0) { lead } else { tightest(plan, lead) };
    let quotas = u64::from(traffic::quotas(plan, &limit));
    let window = limit.window.as_secs_f64();
    let admits = limit.limit as f64 * quotas as f64 / window;
    let samples = format!(
        "about {} of {} arrivals will be real work",
        count(accepted.0),
        count(schedule.total())
    );
    let each = format!("{} {}", count(limit.limit), per(limit.window));
    let text = match limit.scope {
        _ if peak <= admits => format!(
            "{} at {} stays below the limit of {each} on average, but may pass it at a window's edge: {samples}",
            plan.scenario,
            rate(peak)
        ),
        Scope::Global => format!(
            "{} at {} is {} {} against {each}: {samples}",
            plan.scenario,
            rate(peak),
            count((peak * window).round() as u64),
            per(limit.window)
        ),
        Scope::Customer => {
            format!("{} at {each} admit {} of {}: {samples}", who(plan), rate(admits), rate(peak))
        }
        Scope::Ip => format!(
            "{} from {} admits {}, so p95 will rest on about {} samples of {}",
            plan.scenario,
            who(plan),
            if quotas == 1 {
                each.clone()
            } else {
                format!("{each} each, {} together", rate(admits))
            },
            count(accepted.0),
            count(schedule.total())
        ),
    };
    let way_out = way_out(plan, suite, &limit, schedule);
    Some(Contradiction { text, way_out, impossible: false })
}

/// The rate that stays within `limit`, whose windows may last `longer` seconds longer.
fn within(plan: &Plan, limit: &DeclaredLimit, longer: f64) -> f64 {
    let quotas = f64::from(traffic::quotas(plan, limit));
    limit.limit as f64 * quotas / (limit.window.as_secs_f64() + longer)
}

/// The declared limit that is passed first, where clocks are of whole seconds.
fn tightest(plan: &Plan, lead: DeclaredLimit) -> DeclaredLimit {
    let beside = plan.criteria.beside.iter().map(|beside| beside.declared);
    let rate = |limit: &DeclaredLimit| within(plan, limit, 1.0);
    beside.fold(lead, |least, other| if rate(&other) < rate(&least) { other } else { least })
}

/// How to load within the limit, and all that are declared beside it.
fn way_out(plan: &Plan, suite: &SuitePlan, limit: &DeclaredLimit, schedule: &Schedule) -> String {
    let peak = schedule.peak();
    let beside = plan.criteria.beside.iter().map(|beside| beside.declared);
    let each = plan.criteria.limit.into_iter().chain(beside);
    let each = each.filter(|limit| limit.scope.counts_each(plan.identities.kind));
    let needed = each.map(|limit| {
        let busiest = schedule.busiest(limit.longest());
        traffic::identities_needed(&limit, busiest, plan.probes.share)
    });
    let wanted = needed.max().unwrap_or(1);
    // A tenth below, and a second for whole-second clocks.
    let within = within(plan, &tightest(plan, *limit), 1.0) / 1.1;
    let scale = if peak > 0.0 { suite.rate_scale * within / peak } else { suite.rate_scale };
    let slower = format!(
        "load at no more than {} (--rate-scale {})",
        rate((within * 100.0).floor() / 100.0),
        significant(scale)
    );
    let mend = "or correct rate_limit if the target's limit is another";
    match (plan.identities.kind, limit.scope) {
        (IdentityKind::Address, Scope::Ip) if suite.environment.verify_limits => {
            format!(
                "set identities = \"auto\" (about {} addresses), or {slower}, {mend}",
                count(wanted)
            )
        }
        (IdentityKind::Address, Scope::Ip) => {
            format!("{slower}; addresses aren't forged on {}", suite.environment.name)
        }
        (IdentityKind::Key, Scope::Customer) => {
            format!("give {} keys{}, or {slower}, {mend}", count(wanted), keys_from(plan))
        }
        _ => format!("{slower}, {mend}"),
    }
}

/// Where more keys come from: ` (SEARCH_KEY_n)`.
fn keys_from(plan: &Plan) -> String {
    let spec = plan.settings.written.as_deref();
    let variables = catalogue::key_variables(plan.scenario, spec);
    let variables = variables.map(|all| all.replace('*', "n"));
    let minted = catalogue::find(plan.scenario).is_some_and(|entry| entry.minted_through.is_some());
    let minted = minted.then(|| "or mint_keys where that is allowed".to_owned());
    match variables.into_iter().chain(minted).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        all => format!(" ({})", all.join(", ")),
    }
}

/// Two significant digits, rounded down, for `--rate-scale`.
fn significant(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let digits = 1 - value.log10().floor() as i32;
    let unit = 10_f64.powi(digits);
    let places = usize::try_from(digits).unwrap_or(0);
    format!("{:.places$}", (value * unit).floor() / unit)
}

/// `scale` made so much larger that `arrivals` become `needed`: two decimals, rounded up.
fn scaled_up(scale: f64, needed: u64, arrivals: u64) -> String {
    let wanted = scale * needed as f64 / arrivals as f64;
    format!("{:.2}", (wanted * 100.0).ceil() / 100.0)
}

/// A threshold that the samples can't support, or nothing can meet.
fn unsupported(outlook: &Outlook, plan: &Plan, suite: &SuitePlan) -> Option<Contradiction> {
    let name = format!("{} {}", outlook.metric, outlook.expression);
    let arrivals = Schedule::new(&plan.stages).total();
    if let Some(reason) = &outlook.impossible {
        let way_out = match (outlook.needed, plan.criteria.limit) {
            (Some(needed), _) if needed > arrivals && arrivals > 0 => format!(
                "send more: --duration-scale {} or more makes {} arrivals of {}, or remove the threshold on {}",
                scaled_up(suite.duration_scale, needed, arrivals),
                count(needed),
                count(arrivals),
                suite.environment.name
            ),
            (Some(needed), Some(limit)) => {
                let windows = f64::from(traffic::quotas(plan, &limit)) * limit.limit as f64;
                let windows = (needed as f64 / windows.max(1.0)).ceil() as u64;
                let lasting = Nanos(limit.window.0.saturating_mul(windows));
                format!(
                    "load for at least {lasting} (--duration-scale), spread it over more identities, or remove the threshold on {}",
                    suite.environment.name
                )
            }
            (Some(_), None) => "send more arrivals, or remove the threshold".to_owned(),
            (None, _) => "correct the bound".to_owned(),
        };
        let text = match outlook.needed {
            Some(_) => format!("{name} can only be inconclusive: {reason}"),
            None => format!("{name} can't be met by any target: {reason}"),
        };
        return Some(Contradiction { text, way_out, impossible: true });
    }
    let (low, high) = outlook.samples?;
    let needed = outlook.needed.filter(|needed| low > 0 && low < *needed)?;
    Some(Contradiction {
        text: format!(
            "{name} needs {} samples and may get as few as {} (at most {}): it may be inconclusive",
            count(needed),
            count(low),
            count(high)
        ),
        way_out: "load for longer, or spread the load over more identities".to_owned(),
        impossible: false,
    })
}
