//! `load-gate explain`: why this verdict, what would change it, what to do next.

use super::args::ExplainArgs;
use super::inputs;
use super::world::World;
use crate::report;

/// Explains a finished run; exit code 0 where there is one to explain.
pub(super) fn explain(args: &ExplainArgs, world: &World) -> anyhow::Result<u8> {
    let suite = inputs::read_suite(&args.dir)?;
    let explanation = report::explain(&suite);
    if args.json {
        world.output.result(&serde_json::to_string_pretty(&explanation)?);
    } else {
        world.output.result(&report::explain_text(&explanation, world.output.style()));
    }
    Ok(0)
}
