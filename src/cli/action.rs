//! `load-gate action`: what the GitHub Action's step runs, with its inputs as flags.
//!
//! GitHub sets no `INPUT_*` for a composite action: action.yml maps every input in
//! the step's `env:`, and an input that isn't given arrives blank.

mod inputs;

use super::world::{INCONCLUSIVE, UsageError, World};
use super::{delivery, merge, run};
use crate::config::environment_secrets;
use inputs::{blind, parse};

/// Runs what the inputs say; the exit code is the verdict's, except that
/// `fail-on-inconclusive: false` lets an inconclusive one pass the step.
pub(super) fn action(world: &World) -> anyhow::Result<u8> {
    let world = &World { output: world.output.naming_inputs(), ..world.clone() };
    // Before anything else is printed, mistakes included.
    delivery::mask(&environment_secrets(&world.vars), world);
    let inputs = parse(&world.vars)
        .map_err(|error| UsageError::Plain(format!("{error} (in `with:`)")).into());
    let done = inputs.map_err(|error| (error, blind(&world.vars))).and_then(|inputs| {
        let done = match &inputs.merge {
            Some(merge) => merge::merge_and_publish(merge, &inputs.delivery, world),
            None => run::run_and_publish(&inputs.run, &inputs.delivery, world),
        };
        match done {
            Ok(code) => Ok(step_exit_code(code, inputs.fail_on_inconclusive)),
            Err(error) => Err((error, inputs.delivery)),
        }
    });
    done.map_err(|(error, delivery)| {
        delivery::failed(&error, super::world::code_of(&error), &delivery, world);
        error
    })
}

/// The step's exit code for load-gate's.
const fn step_exit_code(code: u8, fail_on_inconclusive: bool) -> u8 {
    if code == INCONCLUSIVE && !fail_on_inconclusive { 0 } else { code }
}

#[cfg(test)]
mod tests;
