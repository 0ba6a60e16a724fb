//! What the user typed. What it means is decided in `config`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::ids::ScenarioId;
use crate::report::OLD_BASELINE;
use crate::scenario::catalogue;
use crate::units::Nanos;
use clap_complete::Shell;

/// Drives load scenarios at an exact arrival rate and decides whether a build may go on.
///
/// Three scenarios (onboarding, credential-vending, webhook) are run one after
/// another against a live API. The verdict is the exit code:
///
///   0  pass          every threshold, limiter rule and probe holds
///   1  fail          one of them does not
///   2  usage         a flag, the config or the plan is wrong; nothing was sent
///   3  inconclusive  too little evidence, unreachable, interrupted, or the
///                    generator itself fell short: never green
///
/// Try it without any server: load-gate run --env embedded
#[derive(Debug, Parser)]
#[command(name = "load-gate", version, long_version = LONG_VERSION, verbatim_doc_comment, max_term_width = 100, after_long_help = super::variables::help(), after_help = super::variables::help())]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Version and the commit it was built from.
const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("LOAD_GATE_COMMIT"), ")");

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run scenarios, decide, report.
    ///
    /// Every scenario begins with one canary request; when that is refused as
    /// misconfigured, no load is sent. The results directory receives suite.json,
    /// junit.xml, summary.md, report.html, baseline.md and, for each scenario,
    /// NAME-results.json (k6's shape), NAME-TIMESTAMP.txt and NAME.hgrm.
    #[command(verbatim_doc_comment)]
    Run(RunArgs),
    /// Show what `run` would do, without sending anything.
    ///
    /// The timeline of each scenario, what the declared rate limit can admit of
    /// it, how many samples the thresholds will rest on, and contradictions.
    Plan(PlanArgs),
    /// Look whether everything `run` needs is there: one line each, and what to do.
    Check(CheckArgs),
    /// Serve the embedded target alone: the API with its limiters, and faults on demand.
    Serve(ServeArgs),
    /// Make the reports again from a finished (or killed) run's suite.json.
    Report(ReportArgs),
    /// Compare two runs statistically: what changed for certain, what is noise.
    Compare(CompareArgs),
    /// Many nights as a series: figures over time, and where p95 moved for good.
    History(HistoryArgs),
    /// Tell why a finished run's verdict is what it is, what would change it, what to do next.
    Explain(ExplainArgs),
    /// Publish a finished run's pull-request comment (for forks, in a `workflow_run` job).
    Comment(CommentArgs),
    /// Merge shards of one run into one suite.json, judged as a whole.
    Merge(MergeArgs),
    /// Write .github/load-gate.toml and a workflow for this repository.
    Init(InitArgs),
    /// Print a scenario's table for a request that is written down as Hurl, OpenAPI or curl.
    ///
    /// What can't be carried over is said in comments; secrets stay behind.
    Import(ImportArgs),
    /// Print a completion script for a shell; it knows the scenarios of the config here.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// What the GitHub Action's step runs: reads INPUT_* and GITHUB_*.
    #[command(hide = true)]
    Action,
}

/// Flags that `run`, `plan` and `check` share.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What to run")]
pub(super) struct SharedArgs {
    /// Where: `embedded`, `staging`, `production`, or one from the config
    /// [env: `LOAD_GATE_ENV`] [default: staging]
    #[arg(short, long, value_name = "NAME")]
    pub env: Option<String>,
    /// Another base URL for the environment [env: `API_URL`]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Which load: `smoke`, `full`, `production`, or one from the config [default: the environment's]
    #[arg(short, long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The config file [env: `LOAD_GATE_CONFIG`] [default: .github/load-gate.toml, then load-gate.toml, when they exist]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Multiply every target arrival rate by this.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub rate_scale: Option<String>,
    /// Multiply every stage's duration by this.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub duration_scale: Option<String>,
    /// Pause between scenarios [default: 30s; 0s for embedded]
    #[arg(long, value_name = "DUR")]
    pub cooldown: Option<String>,
    /// Threads that send; any number sends the same schedule [env: `LOAD_GATE_WORKERS`] [default: as many as the peak needs]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,
    /// Where the results go.
    #[arg(long, value_name = "DIR", default_value = "load_tests/results")]
    pub results_dir: PathBuf,
    /// Where the JUnit file goes [default: `RESULTS_DIR/junit.xml`]
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Makes two runs send the same requests [default: random, printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    /// Prometheus' remote-write endpoint, for the run's series second by second
    /// [env: `LOAD_GATE_PROMETHEUS_URL`]
    #[arg(long, value_name = "URL")]
    pub prometheus_url: Option<String>,
    /// A Pushgateway, for the end state [env: `LOAD_GATE_PUSHGATEWAY`]
    #[arg(long, value_name = "URL")]
    pub pushgateway: Option<String>,
    /// Name the host of a protected environment, to allow sending load to it
    /// [env: `LOAD_GATE_CONFIRM_PRODUCTION`]
    #[arg(long, value_name = "HOST")]
    pub confirm_production: Option<String>,
}

/// `run`.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one a flag")]
pub(super) struct RunArgs {
    /// Scenarios, in this order [default: all that the environment lists]
    #[arg(value_name = "SCENARIO", value_parser = scenario)]
    pub scenarios: Vec<ScenarioId>,
    /// Shared flags.
    #[command(flatten)]
    pub shared: SharedArgs,
    /// Send only part I of N of the plan's arrivals, I from 1 to N: other machines send the
    /// others, and `merge` judges all of them [env: `LOAD_GATE_SHARD`, or
    /// `JOB_COMPLETION_INDEX` with `LOAD_GATE_SHARDS`]
    #[arg(long, value_name = "I/N", help_heading = "More than one machine")]
    pub shard: Option<String>,
    /// When the load begins: RFC 3339, or +DUR from now, rounded up to a multiple of DUR so
    /// that shards agree [env: `LOAD_GATE_START_AT`] [default: at once; of shards `+60s`]
    #[arg(long, value_name = "MOMENT", help_heading = "More than one machine")]
    pub start_at: Option<String>,
    /// Don't check reachability, clock, keys and limits first.
    #[arg(long, help_heading = "How to judge")]
    pub no_check: bool,
    /// Let scenarios that can't run (no keys, no secret) be skipped without turning the suite inconclusive.
    #[arg(long, help_heading = "How to judge")]
    pub allow_skip: bool,
    /// Refuse (exit 2) a plan whose gates can't be met by any server.
    #[arg(long, help_heading = "How to judge")]
    pub strict_plan: bool,
    /// The run to compare with.
    #[command(flatten)]
    pub baseline: BaselineArgs,
    /// Close with every figure, not only with those that were close or failed.
    #[arg(short, long)]
    pub verbose: bool,
}

/// What a run is compared with.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct BaselineArgs {
    /// What relative thresholds and the comparison rest on: an earlier run's suite.json or its
    /// directory; within a workflow also `last-success`, `last-run` or a run's number, of which
    /// the artifact is fetched.
    #[arg(long, value_name = "FILE|DIR|RUN", help_heading = "How to judge")]
    pub baseline: Option<PathBuf>,
    /// Without a baseline, relative thresholds are inconclusive rather than not exercised.
    #[arg(long, help_heading = "How to judge")]
    pub baseline_required: bool,
    /// An older baseline is said to be old [default: 3days]
    #[arg(long, value_name = "DURATION", help_heading = "How to judge", value_parser = age)]
    pub baseline_max_age: Option<Nanos>,
}

impl BaselineArgs {
    /// From which age on the baseline is said to be old.
    pub(super) fn max_age(&self) -> Nanos {
        self.baseline_max_age.unwrap_or(OLD_BASELINE)
    }
}

/// An age: `12h`, `3days`.
pub(super) fn age(text: &str) -> Result<Nanos, String> {
    humantime::parse_duration(text)
        .map(Nanos::from)
        .map_err(|_| "expected an age such as 12h or 3days".to_owned())
}

/// `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Scenarios, in this order [default: all that the environment lists]
    #[arg(value_name = "SCENARIO", value_parser = scenario)]
    pub scenarios: Vec<ScenarioId>,
    /// Shared flags.
    #[command(flatten)]
    pub shared: SharedArgs,
    /// Show what this shard sends of the plan too [env: as of `run`]
    #[arg(long, value_name = "I/N", help_heading = "More than one machine")]
    pub shard: Option<String>,
    /// Show what each of N machines needs [env: `LOAD_GATE_SHARDS`]
    #[arg(long, value_name = "N", help_heading = "More than one machine")]
    pub shards: Option<String>,
    /// Exit 2 when a gate can't be met by any server.
    #[arg(long)]
    pub strict_plan: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Scenarios [default: all that the environment lists]
    #[arg(value_name = "SCENARIO", value_parser = scenario)]
    pub scenarios: Vec<ScenarioId>,
    /// Shared flags.
    #[command(flatten)]
    pub shared: SharedArgs,
    /// Send one request of each scenario, its setup first, and tell which checks hold.
    #[arg(long)]
    pub r#try: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// A fault, `NAME=VALUE`, perhaps with the endpoint before it: `webhook.errors=0.2`. Repeatable; `--faults` lists them.
    #[arg(long = "fault", value_name = "NAME=VALUE")]
    pub fault: Vec<String>,
    /// List every fault and what it takes.
    #[arg(long)]
    pub faults: bool,
}

/// `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The results directory with suite.json.
    pub dir: PathBuf,
    /// An earlier run's suite.json, or its directory, to compare with.
    #[arg(long, value_name = "FILE|DIR")]
    pub baseline: Option<PathBuf>,
    /// Print every figure, not only those that were close or failed.
    #[arg(short, long)]
    pub verbose: bool,
}

/// What makes `compare` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// What is worse for certain.
    Higher,
}

/// `compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The run to compare with: suite.json or its directory.
    pub base: PathBuf,
    /// The run that is compared.
    pub new: PathBuf,
    /// Compare runs that aren't comparable (another profile, identities or settings).
    #[arg(long)]
    pub anyway: bool,
    /// Exit with 1 where anything is worse for certain: a response time or the share of
    /// refusals higher, or the success rate lower; with 3 where nothing could be compared
    #[arg(long, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Where the page goes that draws the two runs over one another [default:
    /// `compare.html` beside the new run's suite.json]
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}

/// `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The run: its results directory, or its suite.json.
    #[arg(default_value = "load_tests/results")]
    pub dir: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Results directories (their suite.json and history.json), or such files.
    #[arg(required = true, num_args = 1..)]
    pub dirs: Vec<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `comment`.
#[derive(Debug, Args)]
pub(super) struct CommentArgs {
    /// The results directory, perhaps downloaded from an artifact: it isn't trusted.
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Which of several comments on one pull request this is.
    #[arg(long, value_name = "ID", default_value = "load-gate")]
    pub comment_id: String,
}

/// `merge`.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The shards' results directories, or directories that these lie in.
    #[arg(required = true, num_args = 1..)]
    pub dirs: Vec<PathBuf>,
    /// Judge though so many shards are missing: every report says so.
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub allow_missing: u32,
    #[command(flatten)]
    pub baseline: BaselineArgs,
    /// Where the merged results go.
    #[arg(long, value_name = "DIR", default_value = "load_tests/results")]
    pub results_dir: PathBuf,
    /// Where the JUnit file goes [default: `RESULTS_DIR/junit.xml`]
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Close with every figure, not only with those that were close or failed.
    #[arg(short, long)]
    pub verbose: bool,
}

/// `init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Replace files that are there already.
    #[arg(long)]
    pub force: bool,
    /// Write a commented table of a scenario of your own at the end of the config, and nothing
    /// else.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["force", "after_deploy"])]
    pub scenario: Option<String>,
    /// Write a workflow that deploys, drives load at the deployment and promotes it, instead of
    /// the one for pull requests and nights.
    #[arg(long)]
    pub after_deploy: bool,
    /// The root of the repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What it is read from.
    #[command(subcommand)]
    pub from: ImportFrom,
}

/// What a scenario's table is made from.
#[derive(Debug, Subcommand)]
pub(super) enum ImportFrom {
    /// A file of Hurl's: methods, paths, headers, JSON, status and jsonpath asserts.
    Hurl {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// What the scenario is to be called.
        #[arg(long, default_value = "imported", value_parser = scenario_name)]
        name: String,
    },
    /// One operation of an OpenAPI description (3.x, JSON or YAML).
    Openapi {
        /// The file; `-` is standard input. A URL isn't fetched.
        file: PathBuf,
        /// The operation: its `operationId`, or `GET /path`.
        #[arg(long, value_name = "ID")]
        operation: Option<String>,
        /// What the scenario is to be called.
        #[arg(long, default_value = "imported", value_parser = scenario_name)]
        name: String,
    },
    /// A curl command, in quotes; `-` reads it from standard input, where nobody else sees it.
    Curl {
        /// What the scenario is to be called.
        #[arg(long, default_value = "imported", value_parser = scenario_name)]
        name: String,
        /// The command.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// A name that a scenario of one's own can have.
pub(super) fn scenario_name(name: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let fits = name.len() <= 40 && name.bytes().all(plain) && ScenarioId::parse(name).is_some();
    if !fits {
        return Err("expected 1 to 40 lower-case letters, digits, `-` and `_`".to_owned());
    }
    match catalogue::named(name) {
        Some(_) => Err("this is the name of a built-in scenario".to_owned()),
        None => Ok(name.to_owned()),
    }
}

/// A scenario by name.
fn scenario(name: &str) -> Result<ScenarioId, String> {
    // Whether there is one of that name is the config's to say.
    ScenarioId::parse(name).ok_or_else(|| {
        let names = catalogue::names();
        format!("no such scenario; there are {}", names.join(", "))
    })
}
