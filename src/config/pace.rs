//! How fast time goes for the limiters of `embedded`.

use super::base::PlanBase;
use crate::units::Nanos;

/// So many windows of a limiter a load against `embedded` meets, where they would
/// otherwise last longer than it.
const WINDOWS: f64 = 5.0;

/// How many times as fast time has to go for the limiters of `embedded`, so that the
/// shortest load of the profile meets a few windows of each; 1 elsewhere.
pub(super) fn pace(basis: &PlanBase<'_>, notices: &mut Vec<String>) -> u32 {
    if !basis.target.environment.embedded {
        return 1;
    }
    let scenarios = basis.file.scenarios.values();
    let wanted = scenarios.filter_map(|config| {
        let stages = &config.profiles.get(basis.profile)?.stages;
        let lasts: f64 = stages.iter().map(|stage| stage.duration.as_secs_f64()).sum();
        let wanted = (lasts * basis.duration_scale / WINDOWS).max(1.0);
        let window = config.limits.first()?.window.as_secs_f64();
        (lasts > 0.0).then_some(window / wanted)
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
