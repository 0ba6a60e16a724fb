//! Which of several machines a run is, and when its load begins.

use super::diagnostics::{Diagnostics, Wrong, quote};
use super::inputs::{Purpose, Sources};
use super::values::span_text;
use crate::plan::{Dealing, MOST_SHARDS, Shard};
use crate::units::{Nanos, Timestamp};

/// How long from now shards start that weren't told when.
const USUAL: &str = "+60s";
/// The shortest and the longest `+DUR`.
const SPANS: [Nanos; 2] = [Nanos::from_secs(1), Nanos::from_secs(3600)];
/// The farthest start from now, either way, in milliseconds.
const FARTHEST: i64 = 86_400_000;
/// The longest name of a run.
const LONGEST_NAME: usize = 100;

const SHARD: &str = "LOAD_GATE_SHARD";
const SHARDS: &str = "LOAD_GATE_SHARDS";
const INDEX: &str = "JOB_COMPLETION_INDEX";

/// How the run is dealt to machines, as flags and variables say, and whether they say
/// which of them this is; `now`: the wall clock.
///
/// # Errors
/// Every mistake in them.
pub fn dealing(
    sources: &Sources<'_>,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(Dealing, bool), Diagnostics> {
    let mut problems = Diagnostics::default();
    let shard = shard(sources, purpose, &mut problems);
    let machines = shard.map_or(1, |(shard, _)| shard.of());
    let named = sources.pick(sources.flags.start_at.as_ref(), "--start-at", "LOAD_GATE_START_AT");
    let usual = (machines > 1).then_some((USUAL, ""));
    let start_at = named.or(usual).and_then(|(text, from)| {
        start(text, now).map_err(|wrong| problems.outside(from, wrong)).ok()
    });
    let run = ["LOAD_GATE_RUN", "GITHUB_RUN_ID"].into_iter().find_map(|name| {
        let text = sources.variable(name)?.trim();
        Some((name, text))
    });
    let run = run.map_or("", |(from, text)| {
        if text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
            let expected = format!("expected at most {LONGEST_NAME} bytes, in one line");
            problems.outside(from, Wrong::new("this can't be a run's name", expected));
        }
        text
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let (shard, which) = shard.unwrap_or((Shard::ALONE, false));
    Ok((Dealing { shard, start_at, run: run.to_owned() }, which))
}

/// Which machine of how many, and whether that is said; `None`: there is one.
fn shard(
    sources: &Sources<'_>,
    purpose: Purpose,
    problems: &mut Diagnostics,
) -> Option<(Shard, bool)> {
    let flags = sources.flags;
    let named = sources.pick(flags.shard.as_ref(), "--shard", SHARD);
    let of = sources.pick(flags.shards.as_ref(), "--shards", SHARDS);
    let index = sources.variable(INDEX).map(|text| (text, INDEX));
    let mut wrong = |from: &str, message: String, expected: &str| {
        problems.outside(from, Wrong::new(message, expected));
        None
    };
    let machines = match of.map(|(text, from)| (text.trim().parse::<u32>(), text, from)) {
        None => None,
        Some((Ok(n), _, from)) if (1..=MOST_SHARDS).contains(&n) => Some((n, from)),
        Some((_, text, from)) => {
            let expected = format!("expected a whole number from 1 to {MOST_SHARDS}");
            let message = format!("{} is no number of machines", quote(text));
            return wrong(from, message, &expected);
        }
    };
    if let Some((text, from)) = named {
        let shard = named_shard(text, machines, index);
        return shard
            .map_err(|wrong| problems.outside(from, wrong))
            .ok()
            .map(|shard| (shard, true));
    }
    match (index, machines) {
        (Some((text, from)), Some((n, _))) => {
            let next = next(text);
            if let Some(shard) = next.and_then(|index| Shard::new(index, n)) {
                Some((shard, true))
            } else {
                let message = format!("{} is no index of {n} machines", quote(text));
                let expected = format!("expected a whole number from 0 to {}", n - 1);
                wrong(from, message, &expected)
            }
        }
        (Some(_), None) if purpose == Purpose::Run => {
            let message = "this is a pod of an Indexed Job, and nobody says of how many".to_owned();
            let expected = "expected LOAD_GATE_SHARDS beside it, the Job's `completions` (1: this pod sends all)";
            wrong(INDEX, message, expected)
        }
        (None, Some((n, from))) if n > 1 && purpose == Purpose::Run => {
            let message = format!("there are {n} machines, and nobody says which this is");
            wrong(from, message, "expected --shard I/N, LOAD_GATE_SHARD or JOB_COMPLETION_INDEX")
        }
        (None, Some((n, _))) => Shard::new(1, n).map(|shard| (shard, false)),
        (_, None) => None,
    }
}

/// The shard that `text` names, where the number of machines and a pod's index, each with where
/// it was said, don't contradict it.
fn named_shard(
    text: &str,
    machines: Option<(u32, &str)>,
    index: Option<(&str, &str)>,
) -> Result<Shard, Wrong> {
    let parts = text.trim().split_once('/');
    let shard = parts.and_then(|(i, n)| Shard::new(i.trim().parse().ok()?, n.trim().parse().ok()?));
    let Some(shard) = shard else {
        let expected = format!("expected I/N, such as 2/4: I from 1 to N, N up to {MOST_SHARDS}");
        return Err(Wrong::new(format!("{} is no shard", quote(text)), expected));
    };
    if let Some((n, other)) = machines.filter(|(n, _)| *n != shard.of()) {
        let message = format!("{shard} is a shard of {}, and {other} says {n}", shard.of());
        return Err(Wrong::new(message, "expected the same number in both"));
    }
    // All pods of a Job would send the same part.
    if let Some((pod, other)) = index.filter(|(pod, _)| next(pod) != Some(shard.index())) {
        let message = format!("{shard} is named, and {other} is {}", quote(pod));
        let expected = "expected the pod's index and one more as I, or only one of them \
                        (LOAD_GATE_SHARDS beside the index; a blank index counts as none)";
        return Err(Wrong::new(message, expected));
    }
    Ok(shard)
}

/// The number of a shard whose index, counted from 0, is written like that.
fn next(index: &str) -> Option<u32> {
    index.trim().parse::<u32>().ok()?.checked_add(1)
}

/// The moment that `text` names: RFC 3339, or `+DUR`: so long from now at least, rounded
/// up to a multiple of itself, so that machines agree that ask within one such span.
fn start(text: &str, now: Timestamp) -> Result<Timestamp, Wrong> {
    let expected =
        "expected a moment such as 2026-03-01T04:00:00Z, or a span from now such as +60s";
    if let Some(span) = text.trim().strip_prefix('+') {
        let [least, most] = SPANS;
        let span = span_text(span, least, most)?;
        let millis = i64::try_from(span.0 / 1_000_000).unwrap_or(i64::MAX).max(1);
        let after = now.unix_millis.saturating_add(millis);
        let rounds = after.div_euclid(millis) + i64::from(after.rem_euclid(millis) > 0);
        return Ok(Timestamp { unix_millis: rounds.saturating_mul(millis) });
    }
    let Some(at) = Timestamp::parse_rfc3339(text.trim()) else {
        return Err(Wrong::new(format!("{} is no moment", quote(text)), expected));
    };
    let off = at.unix_millis.saturating_sub(now.unix_millis);
    if off.abs() > FARTHEST {
        let way = if off > 0 { "from now" } else { "ago" };
        let message = format!("{} is more than a day {way} ({})", quote(text), now.human());
        return Err(Wrong::new(message, "expected a moment within a day of now"));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Flags;
    use super::*;

    const NOW: Timestamp = Timestamp { unix_millis: 1_770_000_007_500 };

    fn read(
        flags: &Flags,
        vars: &[(&str, &str)],
        purpose: Purpose,
    ) -> Result<(Dealing, bool), String> {
        let vars: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = Sources { flags, vars: &vars, file: None };
        dealing(&sources, purpose, NOW).map_err(|problems| problems.to_string())
    }

    fn flags(shard: Option<&str>, start_at: Option<&str>) -> Flags {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Flags { shard: own(shard), start_at: own(start_at), ..Flags::default() }
    }

    fn run(vars: &[(&str, &str)]) -> Result<(Dealing, bool), String> {
        read(&Flags::default(), vars, Purpose::Run)
    }

    #[test]
    fn flags_variables_and_a_jobs_index_say_which_shard() {
        let told = |shard: &Result<(Dealing, bool), String>| {
            shard.as_ref().map(|(dealing, which)| (dealing.shard.to_string(), *which)).ok()
        };
        let second = Some(("2/4".to_owned(), true));
        assert_eq!(told(&read(&flags(Some(" 2/4 "), None), &[], Purpose::Run)), second);
        assert_eq!(told(&run(&[(SHARD, "2/4")])), second);
        assert_eq!(told(&run(&[(SHARD, "2/4"), (SHARDS, "4")])), second);
        assert_eq!(told(&run(&[(INDEX, "1"), (SHARDS, "4")])), second);
        assert_eq!(told(&run(&[(SHARD, "2/4"), (INDEX, "1")])), second);
        assert_eq!(told(&run(&[(SHARD, "2/4"), (INDEX, "")])), second);
        assert_eq!(told(&run(&[(SHARD, "")])), Some(("1/1".to_owned(), false)));
        assert_eq!(told(&run(&[(INDEX, "0"), (SHARDS, "1")])), Some(("1/1".to_owned(), true)));
        let planned = read(&Flags::default(), &[(SHARDS, "4")], Purpose::Plan);
        assert_eq!(told(&planned), Some(("1/4".to_owned(), false)));
    }

    #[test]
    fn what_is_no_shard_is_told() {
        for (vars, part) in [
            (&[(SHARD, "0/4")][..], "`0/4` is no shard"),
            (&[(SHARD, "5/4")], "is no shard"),
            (&[(SHARD, "2")], "expected I/N"),
            (&[(SHARD, "2/4"), (SHARDS, "5")], "2/4 is a shard of 4, and LOAD_GATE_SHARDS says 5"),
            (&[(SHARDS, "0")], "is no number of machines"),
            (&[(SHARDS, "4")], "nobody says which"),
            (&[(INDEX, "3")], "of how many"),
            (&[(SHARD, "2/4"), (INDEX, "2")], "2/4 is named, and JOB_COMPLETION_INDEX is `2`"),
            (&[(SHARD, "2/4"), (SHARDS, "4"), (INDEX, "x")], "JOB_COMPLETION_INDEX is `x`"),
            (&[(INDEX, "4"), (SHARDS, "4")], "from 0 to 3"),
            (&[("LOAD_GATE_RUN", "a\u{7}b")], "LOAD_GATE_RUN"),
        ] {
            let said = run(vars).expect_err("a mistake");
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_span_from_now_is_rounded_so_that_shards_agree() {
        let at = |text: &str| start(text, NOW).map(|at| at.unix_millis).ok();
        // 02:40:07.5 UTC.
        assert_eq!(
            at("+60s"),
            Timestamp::parse_rfc3339("2026-02-02T02:42:00Z").map(|t| t.unix_millis)
        );
        assert_eq!(
            at("+5m"),
            Timestamp::parse_rfc3339("2026-02-02T02:50:00Z").map(|t| t.unix_millis)
        );
        assert_eq!(at("2026-02-02T03:40:00+01:00"), at("2026-02-02T02:40:00Z"));
        for wrong in ["+0s", "+2h", "soon", "2026-02-04T02:40:00Z", "2026-01-31T02:40:00Z", "+"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
        let later = Timestamp { unix_millis: NOW.unix_millis + 52_000 };
        assert_eq!(start("+60s", later).ok(), start("+60s", NOW).ok());
        let exact = Timestamp { unix_millis: 1_770_000_000_000 };
        assert_eq!(start("+60s", exact).map(|t| t.unix_millis).ok(), Some(1_770_000_060_000));
    }

    #[test]
    fn shards_start_within_two_minutes_where_nothing_is_said() {
        let (dealing, _) = run(&[(SHARD, "2/4"), ("GITHUB_RUN_ID", "77")]).expect("is fine");
        assert_eq!(dealing.start_at, start("+60s", NOW).ok());
        assert_eq!(dealing.run, "77");
        assert_eq!(run(&[]).expect("is fine").0, Dealing::default());
        let named = run(&[("LOAD_GATE_RUN", "night"), ("GITHUB_RUN_ID", "77")]);
        assert_eq!(named.expect("is fine").0.run, "night");
        let alone = read(&flags(None, Some("+60s")), &[], Purpose::Run).expect("is fine").0;
        assert!(alone.shard.is_alone() && alone.start_at.is_some());
    }
}
