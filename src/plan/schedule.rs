//! Stages become exact arrival moments, in closed form.
//!
//! The arrival rate is linear within a stage, so the number of arrivals due by
//! moment t is a piecewise quadratic N(t). Arrival n is due where N(t) = n: the
//! inverse of the integral, as in k6's ramping-arrival-rate executor. Nothing is
//! accumulated from arrival to arrival, so nothing drifts.

use serde::{Deserialize, Serialize};

use crate::measure::{StageKind, StageRecord};
use crate::units::Nanos;

/// How far below a whole number the integral may end and still reach it: the
/// noise of adding a few products of doubles, far under one arrival.
const NOISE: f64 = 1e-6;

/// One stage with where it starts in time and in arrivals.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: Nanos,
    end: Nanos,
    /// Rate at its start and end, per second.
    from: f64,
    to: f64,
    /// Integral of the rate up to its start and end, in arrivals.
    before: f64,
    after: f64,
}

impl Piece {
    fn seconds(&self) -> f64 {
        (self.end - self.start).as_secs_f64()
    }

    /// The integral of the rate from the start of the load to `t` (within the piece).
    fn integral(&self, t: Nanos) -> f64 {
        let length = self.seconds();
        if length == 0.0 {
            return self.before;
        }
        let x = (t - self.start).as_secs_f64();
        self.before + self.from * x + (self.to - self.from) * x * x / (2.0 * length)
    }

    /// Where the integral reaches `n` (within the piece): the root of
    /// from·x + slope·x²/2 = n − before, in the form that doesn't cancel.
    fn moment(&self, n: f64) -> Nanos {
        let wanted = (n - self.before).max(0.0);
        let slope = (self.to - self.from) / self.seconds();
        let root = (self.from * self.from + 2.0 * slope * wanted).max(0.0).sqrt();
        let x = if self.from + root > 0.0 { 2.0 * wanted / (self.from + root) } else { 0.0 };
        (self.start + Nanos::from_secs_f64(x)).min(self.end)
    }
}

/// One stage: a linear ramp from the previous target (0 at the start) to its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// How long; zero jumps.
    pub duration: Nanos,
    /// Arrivals per second at its end (finite, not negative).
    pub target: f64,
}

/// The arrivals of a stage list. Arrivals are numbered from 1.
#[derive(Clone, Debug)]
pub struct Schedule {
    pieces: Vec<Piece>,
    total: u64,
}

impl Schedule {
    /// The schedule of `stages`: ramps start from rate 0, each stage from the
    /// previous target. Targets are finite and not negative (the config sees to it).
    #[must_use]
    pub fn new(stages: &[Stage]) -> Self {
        let mut pieces = Vec::with_capacity(stages.len());
        let (mut start, mut from, mut before) = (Nanos::ZERO, 0.0, 0.0);
        for stage in stages {
            let end = start + stage.duration;
            let after = before + f64::midpoint(from, stage.target) * stage.duration.as_secs_f64();
            pieces.push(Piece { start, end, from, to: stage.target, before, after });
            (start, from, before) = (end, stage.target, after);
        }
        Self { pieces, total: (before + NOISE).floor() as u64 }
    }

    /// How many arrivals there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How long the stages last together.
    #[must_use]
    pub fn duration(&self) -> Nanos {
        self.pieces.last().map_or(Nanos::ZERO, |piece| piece.end)
    }

    /// The highest rate at any moment, per second.
    #[must_use]
    pub fn peak(&self) -> f64 {
        let lasting = self.pieces.iter().filter(|piece| piece.end > piece.start);
        lasting.map(|piece| piece.from.max(piece.to)).fold(0.0, f64::max)
    }

    /// When arrival `n` (1 to [`Schedule::total`]) is due, counted from the start
    /// of the load; `None` when there is no such arrival.
    #[must_use]
    pub fn due(&self, n: u64) -> Option<Nanos> {
        (1..=self.total).contains(&n).then(|| {
            let piece = &self.pieces[self.piece_of(n)];
            piece.moment(n as f64)
        })
    }

    /// The index (from 0) of the stage that arrival `n` is due in; of the last
    /// stage when there is no such arrival.
    #[must_use]
    pub fn stage_of(&self, n: u64) -> usize {
        self.piece_of(n)
    }

    fn piece_of(&self, n: u64) -> usize {
        let n = n as f64;
        let index = self.pieces.partition_point(|piece| piece.after + NOISE < n);
        index.min(self.pieces.len().saturating_sub(1))
    }

    /// How many arrivals are due by `t`, that moment included.
    #[must_use]
    pub fn arrivals_by(&self, t: Nanos) -> u64 {
        let index = self.pieces.partition_point(|piece| piece.end < t);
        let reached = match self.pieces.get(index) {
            Some(piece) => piece.integral(t),
            None => self.pieces.last().map_or(0.0, |piece| piece.after),
        };
        ((reached + NOISE).floor() as u64).min(self.total)
    }

    /// The rate at `t`, per second; 0 from the end on.
    #[must_use]
    pub fn rate_at(&self, t: Nanos) -> f64 {
        let index = self.pieces.partition_point(|piece| piece.end <= t);
        self.pieces.get(index).map_or(0.0, |piece| {
            let x = (t - piece.start).as_secs_f64() / piece.seconds();
            piece.from + (piece.to - piece.from) * x
        })
    }

    /// The most arrivals due in any window of that length, at most two too many; the
    /// time it takes depends on the stages alone.
    ///
    /// N(t + w) − N(t) is largest where a stage begins or ends under either edge of
    /// the window, or in between where the rates at both edges are equal; there they
    /// are linear, so the place follows from the rates at the ends.
    #[must_use]
    pub fn busiest(&self, window: Nanos) -> u64 {
        let mut edges = vec![Nanos::ZERO];
        for piece in &self.pieces {
            for edge in [piece.start, piece.end] {
                edges.extend([edge, edge.saturating_sub(window)]);
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let within = |t: Nanos| self.arrivals_by(t + window) - self.arrivals_by(t);
        let slope = |t: Nanos| self.rate_at(t + window) - self.rate_at(t);
        let mut most = edges.iter().map(|t| within(*t)).max().unwrap_or(0);
        for pair in edges.windows(2) {
            let [from, to] = pair else { continue };
            if *from >= self.duration() || to.0 - from.0 < 2 {
                continue;
            }
            // The rate is right-continuous: a jump at `to` belongs to the next piece.
            let (rising, falling) = (slope(*from), slope(Nanos(to.0 - 1)));
            if rising > 0.0 && falling < 0.0 {
                let share = rising / (rising - falling);
                let length = (*to - *from).as_secs_f64();
                most = most.max(within(*from + Nanos::from_secs_f64(length * share)));
            }
        }
        (most + 1).min(self.total)
    }

    /// All arrivals in order: number, index of the stage, due moment.
    pub fn iter(&self) -> impl Iterator<Item = (u64, usize, Nanos)> + '_ {
        (1..=self.total).map(|n| {
            let index = self.piece_of(n);
            (n, index, self.pieces[index].moment(n as f64))
        })
    }

    /// The stages as a recording keeps them, nothing done yet. A hold is a stage
    /// whose target equals the one before it.
    #[must_use]
    pub fn stages(&self) -> Vec<StageRecord> {
        let mut planned = vec![0; self.pieces.len()];
        let mut counted = 0;
        for (piece, planned) in self.pieces.iter().zip(&mut planned) {
            let by_end = ((piece.after + NOISE).floor() as u64).min(self.total);
            *planned = by_end - counted;
            counted = by_end;
        }
        let numbered = self.pieces.iter().zip(planned).zip(1..);
        numbered
            .map(|((piece, planned), number)| StageRecord {
                number,
                kind: if piece.from == piece.to { StageKind::Hold } else { StageKind::Ramp },
                start: piece.start,
                end: piece.end,
                target: piece.to,
                planned,
                sent_within: 0,
                dropped: 0,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stages(list: &[(f64, f64)]) -> Vec<Stage> {
        list.iter()
            .map(|&(seconds, target)| Stage { duration: Nanos::from_secs_f64(seconds), target })
            .collect()
    }

    fn profile(a: f64, b: f64, c: f64) -> Vec<Stage> {
        stages(&[(60.0, a), (60.0, b), (60.0, c), (300.0, c), (60.0, 0.0)])
    }

    #[test]
    fn the_profiles_have_exactly_their_totals() {
        for (targets, total) in [
            ((20.0, 50.0, 100.0), 40_200),
            ((40.0, 100.0, 200.0), 80_400),
            ((10.0, 25.0, 50.0), 20_100),
            ((5.0, 12.5, 25.0), 10_050),
        ] {
            let schedule = Schedule::new(&profile(targets.0, targets.1, targets.2));
            assert_eq!(schedule.total(), total);
            assert_eq!(schedule.due(total), Some(Nanos::from_secs(540)));
            assert_eq!(schedule.due(total + 1), None);
            assert_eq!(schedule.due(0), None);
            assert_eq!(schedule.stages().iter().map(|s| s.planned).sum::<u64>(), total);
        }
    }

    #[test]
    fn a_hold_is_evenly_spaced_after_a_jump() {
        let schedule = Schedule::new(&stages(&[(0.0, 200.0), (10.0, 200.0)]));
        assert_eq!(schedule.total(), 2000);
        assert_eq!(schedule.due(1), Some(Nanos::from_millis(5)));
        assert_eq!(schedule.due(200), Some(Nanos::from_secs(1)));
        assert_eq!(schedule.stages()[1].kind, StageKind::Hold);
        assert_eq!(schedule.stages()[1].planned, 2000);
        let busiest = schedule.busiest(Nanos::from_secs(1));
        assert!((201..=202).contains(&busiest), "{busiest}");
    }

    #[test]
    fn decimal_targets_lose_nothing() {
        let schedule = Schedule::new(&stages(&[(10.0, 0.1), (600.0, 0.1), (1.0, 0.0)]));
        assert_eq!(schedule.total(), 60);
        assert_eq!(Schedule::new(&stages(&[(0.0, 0.3), (10.0, 0.3)])).total(), 3);
    }

    #[test]
    fn nothing_is_planned_where_the_rate_is_zero() {
        let schedule = Schedule::new(&stages(&[(5.0, 0.0), (0.0, 10.0), (1.0, 10.0), (5.0, 0.0)]));
        assert_eq!(schedule.arrivals_by(Nanos::from_secs(5)), 0);
        assert_eq!(schedule.due(1), Some(Nanos::from_millis(5100)));
        assert_eq!(Schedule::new(&[]).total(), 0);
        assert_eq!(Schedule::new(&stages(&[(5.0, 0.0)])).total(), 0);
        assert_eq!(Schedule::new(&[]).peak(), 0.0);
    }

    fn any_stages() -> impl Strategy<Value = Vec<Stage>> {
        let stage = (0_u64..20_000, 0_u32..4000).prop_map(|(millis, tenths)| Stage {
            duration: Nanos::from_millis(millis),
            target: f64::from(tenths) / 10.0,
        });
        prop::collection::vec(stage, 0..6)
    }

    /// The integral of the rate up to `t`, by the trapezoid rule, written apart
    /// from the closed form: exact for linear pieces.
    fn area(stages: &[Stage], t: f64) -> f64 {
        let (mut start, mut from, mut sum) = (0.0, 0.0, 0.0);
        for stage in stages {
            let length = stage.duration.as_secs_f64();
            let inside = (t - start).clamp(0.0, length);
            if length > 0.0 {
                let rate = from + (stage.target - from) * inside / length;
                sum += f64::midpoint(from, rate) * inside;
            }
            start += length;
            from = stage.target;
        }
        sum
    }

    proptest! {
        #[test]
        fn arrival_n_is_where_the_integral_reaches_n(stages in any_stages()) {
            let schedule = Schedule::new(&stages);
            let whole = area(&stages, schedule.duration().as_secs_f64());
            prop_assert!((schedule.total() as f64) <= whole + 1e-3);
            prop_assert!((schedule.total() as f64) > whole - 1.0 - 1e-3);
            let mut previous = Nanos::ZERO;
            for (n, index, due) in schedule.iter() {
                prop_assert!(due >= previous, "arrival {n} before its predecessor");
                prop_assert!(due <= schedule.duration());
                // Where the rate is all but zero a nanosecond moves the integral by nothing,
                // and the other way round: compare on the side of the integral.
                let reached = area(&stages, due.as_secs_f64());
                prop_assert!((reached - n as f64).abs() < 1e-3, "arrival {n} at {reached}");
                let record = &schedule.stages()[index];
                prop_assert!(record.start <= due && due <= record.end);
                previous = due;
            }
        }

        #[test]
        fn stages_share_out_all_arrivals(stages in any_stages()) {
            let schedule = Schedule::new(&stages);
            let planned: u64 = schedule.stages().iter().map(|s| s.planned).sum();
            prop_assert_eq!(planned, schedule.total());
            for (index, record) in schedule.stages().iter().enumerate() {
                let here = schedule.iter().filter(|(_, i, _)| *i == index).count() as u64;
                prop_assert_eq!(here, record.planned);
            }
            prop_assert_eq!(schedule.arrivals_by(schedule.duration()), schedule.total());
        }

        #[test]
        fn scaling_rate_or_duration_scales_the_total(
            stages in any_stages(), factor in 1_u32..5,
        ) {
            let base = area(&stages, f64::INFINITY);
            let by_rate: Vec<_> = stages
                .iter()
                .map(|s| Stage { target: s.target * f64::from(factor), ..*s })
                .collect();
            let by_time: Vec<_> = stages
                .iter()
                .map(|s| Stage { duration: Nanos(s.duration.0 * u64::from(factor)), ..*s })
                .collect();
            for scaled in [by_rate, by_time] {
                let total = Schedule::new(&scaled).total() as f64;
                prop_assert!((total - base * f64::from(factor)).abs() <= 1.0 + 1e-3);
            }
        }
    }

    /// By counting: the fullest window starts with an arrival; two pointers find it.
    fn counted(schedule: &Schedule, window: Nanos) -> u64 {
        let due: Vec<Nanos> = schedule.iter().map(|(_, _, due)| due).collect();
        let mut last = 0;
        let held = due.iter().enumerate().map(|(first, start)| {
            while due.get(last).is_some_and(|due| *due <= *start + window) {
                last += 1;
            }
            last - first
        });
        held.max().unwrap_or(0) as u64
    }

    proptest! {
        #[test]
        fn the_busiest_window_is_what_counting_finds(
            list in prop::collection::vec((0_u64..8000, 0.0_f64..60.0), 1..6),
            window in 1_u64..20_000,
        ) {
            let list: Vec<_> = list.iter().map(|(ms, target)| (*ms as f64 / 1e3, *target)).collect();
            let schedule = Schedule::new(&stages(&list));
            let window = Nanos::from_millis(window);
            let (found, counted) = (schedule.busiest(window), counted(&schedule, window));
            prop_assert!(found >= counted && found <= counted + 2, "{found} for {counted}");
        }
    }
}
