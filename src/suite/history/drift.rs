//! Change points of a series: where its level moved for good, told from noise.
//!
//! As E-divisive means (Matteson and James, *JASA* 109, 2014) and Apache Otava
//! (Fleming and others, *Hunter*, ICPE 2023) a series is cut in two where the
//! difference is plainest, a t-test says whether chance explains it, and both parts
//! are cut again as long as it doesn't. What nights have that isn't a change is part
//! of what is fitted, so that few nights suffice: a level before and one after the
//! cut, the weekend's own difference, and single nights out of line weigh little
//! (Huber, *Robust Statistics*, 1981, 7.8: pseudo-values). On a logarithmic scale:
//! a change is a factor.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Chance makes such a difference at most this often (the t-test's p-value).
const MOST_P: f64 = 0.001_5;
/// A smaller change of level is not told: 6 %.
const LEAST_CHANGE: f64 = 0.06;
/// The fewest nights on either side of a cut: of these two may be out of line.
const LEAST_NIGHTS: usize = 5;
/// The fewest nights in which anything is looked for: two weeks.
const LEAST_SERIES: usize = 14;
/// Beyond this many deviations a night counts as if it lay there.
const OUT_OF_LINE: f64 = 2.0;
/// Rounds of fitting; it settles in a few.
const ROUNDS: usize = 8;

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The first value at the new level.
    pub at: usize,
    /// The level before.
    pub before: f64,
    /// The level from then on, up to the next change.
    pub after: f64,
    /// The t-test's p-value.
    pub p_value: f64,
}

/// The changes of level of positive `values`, each with its day (since 1970), the oldest first.
#[must_use]
pub fn shifts(values: &[(i64, f64)]) -> Vec<Shift> {
    let nights: Vec<Point> = values
        .iter()
        .map(|(day, value)| Point { log: value.ln(), weekend: is_weekend(*day) })
        .collect();
    let mut cuts = Vec::new();
    if nights.len() >= LEAST_SERIES {
        cut(&nights, 0, &mut cuts);
    }
    cuts.sort_unstable();
    told(&nights, &cuts)
}

/// One night's figure.
#[derive(Clone, Copy, Debug)]
struct Point {
    log: f64,
    weekend: bool,
}

/// 1970-01-01 was a Thursday.
fn is_weekend(day: i64) -> bool {
    matches!((day + 3).rem_euclid(7), 5 | 6)
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match (sorted.get(n / 2), sorted.get((n / 2).saturating_sub(1))) {
        (Some(upper), Some(lower)) if n.is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(middle), _) => *middle,
        _ => 0.0,
    }
}

/// Two levels and the weekend's difference, fitted to a part of the series.
#[derive(Clone, Copy, Debug)]
struct Fit {
    before: f64,
    change: f64,
    weekend: f64,
    p_value: f64,
}

impl Fit {
    /// The value that it expects of a night.
    fn of(&self, i: usize, at: usize, night: Point) -> f64 {
        self.before
            + if i >= at { self.change } else { 0.0 }
            + if night.weekend { self.weekend } else { 0.0 }
    }

    fn counts(&self) -> bool {
        self.p_value <= MOST_P && self.change.abs() >= LEAST_CHANGE.ln_1p()
    }
}

/// Fits two levels to `nights`, cut at `at`.
fn fit(nights: &[Point], at: usize) -> Fit {
    let (left, right) = nights.split_at(at);
    let level = |part: &[Point]| median(part.iter().map(|night| night.log));
    let before = level(left);
    let mut fit = Fit { before, change: level(right) - before, weekend: 0.0, p_value: 1.0 };
    let solver = Solver::new(nights, at);
    for round in 0..ROUNDS {
        let residual = |i: usize, night: &Point| night.log - fit.of(i, at, *night);
        let spread: Vec<f64> = nights.iter().enumerate().map(|(i, n)| residual(i, n)).collect();
        let most = OUT_OF_LINE * (1.482_6 * median(spread.iter().map(|r| r.abs())) + 1e-6);
        let pulled: Vec<f64> = nights
            .iter()
            .zip(0..)
            .zip(&spread)
            .map(|((night, i), r)| fit.of(i, at, *night) + r.clamp(-most, most))
            .collect();
        // Pulled-in values vary less than they say (Huber, 7.6).
        let own = spread.iter().filter(|r| r.abs() <= most).count() as f64 / nights.len() as f64;
        fit = solver.solve(nights, at, &pulled, (round + 1 == ROUNDS).then_some(own));
    }
    fit
}

/// The normal equations of one cut, inverted once.
struct Solver {
    inverse: [[f64; 3]; 3],
    /// Whether the weekend is fitted: there have to be some of either kind.
    weekend: bool,
}

impl Solver {
    fn new(nights: &[Point], at: usize) -> Self {
        let weekends = nights.iter().filter(|night| night.weekend).count();
        let weekend = weekends >= 2 && nights.len() - weekends >= 2;
        let mut sums = [[0.0; 3]; 3];
        for (i, night) in nights.iter().enumerate() {
            let x = row(i, at, *night, weekend);
            for (sum, a) in sums.iter_mut().zip(x) {
                for (cell, b) in sum.iter_mut().zip(x) {
                    *cell += a * b;
                }
            }
        }
        if !weekend {
            sums[2][2] = 1.0;
        }
        Self { inverse: inverse(&sums), weekend }
    }

    fn solve(&self, nights: &[Point], at: usize, values: &[f64], own: Option<f64>) -> Fit {
        let mut right = [0.0; 3];
        for ((i, night), value) in nights.iter().enumerate().zip(values) {
            for (sum, x) in right.iter_mut().zip(row(i, at, *night, self.weekend)) {
                *sum += x * value;
            }
        }
        let dot = |line: &[f64; 3]| line.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
        let [before, change, weekend] = [0, 1, 2].map(|i| dot(&self.inverse[i]));
        let mut fit = Fit { before, change, weekend, p_value: 1.0 };
        if let Some(own) = own {
            let squares: f64 = nights
                .iter()
                .enumerate()
                .zip(values)
                .map(|((i, night), value)| (value - fit.of(i, at, *night)).powi(2))
                .sum();
            let freedom = nights.len() as f64 - if self.weekend { 3.0 } else { 2.0 };
            let error = (squares / freedom * self.inverse[1][1]).sqrt() / own.max(0.1);
            let student = StudentsT::new(0.0, 1.0, freedom);
            fit.p_value = student.map_or(1.0, |s| 2.0 * s.sf((change / error.max(1e-9)).abs()));
        }
        fit
    }
}

/// What a night has of each of the three: the level, the change, the weekend.
fn row(i: usize, at: usize, night: Point, weekend: bool) -> [f64; 3] {
    let is = |yes: bool| f64::from(u8::from(yes));
    [1.0, is(i >= at), is(weekend && night.weekend)]
}

/// The inverse of a symmetric matrix of three by adjugates; a singular one gives
/// figures without meaning, which no test passes.
fn inverse(m: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let minor = |r: usize, c: usize| {
        let (r1, r2) = ((r + 1) % 3, (r + 2) % 3);
        let (c1, c2) = ((c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    [0, 1, 2].map(|r| [0, 1, 2].map(|c| minor(c, r) / determinant))
}

/// Cuts `nights`, which begin at `from` in the series, where the levels differ most
/// plainly, and its parts, as long as chance doesn't explain it.
fn cut(nights: &[Point], from: usize, cuts: &mut Vec<usize>) {
    let last = nights.len().saturating_sub(LEAST_NIGHTS);
    let fits = (LEAST_NIGHTS..=last).map(|at| (at, fit(nights, at)));
    let Some((at, _)) =
        fits.filter(|(_, fit)| fit.counts()).min_by(|a, b| a.1.p_value.total_cmp(&b.1.p_value))
    else {
        return;
    };
    cuts.push(from + at);
    let (left, right) = nights.split_at(at);
    cut(left, from, cuts);
    cut(right, from + at, cuts);
}

/// Each change between the ones before and after it; one that its neighbours have
/// made needless is left out.
fn told(nights: &[Point], cuts: &[usize]) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = Vec::new();
    for (i, at) in cuts.iter().enumerate() {
        let from = shifts.last().map_or(0, |shift| shift.at);
        let to = cuts.get(i + 1).copied().unwrap_or(nights.len());
        let Some(part) = nights.get(from..to) else { continue };
        let fit = fit(part, at - from);
        if fit.counts() {
            let (before, after) = (fit.before.exp(), (fit.before + fit.change).exp());
            shifts.push(Shift { at: *at, before, after, p_value: fit.p_value });
        }
    }
    shifts
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Monday, 2026-09-07.
    const MONDAY: i64 = 20_703;
    const NIGHTS: usize = 60;

    /// Sixty nights around 100 ms: 3 % of noise, weekends 6 % quicker, one night in
    /// twenty out of line by 15 to 60 %, and `ratio` times as slow from night `step` on.
    fn nights(seed: u64, step: usize, ratio: f64) -> Vec<(i64, f64)> {
        let mut rng = SmallRng::seed_from_u64(seed);
        (0..NIGHTS)
            .map(|night| {
                let (u, v): (f64, f64) = (rng.random(), rng.random());
                let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                let day = MONDAY + night as i64;
                let mut value = 100.0 * (0.03 * normal).exp();
                if is_weekend(day) {
                    value *= 0.94;
                }
                if rng.random::<f64>() < 0.05 {
                    value *= 1.15 + 0.45 * rng.random::<f64>();
                }
                (day, if night >= step { value * ratio } else { value })
            })
            .collect()
    }

    #[test]
    fn a_step_of_ten_percent_is_found_within_five_nights() {
        let found = (0..100).filter(|seed| {
            let step = 20 + (*seed as usize * 7) % 35;
            let series = nights(*seed, step, 1.10);
            shifts(&series[..step + 5])
                .iter()
                .any(|shift| shift.at.abs_diff(step) <= 2 && shift.after > shift.before)
        });
        let found = found.count();
        assert!(found >= 95, "{found} of 100");
    }

    #[test]
    fn a_steady_series_raises_no_alarm_in_any_of_sixty_nights() {
        let alarmed = (0..100).filter(|seed| {
            let series = nights(1_000 + seed, NIGHTS, 1.0);
            (LEAST_SERIES..=NIGHTS).step_by(7).any(|night| !shifts(&series[..night]).is_empty())
        });
        let alarmed = alarmed.count();
        assert!(alarmed <= 5, "{alarmed} of 100");
    }

    #[test]
    fn two_steps_are_two_and_their_levels_are_told() {
        let mut series = nights(7, 20, 1.3);
        series.iter_mut().skip(40).for_each(|(_, value)| *value /= 1.3);
        let found = shifts(&series);
        let places: Vec<usize> = found.iter().map(|shift| shift.at).collect();
        assert_eq!(places, [20, 40]);
        assert!((found[0].after / found[0].before - 1.3).abs() < 0.03, "{found:?}");
        assert!((found[1].after / found[1].before - 1.0 / 1.3).abs() < 0.03, "{found:?}");
    }

    #[test]
    fn few_nights_and_equal_ones_say_nothing() {
        assert!(shifts(&[]).is_empty());
        assert!(shifts(&nights(1, 5, 2.0)[..13]).is_empty());
        let equal: Vec<(i64, f64)> = (0..50).map(|night| (MONDAY + night, 100.0)).collect();
        assert!(shifts(&equal).is_empty());
    }
}
