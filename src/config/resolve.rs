//! Puts the sources together, the later over the earlier: built in, file, variables, flags.

use std::path::Path;
use std::sync::LazyLock;

use super::base::PlanBase;
use super::destination::{self, Destination};
use super::diagnostics::{Diagnostics, Wrong, quote};
use super::file::{self, File};
use super::inputs::{Purpose, Resolved, SecretInputs, Sources, environment_secrets};
use super::metrics;
use super::pace;
use super::resources;
use super::scenarios;
use super::secrets;
use super::thresholds::canonical_key;
use super::tree::{self, Node, Table, TreeEntry, Value};
use super::values::{scale, span_text};
use crate::plan::{Dealing, IdentityKind, MOST_WORKERS, Plan, SuitePlan};
use crate::scenario::catalogue;
use crate::units::Nanos;

/// The built-in files: path in the repository, text.
pub fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    let shared =
        ("load_tests/environments.toml", include_str!("../../load_tests/environments.toml"));
    let resources = ("load_tests/resources.toml", include_str!("../../load_tests/resources.toml"));
    [shared, resources].into_iter().chain(catalogue::BUILT_IN.iter().map(|entry| entry.defaults))
}

/// The built-in files laid over each other, and what they say: read once.
static BUILT_IN: LazyLock<(Table, File, Diagnostics)> = LazyLock::new(|| {
    let (mut root, mut problems, mut files) = (Table::new(), Diagnostics::default(), 0);
    for (name, text) in built_in() {
        let source = problems.add_source(format!("{name} (built in)"), text);
        tree::overlay(&mut root, parse(source, &mut problems));
        files += 1;
    }
    let file = file::read(&root, files, Path::new(""), &mut problems);
    (root, file, problems)
});

/// None yet; what the environment keeps secret is in none of them.
fn problems(sources: &Sources<'_>) -> Diagnostics {
    Diagnostics::without(environment_secrets(sources.vars))
}

const DEFAULT_PROFILE: &str = "full";
const DEFAULT_COOLDOWN: Nanos = Nanos::from_secs(30);

/// Makes the plan of one run.
///
/// `seed` is taken where neither flag nor variable names one.
///
/// # Errors
/// Every mistake in the file, the variables and the flags that can be found in
/// one go, a protected host that isn't confirmed included.
pub fn resolve(
    sources: &Sources<'_>,
    purpose: Purpose,
    seed: u64,
) -> Result<Resolved, Diagnostics> {
    let (mut problems, mut notices) = (problems(sources), Vec::new());
    let Some((file, built_in)) = read_files(sources, &mut problems) else { return Err(problems) };
    let given = read_given(sources, seed, &mut problems);
    let mut secrets = read_secrets(sources, &file, &mut notices, &mut problems);
    let target = destination::choose(sources, &file, built_in, &mut notices, &mut problems);
    let Some(target) = target else { return Err(problems) };
    if purpose != Purpose::Plan {
        destination::confirm(sources, &target, &mut problems);
    }
    if target.environment.embedded {
        secrets.keys.clear();
        secrets.webhook = None;
    }
    let (profile, profile_from) = profile(sources, &target);
    let mut basis = PlanBase {
        file: &file,
        target: &target,
        profile,
        profile_from,
        flags: sources.flags,
        secrets: &secrets,
        rate_scale: given.rate_scale,
        duration_scale: given.duration_scale,
        pace: 1,
    };
    basis.pace = pace::pace(&basis, &mut notices);
    let plans = scenarios::plan(&basis, &mut notices, &mut problems);
    let metrics = metrics::resolve(sources, &file.metrics, &mut notices, &mut problems);
    let named = &target.environment.name;
    let resources = resources::resolve(sources, &file.resources, named, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let embedded_keys = if target.environment.embedded { keys_to_make(&plans) } else { 0 };
    let forging = target.environment.verify_limits;
    let plans: Vec<_> = plans.into_iter().map(|plan| given.complete(plan, forging)).collect();
    let (embedded_pace, embedded) = (basis.pace, target.environment.embedded);
    let plan = SuitePlan {
        minting: scenarios::minting(&basis, &plans),
        cooldown: given.cooldown(embedded),
        caveats: target.caveats.clone(),
        profile: basis.profile.to_owned(),
        environment: target.environment,
        seed: given.seed,
        rate_scale: given.rate_scale,
        duration_scale: given.duration_scale,
        allow_skip: sources.flags.allow_skip,
        scenarios: plans,
        dealing: Dealing::default(),
    };
    Ok(Resolved {
        plan,
        secrets,
        embedded_keys,
        embedded_pace,
        metrics,
        resources,
        notices,
        one_of_several: false,
    })
}

/// The secrets, those that the config's own scenarios ask for included.
fn read_secrets(
    sources: &Sources<'_>,
    file: &File,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> SecretInputs {
    let mut secrets = secrets::read(sources, notices, problems);
    let specs = file.scenarios.values().filter_map(|config| config.spec.as_deref());
    let wanted = specs.flat_map(|s| s.keys.iter().chain(s.sign.as_ref().map(|sign| &sign.secret)));
    secrets.rings = secrets::read_rings(wanted, sources, notices, problems);
    secrets
}

/// The profile that is named, or the environment's, and where it was named.
fn profile<'s>(sources: &'s Sources<'_>, target: &'s Destination) -> (&'s str, &'static str) {
    let named = sources.pick(sources.flags.profile.as_ref(), "--profile", "LOAD_GATE_PROFILE");
    let own = target.config.profile.as_deref().unwrap_or(DEFAULT_PROFILE);
    let (profile, from) = named.unwrap_or((own, ""));
    (profile.trim(), from)
}

/// How many API keys the built-in scenarios of `plans` show.
fn keys_to_make(plans: &[Plan]) -> usize {
    let made = |plan: &&Plan| plan.settings.written.is_none();
    let keys = plans.iter().filter(made).filter(|plan| plan.identities.kind == IdentityKind::Key);
    keys.map(|plan| plan.identities.count + plan.identities.set_aside).max().unwrap_or(0) as usize
}

/// The merged files, and the built-in ones alone; `None`: the user's is no TOML, and of what it
/// would have said nothing is known.
fn read_files(sources: &Sources<'_>, problems: &mut Diagnostics) -> Option<(File, &'static File)> {
    let (built_in, from_it, _) = &*BUILT_IN;
    let mut root = built_in.clone();
    let mut first_user = 0;
    // Places name their files by their order.
    for (name, text) in self::built_in() {
        first_user += 1;
        problems.add_source(format!("{name} (built in)"), text);
    }
    if let Some(user) = sources.file {
        let text = user.text.strip_prefix('\u{feff}').unwrap_or(&user.text);
        let source = problems.add_source(&user.name, text);
        let table = parse(source, problems);
        if !problems.is_empty() {
            return None;
        }
        tree::overlay(&mut root, table);
    }
    let folder = sources.file.and_then(|file| Path::new(&file.name).parent());
    let folder = folder.unwrap_or_else(|| Path::new(""));
    Some((file::read(&root, first_user, folder, problems), from_it))
}

/// A source's tree, with threshold keys and profiles in their one spelling, so that
/// they overlay each other however they are written.
fn parse(source: usize, problems: &mut Diagnostics) -> Table {
    let mut root = tree::parse(source, problems);
    let Some(scenarios) = root.get_mut("scenarios") else { return root };
    let Value::Table(scenarios) = &mut scenarios.node.value else { return root };
    for scenario in scenarios.values_mut() {
        let Value::Table(scenario) = &mut scenario.node.value else { continue };
        if let Some(TreeEntry { node: Node { value: Value::Table(profiles), .. }, .. }) =
            scenario.get_mut("profiles")
        {
            for profile in profiles.values_mut() {
                as_table(&mut profile.node);
            }
        }
        let Some(thresholds) = scenario.get_mut("thresholds") else { continue };
        let Value::Table(thresholds) = &mut thresholds.node.value else { continue };
        let mut canonical = Table::new();
        for (key, entry) in std::mem::take(thresholds) {
            let place = entry.key.clone();
            if canonical.insert(canonical_key(&key), entry).is_some() {
                let message = format!("{} is there twice, spelled differently", quote(&key));
                problems.at(&place, "", Wrong::new(message, "expected each metric once"));
            }
        }
        *thresholds = canonical;
    }
    root
}

/// A profile's stages as the table that they are short for, so that whatever else is
/// said of it is laid over them.
fn as_table(profile: &mut Node) {
    if matches!(profile.value, Value::List(_)) {
        let node = profile.clone();
        let entry = TreeEntry { key: node.place.clone(), node };
        profile.value = Value::Table(Table::from([("stages".to_owned(), entry)]));
    }
}

/// What flags and variables say, apart from where to go.
struct Given {
    rate_scale: f64,
    duration_scale: f64,
    cooldown: Option<Nanos>,
    seed: u64,
    workers: Option<u32>,
}

impl Given {
    /// The pause between scenarios.
    fn cooldown(&self, embedded: bool) -> Nanos {
        self.cooldown.unwrap_or(if embedded { Nanos::ZERO } else { DEFAULT_COOLDOWN })
    }

    /// A plan with what flags and variables say of it.
    fn complete(&self, mut plan: Plan, forging: bool) -> Plan {
        plan.engine.workers = self.workers.or(plan.engine.workers);
        plan.completed(self.seed, forging)
    }
}

fn read_given(sources: &Sources<'_>, seed: u64, problems: &mut Diagnostics) -> Given {
    let flags = sources.flags;
    let mut take = |picked: Option<(&str, &'static str)>,
                    parse: &dyn Fn(&str) -> Result<f64, Wrong>| {
        let (text, from) = picked?;
        parse(text).map_err(|wrong| problems.outside(from, wrong)).ok()
    };
    let rate = sources.pick(flags.rate_scale.as_ref(), "--rate-scale", "LOAD_GATE_RATE_SCALE");
    let rate_scale = take(rate, &scale).unwrap_or(1.0);
    let duration =
        sources.pick(flags.duration_scale.as_ref(), "--duration-scale", "LOAD_GATE_DURATION_SCALE");
    let duration_scale = take(duration, &scale).unwrap_or(1.0);
    let cooldown = sources.pick(flags.cooldown.as_ref(), "--cooldown", "LOAD_GATE_COOLDOWN");
    let cooldown = cooldown.and_then(|(text, from)| {
        let span = span_text(text, Nanos::ZERO, Nanos::from_secs(3600));
        span.map_err(|wrong| problems.outside(from, wrong)).ok()
    });
    let named = sources.pick(flags.seed.as_ref(), "--seed", "LOAD_GATE_SEED");
    let named = named.and_then(|(text, from)| {
        let wrong = || {
            let message = format!("{} is not a seed", quote(text));
            Wrong::new(message, "expected a whole number from 0 to 18446744073709551615")
        };
        text.trim().parse().map_err(|_| problems.outside(from, wrong())).ok()
    });
    let workers = sources.pick(flags.workers.as_ref(), "--workers", "LOAD_GATE_WORKERS");
    let workers = workers.and_then(|(text, from)| {
        let wrong = || {
            let message = format!("{} is no number of workers", quote(text));
            Wrong::new(message, format!("expected a whole number from 1 to {MOST_WORKERS}"))
        };
        let workers = text.trim().parse().ok().filter(|n| (1..=MOST_WORKERS).contains(n));
        workers.ok_or_else(|| problems.outside(from, wrong())).ok()
    });
    Given { rate_scale, duration_scale, cooldown, seed: named.unwrap_or(seed), workers }
}

#[cfg(test)]
mod tests {
    use super::BUILT_IN;

    #[test]
    fn the_built_in_files_have_no_mistake() {
        let (_, _, problems) = &*BUILT_IN;
        assert!(problems.is_empty(), "{problems}");
    }
}
