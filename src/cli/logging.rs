//! What load-gate tells of its way when it is asked to: debug lines on standard error.

use std::io::Write;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::stderr;
use super::world::World;
use crate::publish::actions::{self, ActionsEnv};

/// Where a filter of one's own is read from, in tracing's words: `load_gate=trace`.
const FILTER: &str = "LOAD_GATE_LOG";

/// Begins to log, where `RUNNER_DEBUG`, `ACTIONS_STEP_DEBUG` or `LOAD_GATE_LOG` ask
/// for it. Of other crates nothing is logged unless named: headers hold secrets.
pub(super) fn init(world: &World) {
    let env = ActionsEnv::from_vars(&world.vars);
    let filter = match world.vars.get(FILTER).filter(|filter| !filter.is_empty()) {
        Some(filter) => filter,
        None if env.debug => "load_gate=debug",
        None => return,
    };
    let targets = match filter.parse::<Targets>() {
        Ok(targets) => targets,
        Err(e) => {
            let said =
                format!("{FILTER} is {filter:?}, which is no filter: {e}: nothing is logged\n");
            return stderr::write(said.into_bytes());
        }
    };
    let in_step = env.active;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(world.output.color_err())
        .with_writer(move || Lines { in_step });
    let logging = tracing_subscriber::registry().with(targets).with(lines);
    // A second call finds the first one's in place.
    let _ = logging.try_init();
}

/// Standard error; within a GitHub step each event is a `::debug::` command.
struct Lines {
    in_step: bool,
}

impl Write for Lines {
    /// Gets a whole event at once.
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        if self.in_step {
            let text = String::from_utf8_lossy(event);
            let command = actions::command("debug", "", text.trim_end());
            stderr::write(format!("{command}\n").into_bytes());
        } else {
            stderr::write(event.to_vec());
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
