//! How fast time goes for the limiters of `embedded`.

use super::base::PlanBase;
use crate::units::Nanos;

/// So many windows of a limiter a load against `embedded` meets, where they would
/// otherwise last longer than it.
const WINDOWS: f64 = 5.0;

/// A shorter load, in seconds, has too few arrivals for windows of its own: what they admit
/// would support no percentile.
const SHORTEST: f64 = 8.0;

/// How many times as fast time has to go for the limiters of `embedded`, so that the
/// shortest load of the profile meets a few windows of each; 1 elsewhere, where a load is
/// under eight seconds, and where a scenario is declared to have no limit: faster, the
/// target's own would be met.
pub(super) fn pace(basis: &PlanBase<'_>, notices: &mut Vec<String>) -> u32 {
    if !basis.target.environment.embedded {
        return 1;
    }
    let scenarios = basis.file.scenarios.values();
    let wanted = scenarios.filter_map(|config| {
        let stages = &config.profiles.get(basis.profile)?.stages;
        let lasts: f64 = stages.iter().map(|stage| stage.duration.as_secs_f64()).sum();
        let lasts = lasts * basis.duration_scale;
        let window = config.limits.first().map(|limit| limit.window.as_secs_f64());
        Some(window.filter(|_| lasts >= SHORTEST).map_or(1.0, |window| window / (lasts / WINDOWS)))
    });
    let pace = wanted.reduce(f64::min).map_or(1, |pace| pace.clamp(1.0, 3600.0) as u32);
    if pace > 1 {
        notices.push(faster(pace));
    }
    pace
}

/// What to know where time goes faster for limiters.
fn faster(pace: u32) -> String {
    let minute = Nanos(60_000_000_000 / u64::from(pace));
    format!(
        "embedded: a limiter's minute lasts {minute} here, so that a short load meets a few of them"
    )
}
