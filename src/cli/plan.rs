//! `load-gate plan`: what `run` would do, without sending anything.

use super::args::PlanArgs;
use super::inputs;
use super::world::{USAGE, World};
use crate::config::{Flags, Purpose};
use crate::plan;
use crate::report;

/// Shows the plan; with `--strict-plan`, exit code 2 where a gate can't be met.
pub(super) fn plan(args: &PlanArgs, world: &World) -> anyhow::Result<u8> {
    let flags = Flags {
        scenarios: args.scenarios.clone(),
        shard: args.shard.clone(),
        shards: args.shards.clone(),
        ..inputs::shared_flags(&args.shared)
    };
    let resolved = inputs::resolve(&flags, Purpose::Plan, world)?;
    for caveat in &resolved.plan.caveats {
        world.output.error(caveat);
    }
    for notice in &resolved.notices {
        world.output.note(&format!("note: {notice}"));
    }
    let feasibility = plan::suite_feasibility(&resolved.plan, resolved.one_of_several);
    if args.json {
        world.output.result(&serde_json::to_string_pretty(&feasibility)?);
    } else {
        let text = report::plan_text(&feasibility, world.output.style().width);
        world.output.words(&text, |text, style| report::plan_dressed(text, &feasibility, style));
    }
    Ok(if args.strict_plan && feasibility.is_impossible() { USAGE } else { 0 })
}
