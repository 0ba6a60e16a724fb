//! What load-gate tells of its way when it is asked to: debug lines on standard error.

use std::io::Write;

use tracing_subscriber::EnvFilter;

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
        Some(filter) => EnvFilter::builder().parse_lossy(filter),
        None if env.debug => EnvFilter::new("load_gate=debug"),
        None => return,
    };
    let in_step = env.active;
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(world.output.color_err())
        .with_writer(move || Lines { in_step });
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
