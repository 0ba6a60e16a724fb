//! From the command line to the command.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use super::args::{Cli, Command};
use super::output::Output;
use super::world::{INCONCLUSIVE, USAGE, UsageError, World, code_of};
use super::{
    action, check, comment, compare, explain, history, import, init, inputs, logging, merge, plan,
    report, run, secrets, serve, signals, stderr, stdout,
};
use crate::config::environment_secrets;
use crate::engine;

/// Runs load-gate and returns its exit code (docs/verdict.md: 0 pass, 1 fail, 2 usage
/// or configuration, 3 inconclusive).
#[must_use]
pub fn main() -> ExitCode {
    let code = start();
    stderr::flush();
    code
}

fn start() -> ExitCode {
    let vars: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let output = Output::new(&vars);
    engine::withhold_core_dumps();
    signals::outlive_full_files();
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    // A copied command may well hold one: it is read, and none of it is given back.
    let importing = arguments.first().is_some_and(|first| first == "import");
    let known = environment_secrets(&vars);
    if let Some(at) = secrets::among(&arguments, &known).filter(|_| !importing) {
        output.error(&secrets::refusal(at));
        return ExitCode::from(USAGE);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows where it belongs: help to stdout, mistakes to stderr.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let world = World { vars, output };
    logging::init(&world);
    let action = matches!(cli.command, Command::Action);
    let prints = prints(&cli.command);
    match dispatch(cli.command, &world) {
        Ok(0) if prints && let Some(why) = stdout::lost() => {
            output.error(&format!("failed to write standard output: {why}"));
            ExitCode::from(INCONCLUSIVE)
        }
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let output = if action { output.naming_inputs() } else { output };
            let usage = error.downcast_ref::<UsageError>();
            match usage {
                Some(UsageError::Rendered(text)) => output.as_drawn(text.trim_end()),
                _ => output.error(&format!("{error:#}")),
            }
            ExitCode::from(code_of(&error))
        }
    }
}

/// Whether what it prints is all that comes of a command; of others there are files, or
/// what they did.
const fn prints(command: &Command) -> bool {
    match command {
        Command::Plan(_)
        | Command::Check(_)
        | Command::History(_)
        | Command::Compare(_)
        | Command::Explain(_)
        | Command::Import(_)
        | Command::Completions { .. } => true,
        Command::Run(_)
        | Command::Merge(_)
        | Command::Comment(_)
        | Command::Serve(_)
        | Command::Report(_)
        | Command::Init(_)
        | Command::Action => false,
    }
}

fn dispatch(command: Command, world: &World) -> anyhow::Result<u8> {
    match command {
        Command::Run(args) => run::run(&args, world),
        Command::Plan(args) => plan::plan(&args, world),
        Command::Check(args) => check::check(&args, world),
        Command::Comment(args) => comment::comment(&args, world),
        Command::History(args) => history::history(&args, world),
        Command::Compare(args) => compare::compare(&args, world),
        Command::Explain(args) => explain::explain(&args, world),
        Command::Merge(args) => merge::merge(&args, world),
        Command::Serve(args) => serve::serve(&args, world),
        Command::Report(args) => report::report(&args, world),
        Command::Init(args) => init::init(&args, world),
        Command::Import(args) => import::import(&args, world),
        Command::Action => action::action(world),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let mut command = with_names(Cli::command(), &inputs::scenario_names(world));
            clap_complete::generate(shell, &mut command, "load-gate", &mut script);
            world.output.result(&String::from_utf8_lossy(&script));
            Ok(0)
        }
    }
}

/// The command line whose scenarios are those of `names`, to complete them.
fn with_names(command: clap::Command, names: &[&'static str]) -> clap::Command {
    ["run", "plan", "check"].into_iter().fold(command, |command, name| {
        let known = clap::builder::PossibleValuesParser::new(names.to_vec());
        command.mut_subcommand(name, |own| {
            own.mut_arg("scenarios", |scenarios| scenarios.value_parser(known))
        })
    })
}
