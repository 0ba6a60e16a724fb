//! What a run is compared with: an earlier run, and the nights that it carries along.

use std::path::Path;

use super::args::BaselineArgs;
use super::inputs;
use super::waiting::wait_for;
use super::world::{UsageError, World};
use crate::engine::Stop;
use crate::publish::PublishWarning;
use crate::publish::actions::ActionsEnv;
use crate::publish::github::{self, Found, Patience, Search, Which};
use crate::secret::Secret;
use crate::suite::{History, Night, SuiteReport};
use crate::units::{self, Timestamp};

/// What is known of earlier runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Earlier {
    /// The run to compare with.
    pub(super) suite: Option<SuiteReport>,
    /// The nights up to that run, itself included.
    pub(super) nights: History,
    /// What to know of them: that there is no baseline yet, that it is old.
    pub(super) notices: Vec<String>,
}

impl Earlier {
    /// What `args` name: a results directory or its suite.json, or a run of this
    /// workflow, whose artifact is fetched, of `series`. A fetch that fails ends no run, nor
    /// does one that is given up once somebody interrupts: the run itself hears of it.
    pub(super) fn of(
        args: &BaselineArgs,
        series: String,
        token: Option<&Secret>,
        now: Timestamp,
        stop: &Stop,
        world: &World,
    ) -> anyhow::Result<Self> {
        let Some(baseline) = &args.baseline else { return Ok(Self::default()) };
        let max_age = args.max_age();
        let mut earlier = match which(baseline) {
            None => Self::read(baseline)?,
            Some(which) => Self::fetch(which, series, token, stop, world)?,
        };
        let too_old = earlier.suite.as_ref().and_then(|suite| {
            let age = now.since(suite.started_at);
            (age > max_age).then(|| {
                let (age, most) = (units::age(age), units::age(max_age));
                format!("the baseline is {age} old, more than {most} (--baseline-max-age)")
            })
        });
        earlier.notices.extend(too_old);
        Ok(earlier)
    }

    /// Reads a results directory or its suite.json.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let suite = inputs::read_suite(path)?;
        let mut nights = inputs::read_history(path)?.unwrap_or_default();
        nights.add(Night::of(&suite));
        Ok(Self { suite: Some(suite), nights, notices: Vec::new() })
    }

    fn fetch(
        which: Which,
        series: String,
        token: Option<&Secret>,
        stop: &Stop,
        world: &World,
    ) -> anyhow::Result<Self> {
        let search = search(which, series, world)?;
        let env = ActionsEnv::from_vars(&world.vars);
        let fetched = wait_for(async {
            tokio::select! {
                biased;
                fetched = github::fetch_nights(&search, PATIENCE, &env, token) => fetched,
                () = stop.interrupted() => {
                    let todo = "the run is compared with nothing";
                    Err(PublishWarning::new("the baseline", "the run was interrupted", todo))
                }
            }
        })?;
        let Found { suite, history, notes } = match fetched {
            Ok(found) => found,
            Err(warning) => Found { notes: vec![warning.to_string()], ..Found::default() },
        };
        let mut notices = notes;
        if suite.is_none() {
            notices.push(none_yet(&search));
        }
        Ok(Self { suite, nights: history, notices })
    }

    /// The nights with `report` as the newest.
    pub(super) fn and(mut self, report: &SuiteReport) -> History {
        self.nights.add(Night::of(report));
        self.nights
    }
}

/// Archives of some size come with it; a night is longer.
const PATIENCE: Patience = Patience {
    total: std::time::Duration::from_secs(90),
    attempt: std::time::Duration::from_secs(10),
    retries: 20,
    backoff: std::time::Duration::from_secs(1),
    between_writes: std::time::Duration::from_secs(1),
};

/// `last-success`, `last-run` or a run's number; `None`: a path.
fn which(baseline: &Path) -> Option<Which> {
    match baseline.to_str()? {
        "last-success" => Some(Which::LastSuccess),
        "last-run" => Some(Which::LastRun),
        // A folder of digits is named as ./123.
        id => id.parse().ok().map(Which::Run),
    }
}

/// Where the runs of this workflow are looked for, by what GitHub Actions tells.
fn search(which: Which, series: String, world: &World) -> Result<Search, UsageError> {
    let get = |name: &str| world.vars.get(name).filter(|value| !value.is_empty());
    let needs = |name: &str| {
        UsageError::Plain(format!(
            "--baseline: runs are looked for from within a workflow, and {name} isn't set; name \
             a results directory"
        ))
    };
    // owner/name/.github/workflows/nightly.yml@refs/heads/main
    let workflow = get("GITHUB_WORKFLOW_REF").and_then(|whole| {
        let path = whole.split('@').next()?;
        let file = path.rsplit('/').next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._- ".contains(c);
        (!file.is_empty() && file.chars().all(plain)).then(|| file.replace(' ', "%20"))
    });
    let workflow = match (workflow, which) {
        (Some(workflow), _) => workflow,
        (None, Which::Run(_)) => String::new(),
        (None, _) => return Err(needs("GITHUB_WORKFLOW_REF")),
    };
    if get("GITHUB_REPOSITORY").is_none() {
        return Err(needs("GITHUB_REPOSITORY"));
    }
    // Of a pull request the branch that it goes into; a branch without runs has the default one's.
    let own = get("GITHUB_BASE_REF").or_else(|| get("GITHUB_REF_NAME")).cloned();
    let default = github::default_branch(&ActionsEnv::from_vars(&world.vars));
    let mut branches: Vec<String> = own.into_iter().chain(default).collect();
    branches.dedup();
    Ok(Search {
        which,
        workflow,
        branches,
        own_run: get("GITHUB_RUN_ID").and_then(|id| id.parse().ok()),
        series,
    })
}

fn none_yet(search: &Search) -> String {
    let whose = match search.which {
        Which::Run(id) => format!("run {id} has no results of {}", search.series),
        Which::LastSuccess => format!(
            "no run of {} on {} keeps results of {} that passed",
            search.workflow,
            search.branches.join(" or "),
            search.series
        ),
        Which::LastRun => format!(
            "no run of {} on {} keeps results of {}",
            search.workflow,
            search.branches.join(" or "),
            search.series
        ),
    };
    format!("no baseline yet: {whose}; this run can become the first")
}
