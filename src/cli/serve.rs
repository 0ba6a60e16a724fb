//! `load-gate serve`: the embedded target alone.

use super::args::ServeArgs;
use super::scarce;
use super::signals::signalled;
use super::surroundings::{random_key, random_webhook_secret};
use super::world::{UsageError, World};
use crate::secret::Secret;
use crate::target::{self, Faults, Stopper, Target, TargetConfig};

/// Keys made when the environment names none.
const KEYS: usize = 4;

/// Serves until SIGINT or SIGTERM.
pub(super) fn serve(args: &ServeArgs, world: &World) -> anyhow::Result<u8> {
    if args.faults {
        world.output.result(&target::fault_help());
        return Ok(0);
    }
    let faults = Faults::parse(&args.fault).map_err(|e| UsageError::Plain(e.to_string()))?;
    let given = keys_of(world);
    let made = given.is_empty();
    let keys = if made { (0..KEYS).map(|_| random_key()).collect() } else { given };
    let secret = world.vars.get("STRIPE_WEBHOOK_SECRET").filter(|text| !text.trim().is_empty());
    let webhook_secret = secret.map_or_else(random_webhook_secret, |text| Secret::new(text.trim()));
    let target = Target::start(TargetConfig {
        port: args.port,
        keys: keys.clone(),
        webhook_secret: webhook_secret.clone(),
        faults,
        pace: 1,
        seed: 0,
    })?;
    let mut lines = vec![format!("listening on {}", target.url())];
    lines.push(format!("export API_URL={}", target.url()));
    // Made here for this target alone: no secret of anybody's.
    if made {
        let numbered = keys.iter().enumerate();
        lines.extend(
            numbered.map(|(i, key)| format!("export TEST_API_KEY_{}={}", i + 1, key.expose())),
        );
    }
    if secret.is_none() {
        lines.push(format!("export STRIPE_WEBHOOK_SECRET={}", webhook_secret.expose()));
    }
    world.output.result(&lines.join("\n"));
    stop_on_signal(target.stopper()).map_err(|error| scarce::no_thread(&error))?;
    let _ = target.wait();
    Ok(0)
}

/// Ends the serving on SIGINT or SIGTERM.
fn stop_on_signal(stopper: Stopper) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(signalled());
        stopper.stop();
    })?;
    Ok(())
}

fn keys_of(world: &World) -> Vec<Secret> {
    let mut keys: Vec<(u64, Secret)> = world
        .vars
        .iter()
        .filter_map(|(name, value)| {
            let number = name.strip_prefix("TEST_API_KEY_")?.parse().ok()?;
            let value = value.trim();
            (!value.is_empty()).then(|| (number, Secret::new(value)))
        })
        .collect();
    keys.sort_by_key(|(number, _)| *number);
    keys.into_iter().map(|(_, key)| key).collect()
}
