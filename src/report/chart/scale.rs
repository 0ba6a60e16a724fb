//! Scales and axes: where a value lies, and which values are named.

/// How values are laid along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Scale {
    Linear,
    /// As `Linear`, for what there are whole ones of only.
    Whole,
    /// As `Linear`, of bytes: named at powers of two.
    Bytes,
    /// Seconds: named at steps that clocks have.
    Time,
    /// Days since 1970: named at steps that calendars and clocks have.
    Days,
    /// The logarithm; values must be above 0.
    Log,
}

/// An axis.
#[derive(Clone, Debug)]
pub(in crate::report) struct Axis {
    pub(in crate::report) scale: Scale,
    pub(in crate::report) low: f64,
    pub(in crate::report) high: f64,
    /// How a value is said.
    pub(in crate::report) shown: fn(f64) -> String,
    /// What it measures, in words.
    pub(in crate::report) name: &'static str,
}

/// Steps of a decade that people count in.
const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// Steps of a clock, in seconds.
const CLOCK: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// Steps of a calendar: minutes, hours, days.
const MINUTES: [f64; 19] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0, 1440.0, 2880.0, 10_080.0,
    20_160.0, 40_320.0, 80_640.0, 161_280.0, 524_160.0,
];
const MINUTES_A_DAY: f64 = 1440.0;

impl Axis {
    /// From 0 to a round value not below `most`.
    pub(in crate::report) fn up_to(
        most: f64,
        shown: fn(f64) -> String,
        name: &'static str,
    ) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let step = step(most, 4);
        let high = (most / step - 1e-9).ceil().max(1.0) * step;
        Self { scale: Scale::Linear, low: 0.0, high, shown, name }
    }

    /// As `up_to`, for what is counted: no halves are named.
    pub(in crate::report) fn counting_to(
        most: f64,
        shown: fn(f64) -> String,
        name: &'static str,
    ) -> Self {
        let axis = Self::up_to(most, shown, name);
        Self { scale: Scale::Whole, high: axis.high.ceil(), ..axis }
    }

    /// As `up_to`, of bytes.
    pub(in crate::report) fn bytes_to(
        most: f64,
        shown: fn(f64) -> String,
        name: &'static str,
    ) -> Self {
        let axis = Self::up_to(most, shown, name);
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let step = power_of_two(most / 4.0);
        let high = (most / step - 1e-9).ceil().max(1.0) * step;
        Self { scale: Scale::Bytes, high, ..axis }
    }

    /// Seconds from 0 to `seconds`.
    pub(in crate::report) fn seconds(seconds: f64) -> Self {
        let shown = |at| crate::units::clock(crate::units::Nanos::from_secs_f64(at));
        let name = "time since the start of the load";
        Self { scale: Scale::Time, low: 0.0, high: seconds.max(1.0), shown, name }
    }

    /// A logarithmic axis that holds `low` to `high`, to the next 1, 2 or 5 of a decade.
    pub(in crate::report) fn log(
        low: f64,
        high: f64,
        shown: fn(f64) -> String,
        name: &'static str,
    ) -> Self {
        let low = if low.is_finite() && low > 0.0 { low } else { 1.0 };
        let high = if high.is_finite() { high.max(low * 1.01) } else { low * 10.0 };
        let decade = |value: f64| 10_f64.powf(value.log10().floor());
        let below = STEPS.iter().rev().map(|s| s * decade(low)).find(|v| *v <= low * 1.000_001);
        let above = STEPS.iter().map(|s| s * decade(high)).find(|v| *v >= high * 0.999_999);
        let (low, high) = (below.unwrap_or(low), above.unwrap_or(high));
        Self { scale: Scale::Log, low, high, shown, name }
    }

    /// Where `value` lies, from 0 to 1; values beyond the ends lie at the ends.
    pub(in crate::report) fn share(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Log => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            _ => (value - self.low) / (self.high - self.low),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The values that are named, with what they are called.
    pub(in crate::report) fn ticks(&self) -> Vec<(f64, String)> {
        let values: Vec<f64> = match self.scale {
            Scale::Linear | Scale::Whole | Scale::Bytes => {
                let step = match self.scale {
                    Scale::Whole => step(self.high - self.low, 4).max(1.0),
                    Scale::Bytes => power_of_two((self.high - self.low) / 4.0),
                    _ => step(self.high - self.low, 4),
                };
                let first = (self.low / step).ceil();
                (0..=12).map(|i| (first + f64::from(i)) * step).collect()
            }
            Scale::Time => {
                let fits = |step: &f64| self.high / step <= 7.0;
                let step = CLOCK.into_iter().find(fits).unwrap_or(self.high / 6.0);
                (0..=7).map(|i| f64::from(i) * step).collect()
            }
            Scale::Days => {
                let minutes = (self.high - self.low) * MINUTES_A_DAY;
                let fits = |step: &f64| minutes / step <= 5.0;
                let step = MINUTES.into_iter().find(fits).unwrap_or(minutes / 5.0);
                let first = (self.low * MINUTES_A_DAY / step).ceil();
                (0..=5).map(|i| (first + f64::from(i)) * step / MINUTES_A_DAY).collect()
            }
            Scale::Log => log_ticks(self.low, self.high),
        };
        // What is rounded is off by a share of what is seen, however far from 0 that is.
        let slack = match self.scale {
            Scale::Log => self.low * 1e-6,
            _ => (self.high - self.low) * 1e-6,
        };
        let inside = |v: &f64| *v >= self.low - slack && *v <= self.high + slack;
        values.into_iter().filter(inside).map(|value| (value, self.said(value))).collect()
    }

    fn said(&self, value: f64) -> String {
        if value == 0.0 && self.scale != Scale::Time {
            "0".to_owned()
        } else {
            round(&(self.shown)(value))
        }
    }
}

/// A round value as people write it: `5.00 s` is `5 s` beside an axis.
fn round(said: &str) -> String {
    let Some((whole, rest)) = said.split_once('.') else { return said.to_owned() };
    let unit = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, unit) = rest.split_at(unit);
    match digits.trim_end_matches('0') {
        "" => format!("{whole}{unit}"),
        digits => format!("{whole}.{digits}{unit}"),
    }
}

/// The least power of two that isn't below `value`.
fn power_of_two(value: f64) -> f64 {
    2_f64.powf((value.log2() - 1e-9).ceil())
}

/// 1, 2 or 5 of a decade, so that `span` takes at most `most` of them.
fn step(span: f64, most: u32) -> f64 {
    let rough = span / f64::from(most);
    let decade = 10_f64.powf(rough.log10().floor());
    STEPS
        .into_iter()
        .map(|step| step * decade)
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(rough)
}

/// Every 1, 2 and 5 of the decades between; only the decades where that is crowded.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (high / low).log10();
    let steps: &[f64] = if decades <= 2.1 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let decade = |power: i32| steps.iter().map(move |step| step * 10_f64.powi(power));
    (first..=last).flat_map(decade).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units;
    use proptest::prelude::*;

    #[test]
    fn axes_name_round_values() {
        let named = |axis: &Axis| axis.ticks().into_iter().map(|(_, n)| n).collect::<Vec<_>>();
        let rate = Axis::up_to(87.0, units::rate, "");
        assert_eq!(
            (rate.high, named(&rate)),
            (100.0, vec!["0".to_owned(), "50/s".to_owned(), "100/s".to_owned()])
        );
        let time = Axis::seconds(540.0);
        assert_eq!(named(&time), ["0:00", "2:00", "4:00", "6:00", "8:00"]);
        let log = Axis::log(3.0, 800.0, units::millis, "");
        assert_eq!((log.low, log.high), (2.0, 1000.0));
        assert_eq!(named(&log), ["10 ms", "100 ms", "1 s"]);
        let (mib, shown) = (1_048_576.0, |value| units::bytes(value as u64));
        let memory = Axis::bytes_to(954.0 * mib, shown, "");
        assert_eq!(named(&memory), ["0", "256 MiB", "512 MiB", "768 MiB", "1 GiB"]);
        let share = Axis::up_to(0.8, units::percent, "");
        assert_eq!(named(&share), ["0", "20 %", "40 %", "60 %", "80 %"]);
        assert_eq!(round("p99.90"), "p99.9");
        assert_eq!(Axis::up_to(0.0, units::rate, "").high, 1.0);
        assert_eq!(named(&Axis::counting_to(2.0, units::number, "")), ["0", "1", "2"]);
        assert_eq!(named(&Axis::counting_to(0.0, units::number, "")), ["0", "1"]);
        assert_eq!(named(&Axis::counting_to(7.0, units::number, "")), ["0", "2", "4", "6", "8"]);
    }

    #[test]
    fn days_are_named_once_each_however_few_or_many() {
        const MINUTE: f64 = 1.0 / MINUTES_A_DAY;
        let shown = |days: f64| units::number((days * MINUTES_A_DAY).round());
        for span in [0.5 * MINUTE, 7.0 * MINUTE, 0.3, 1.0, 5.0, 42.0, 400.0] {
            for low in [20_421.604_1, 20_421.0] {
                let (high, name) = (low + span, "nights");
                let axis = Axis { scale: Scale::Days, low, high, shown, name };
                let ticks = axis.ticks();
                let names: std::collections::BTreeSet<_> = ticks.iter().map(|(_, n)| n).collect();
                assert_eq!(names.len(), ticks.len(), "{span}: {ticks:?}");
                assert!(
                    ticks.len() <= 6 && (span < MINUTE || !ticks.is_empty()),
                    "{span}: {ticks:?}"
                );
                assert!(
                    ticks
                        .iter()
                        .all(|(at, _)| *at >= low - 1e-3 * span && *at <= high + 1e-3 * span)
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_value_lies_on_its_axis(low in 0.001_f64..1e6, factor in 1.0_f64..1e6) {
            let high = low * factor;
            for axis in [
                Axis::log(low, high, units::number, ""),
                Axis::up_to(high, units::number, ""),
            ] {
                prop_assert!(axis.high >= high * 0.999_999);
                prop_assert!((0.0..=1.0).contains(&axis.share(low)));
                let named = axis.ticks().len();
                prop_assert!((1..=14).contains(&named), "{named}");
            }
        }
    }
}
