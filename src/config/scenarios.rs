//! One plan a scenario: stages scaled and checked, identities counted, criteria collected.

use super::base::PlanBase;
use super::diagnostics::{Diagnostics, Wrong, listing, quote, suggestion, unknown};
use super::identities::Question;
use super::own;
use super::parse_threshold;
use super::scenario_table::{AskedIdentities, ScenarioConfig};
use super::stages;
use super::thresholds::{self, Judged};
use crate::admission::DeclaredLimit;
use crate::gate::{Bound, Criteria, GeneratorBounds, Threshold};
use crate::ids::{IdentityKind, ScenarioId};
use crate::limits::Beside;
use crate::plan::{EngineSettings, Extras, MintingPlan, Plan, Schedule, Stage};
use crate::scenario::catalogue::{Takes, Trial};
use crate::scenario::{self, Settings, catalogue};
use crate::secret::Secret;

/// What the production profile is held to where a baseline is given.
const BASELINE_KEY: &str = "response_time{outcome:accepted}";
const BASELINE_EXPRESSION: &str = "p(95)<2*baseline";

/// Plans every scenario that is to run.
pub(super) fn plan(
    basis: &PlanBase<'_>,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> Vec<Plan> {
    let named = !basis.flags.scenarios.is_empty();
    let mut wanted: Vec<ScenarioId> = if named {
        basis.flags.scenarios.clone()
    } else {
        basis.target.scenarios.clone().unwrap_or_else(|| basis.all())
    };
    wanted.retain(|id| basis.is_known(*id, named, problems));
    let mut seen = Vec::new();
    wanted.retain(|id| {
        !seen.contains(id) && {
            seen.push(*id);
            true
        }
    });
    let (able, unable): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|id| basis.stages_of(*id).is_some());
    if able.is_empty() && unable.is_empty() {
        // That none of those named is known has been told.
    } else if able.is_empty() || (named && !unable.is_empty()) {
        basis.report_profile(&unable, problems);
    } else {
        for id in unable {
            notices
                .push(format!("{id} has no stages for profile {}: it doesn't run", basis.profile));
        }
    }
    able.into_iter().filter_map(|id| basis.plan_one(id, notices, problems)).collect()
}

/// How keys are minted where a plan asks for some: through the scenario that its entry
/// names, whether it is in the run or not.
pub(super) fn minting(basis: &PlanBase<'_>, plans: &[Plan]) -> Option<MintingPlan> {
    let asking = plans.iter().find(|plan| plan.identities.mint > 0)?;
    let id = catalogue::find(asking.scenario)?.minted_through?;
    let planned = plans.iter().find(|plan| plan.scenario == id).cloned();
    let through = planned.or_else(|| {
        // What there is to say of its load concerns nobody: it has none.
        let mut unused = Diagnostics::default();
        basis.assemble(id, Vec::new(), &mut Vec::new(), &mut unused)
    });
    Some(MintingPlan::through(through?, basis.target.environment.verify_limits))
}

impl PlanBase<'_> {
    /// What a bare run runs: the built-in scenarios, then the user's own; of these
    /// none where it is protected.
    fn all(&self) -> Vec<ScenarioId> {
        let own = self.file.scenarios.iter().filter(|(_, config)| config.spec.is_some());
        let own = own.map(|(id, _)| *id).filter(|_| !self.target.environment.protected);
        catalogue::BUILT_IN.iter().map(|entry| entry.id).chain(own).collect()
    }

    /// Whether there is a scenario of that name, and whether it may run here.
    fn is_known(&self, id: ScenarioId, named: bool, problems: &mut Diagnostics) -> bool {
        let listed = self.target.config.listed_at.get(&id).filter(|_| !named);
        let from = format!("environments.{}.scenarios", self.target.environment.name);
        let Some(config) = self.file.scenarios.get(&id) else {
            if self.file.broken.contains(&id) {
                return false;
            }
            let names: Vec<&str> = catalogue::names()
                .into_iter()
                .chain(self.file.scenarios.keys().map(|id| id.name()))
                .collect();
            let mut seen = std::collections::BTreeSet::new();
            let names: Vec<&str> = names.into_iter().filter(|name| seen.insert(*name)).collect();
            let wrong = unknown("scenario", id.name(), &names);
            match listed {
                Some(place) => problems.at(place, &from, wrong),
                None => problems.outside("", wrong),
            }
            return false;
        };
        let undeclared = config.spec.as_ref().is_some_and(|spec| spec.writes.is_none());
        if undeclared && self.target.environment.protected {
            let message = format!("{id} doesn't say whether it creates or changes anything");
            let expected = format!("expected writes = false or true in [scenarios.{id}]");
            let wrong = Wrong::new(message, expected)
                .help("where it is protected, that has to be known before a run");
            problems.at(&config.place, "", wrong);
            return false;
        }
        true
    }

    /// The keys there are for `config`.
    fn keys<'s>(&'s self, config: &ScenarioConfig) -> &'s [Secret] {
        match config.spec.as_ref().map(|spec| spec.keys.as_deref()) {
            None => &self.secrets.keys,
            Some(keys) => keys.map_or(&[][..], |keys| self.secrets.ring(keys)),
        }
    }

    pub(super) fn stages_of(&self, id: ScenarioId) -> Option<&[Stage]> {
        let profile = self.file.scenarios.get(&id)?.profiles.get(self.profile)?;
        Some(profile.stages.as_slice()).filter(|stages| !stages.is_empty())
    }

    fn report_profile(&self, unable: &[ScenarioId], problems: &mut Diagnostics) {
        let mut known: Vec<&str> = Vec::new();
        // One whose stages couldn't be read has been told of.
        let said = |id: &ScenarioId| {
            self.file.scenarios.get(id).is_some_and(|s| s.profiles.contains_key(self.profile))
        };
        if !problems.is_empty() && unable.iter().all(said) {
            return;
        }
        for id in unable {
            let scenario = self.file.scenarios.get(id);
            let profiles = scenario.iter().flat_map(|scenario| &scenario.profiles);
            known.extend(profiles.filter(|(_, p)| !p.stages.is_empty()).map(|(n, _)| n.as_str()));
        }
        known.sort_unstable();
        known.dedup();
        let names = listing(unable.iter().map(|id| id.name()));
        let wrong = Wrong::new(
            format!("no stages for profile {} in {names}", quote(self.profile)),
            format!("known: {}", listing(known.iter().copied())),
        );
        let wrong = match (suggestion(self.profile, known.iter().copied()), known.first()) {
            (Some(name), _) => wrong.help(format!("did you mean {}?", quote(name))),
            (None, Some(name)) => wrong.help(format!("name one, such as --profile {name}")),
            (None, None) => wrong,
        };
        let named = self.target.config.profile_at.as_ref();
        let table = || self.file.scenarios.get(unable.first()?).map(|scenario| &scenario.place);
        match named.or_else(table).filter(|_| self.profile_from.is_empty()) {
            Some(place) => problems.at(place, "", wrong),
            None => problems.outside(self.profile_from, wrong),
        }
    }

    fn plan_one(
        &self,
        id: ScenarioId,
        notices: &mut Vec<String>,
        problems: &mut Diagnostics,
    ) -> Option<Plan> {
        let config = self.file.scenarios.get(&id)?;
        let stages = self.scaled(id, problems)?;
        let schedule = Schedule::new(&stages);
        self.check_load(id, config, &schedule, problems);
        let settings = self.settings(id, config);
        let scenario = scenario::build(&settings, 0, "", scenario::Secrets::default())?;
        let (labels, resources) = (scenario.labels(), &self.file.resources.names());
        let facts = Judged { scenario: id, stages: stages.len(), labels, resources };
        thresholds::check(&config.thresholds, &facts, problems);
        let mut more = Vec::new();
        let plan = self.assemble(id, stages, &mut more, problems)?;
        if let Some(spec) = &config.spec {
            notices.extend(own::notices(id, spec, &config.limits, plan.skip.is_none()));
            notices.extend(own::shows_nobody(id, spec, &plan.identities));
        }
        notices.append(&mut more);
        Some(plan)
    }

    /// A plan without what [`Plan::completed`] adds.
    fn assemble(
        &self,
        id: ScenarioId,
        stages: Vec<Stage>,
        notices: &mut Vec<String>,
        problems: &mut Diagnostics,
    ) -> Option<Plan> {
        let config = self.file.scenarios.get(&id)?;
        let profile = config.profiles.get(self.profile);
        // As long as it may become: who sends has to suffice for that.
        let schedule = stages::longest(&stages, profile, self.duration_scale);
        let engine = self.file.engine.clone()?;
        let share = if self.target.probes { self.file.share } else { 0.0 };
        let mint = self.mint(id, config, notices);
        let identities = self.question(id, config, share, mint, &schedule, notices, problems);
        let kind = identities.kind();
        let plan = Plan {
            scenario: id,
            profile: self.profile.to_owned(),
            settings: self.settings(id, config),
            probes: own::probes(id, config.spec.as_deref(), share),
            extras: Extras::default(),
            identities: identities.answer(),
            criteria: self.criteria(config, kind, &engine.settings, engine.own_lag, notices),
            engine: engine.settings,
            skip: self.skip(id, config, mint),
            stages,
            extension: None,
        };
        Some(stages::with_extension(plan, profile, self.duration_scale, problems))
    }

    pub(super) fn max_rate_owner(&self) -> String {
        let held = &self.target.protected_by;
        if held.is_empty() {
            quote(&self.target.environment.name)
        } else {
            listing(held.iter().map(String::as_str))
        }
    }

    fn mint(&self, id: ScenarioId, config: &ScenarioConfig, notices: &mut Vec<String>) -> u32 {
        if config.mint_keys == 0 {
            return 0;
        }
        if self.target.environment.embedded {
            return 0;
        }
        if !self.target.mint_keys {
            notices.push(format!(
                "mint_keys = {} of {id} is left out: {} does not allow customers to be created for their keys",
                config.mint_keys,
                self.max_rate_owner()
            ));
            return 0;
        }
        config.mint_keys
    }

    #[expect(clippy::too_many_arguments, reason = "everything that decides who sends")]
    fn question<'q>(
        &'q self,
        id: ScenarioId,
        config: &'q ScenarioConfig,
        share: f64,
        mint: u32,
        schedule: &'q Schedule,
        notices: &mut Vec<String>,
        problems: &mut Diagnostics,
    ) -> Question<'q> {
        let keys = u32::try_from(self.keys(config).len()).unwrap_or(u32::MAX / 2);
        let question = Question {
            identity: match &config.spec {
                Some(spec) => spec.identity,
                None => catalogue::find(id).map_or(IdentityKind::Address, |entry| entry.identity),
            },
            limits: config.limits.iter().map(|limit| limit.paced(self.pace)).collect(),
            asked: config.identities.as_ref().map(|asked| asked.value),
            // Keys of the user's own aren't made by the embedded target.
            embedded: self.target.environment.embedded && config.spec.is_none(),
            verify: self.target.environment.verify_limits,
            share,
            keys,
            mint,
            schedule,
        };
        let Some(asked) = &config.identities else { return question };
        let path = format!("scenarios.{id}.identities");
        match (question.kind(), asked.value) {
            (IdentityKind::Global, AskedIdentities::Count(n)) if n > 1 => {
                let wrong = if config.limits.is_empty() {
                    let expected = "expected an identity table: env = \"SEARCH_KEY_*\", or kind = \
                                    \"address\"";
                    Wrong::new("nobody is there to share the load", expected)
                } else {
                    let message = "this limit counts everybody together";
                    Wrong::new(message, "expected 1, \"auto\" or nothing at all")
                };
                problems.at(&asked.place, &path, wrong);
            }
            (IdentityKind::Key, AskedIdentities::Count(n))
                if !question.embedded && keys + mint > 0 && n > keys + mint =>
            {
                let message = format!("{n} keys are asked for, {} there", are(keys + mint));
                let wrong = Wrong::new(message, format!("expected at most {}", keys + mint));
                let variables = catalogue::key_variables(id, config.spec.as_deref());
                let more = variables.unwrap_or("its keys").replace('*', "1, _2, …");
                problems.at(&asked.place, &path, wrong.help(format!("set more of {more}")));
            }
            (IdentityKind::Address, value) if !self.target.may_forge(Some(value)) => {
                notices.push(format!(
                    "identities of {id} is left out: {} has verify_limits = false, so no address is forged",
                    self.max_rate_owner()
                ));
            }
            _ => {}
        }
        question
    }

    fn settings(&self, id: ScenarioId, config: &ScenarioConfig) -> Settings {
        let mut values = config.settings.clone();
        for setting in catalogue::find(id).map_or(&[][..], |entry| entry.settings) {
            if let Takes::Environment = setting.takes {
                // The one key of an environment that scenarios ask for.
                values.insert(setting.key.to_owned(), self.target.email_domain.clone().into());
            }
        }
        Settings { scenario: id, values, written: config.spec.clone() }
    }

    /// A limit declared beside the first.
    fn beside(&self, declared: &DeclaredLimit, kind: IdentityKind) -> Beside {
        Beside { declared: declared.paced(self.pace), together: !declared.scope.counts_each(kind) }
    }

    fn criteria(
        &self,
        config: &ScenarioConfig,
        kind: IdentityKind,
        engine: &EngineSettings,
        own_lag: bool,
        notices: &mut Vec<String>,
    ) -> Criteria {
        let mut thresholds: Vec<Threshold> =
            config.thresholds.iter().map(|raw| raw.threshold.clone()).collect();
        let relative = |t: &Threshold| matches!(t.bound, Bound::TimesBaseline(_));
        if self.flags.baseline && self.profile == "production" && !thresholds.iter().any(relative) {
            thresholds.extend(parse_threshold(BASELINE_KEY, BASELINE_EXPRESSION));
        }
        if !self.flags.baseline {
            for threshold in thresholds.iter().filter(|t| relative(t)) {
                notices.push(format!(
                    "{}: {} needs --baseline; without one it is {}",
                    threshold.key,
                    threshold.expression,
                    if self.flags.baseline_required { "inconclusive" } else { "not exercised" }
                ));
            }
        }
        // One that the user wrote is not widened.
        let widened: &[Threshold] = if own_lag { &[] } else { &thresholds };
        let generator = GeneratorBounds {
            max_lag: GeneratorBounds::widest_lag(engine.max_lag, widened),
            max_dropped: GeneratorBounds::MAX_DROPPED,
            max_off_plan: GeneratorBounds::MAX_OFF_PLAN,
        };
        let decision = self.file.decision;
        Criteria {
            thresholds,
            limit: config.limits.first().map(|limit| limit.paced(self.pace)),
            prediction: None,
            beside: config.limits.iter().skip(1).map(|limit| self.beside(limit, kind)).collect(),
            together: config.limits.first().is_some_and(|limit| !limit.scope.counts_each(kind)),
            generator,
            decision,
            baseline_required: self.flags.baseline_required,
        }
    }

    fn skip(&self, id: ScenarioId, config: &ScenarioConfig, mint: u32) -> Option<String> {
        if let Some(spec) = &config.spec {
            let missing = |name: &&String| self.secrets.ring(name).is_empty();
            let secret = spec.sign.as_ref().map(|sign| &sign.secret);
            let name = spec.keys.iter().chain(secret).find(missing)?;
            return Some(match name.strip_suffix('*') {
                Some(stem) => format!("no key: set {stem}1 (and {stem}2, …)"),
                None => format!("{name} is not set"),
            });
        }
        if self.target.environment.embedded {
            return None;
        }
        let credential = catalogue::find(id)?.credential?;
        let there = match credential.trial {
            Trial::Get(_) => !self.secrets.keys.is_empty() || mint > 0,
            Trial::Exchange(_) => self.secrets.webhook.is_some(),
        };
        (!there).then(|| credential.missing.to_owned())
    }
}

fn are(n: u32) -> String {
    if n == 1 { "1 is".to_owned() } else { format!("{n} are") }
}
