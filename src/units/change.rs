//! How much more or less something became, as people say it.

/// From where on a change is said as so many times: +200 % is three times as much.
const TIMES: f64 = 3.0;

/// What has become `ratio` times as much: `+21 %`, `−4.2 %`, `±0 %`, from three times on
/// `× 3.4` and `× 23`, from a two-hundredth down `÷ 250`. `ratio`: 0 and above.
#[must_use]
pub fn change(ratio: f64) -> String {
    let per_cent = (ratio - 1.0) * 100.0;
    if !ratio.is_finite() || ratio < 0.0 {
        "n/a".to_owned()
    } else if per_cent.abs() < 0.05 {
        "±0 %".to_owned()
    } else if per_cent < 0.0 && ratio > 0.005 {
        format!("−{}", size(ratio))
    } else if per_cent < 0.0 && ratio > 0.0 {
        format!("÷ {}", round(1.0 / ratio))
    } else if per_cent < 0.0 {
        "−100 %".to_owned()
    } else if ratio >= TIMES {
        size(ratio)
    } else {
        format!("+{}", size(ratio))
    }
}

/// How far something that has become `ratio` times as much went, to stand after `slower` or
/// `fell`: `by 21 %`, `× 23`.
#[must_use]
pub fn by(ratio: f64) -> String {
    if ratio >= TIMES { size(ratio) } else { format!("by {}", size(ratio)) }
}

/// A change without its direction: `21 %`, `4.2 %`, `× 23`.
#[must_use]
pub fn size(ratio: f64) -> String {
    if ratio >= TIMES {
        format!("× {}", round(ratio))
    } else {
        format!("{} %", round((ratio - 1.0).abs() * 100.0))
    }
}

/// One decimal under 10, whole from there.
fn round(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_in_per_cent_or_times() {
        for (ratio, said) in [
            (1.0, "±0 %"),
            (1.0004, "±0 %"),
            (1.042, "+4.2 %"),
            (1.214, "+21 %"),
            (2.99, "+199 %"),
            (3.0, "× 3.0"),
            (23.4421, "× 23"),
            (0.958, "−4.2 %"),
            (0.3, "−70 %"),
            (0.004, "÷ 250"),
            (0.0, "−100 %"),
            (f64::NAN, "n/a"),
        ] {
            assert_eq!(change(ratio), said, "{ratio}");
        }
        for (ratio, said) in [(1.11, "by 11 %"), (0.9, "by 10 %"), (23.4, "× 23")] {
            assert_eq!(by(ratio), said, "{ratio}");
        }
    }
}
