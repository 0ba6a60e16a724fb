//! What the rules saw, in words for whoever is on call.

use std::fmt::Write as _;

use super::excess::{Bounds, Excess};
use super::excuse::Excuse;
use super::moments::slack;
use super::party::Party;
use super::trace::Refusal;
use super::{Algorithm, Inference};
use crate::admission::{DeclaredLimit, RefusalCounts, Scope, WHOLE_SECOND};
use crate::units::{Nanos, count, counted, number, per};

/// A moment counted from the scenario's first request.
fn at(seconds: f64) -> String {
    format!("{:.1} s after the first request", seconds.max(0.0))
}

fn lasting(seconds: f64) -> String {
    Nanos::from_secs_f64(seconds).to_string()
}

fn times(n: usize) -> String {
    count(n as u64)
}

fn requests(n: usize) -> String {
    counted(n as u64, "request")
}

fn per_window(declared: &DeclaredLimit) -> String {
    format!("{} {}", count(declared.limit), per(declared.window))
}

/// What the rules allow before they accuse; `apart`: by how much clocks of several machines
/// may be off.
fn tolerance(declared: &DeclaredLimit, apart: Nanos) -> String {
    let slack = slack(declared.window);
    let longer = match declared.tick {
        WHOLE_SECOND => "1 s".to_owned(),
        tick => tick.to_string(),
    };
    let mut text = format!(
        "tolerance: each decision fell anywhere between sending and answer, windows last up to {longer} longer, clocks are off by up to {slack}"
    );
    if !apart.is_zero() {
        let _ = write!(text, ", and each machine's by {apart} more");
    }
    text
}

/// By how much clocks of several machines may be off, at most.
fn apart(parties: &[Party<'_>]) -> Nanos {
    parties.iter().map(|party| party.clocks_apart).max().unwrap_or_default()
}

/// Who else may have used the quota.
fn caveat(declared: &DeclaredLimit) -> &'static str {
    match declared.scope {
        Scope::Ip => {
            "other traffic from the same address, an earlier run included, would look alike"
        }
        Scope::Customer => {
            "other traffic with the same key, an earlier run included, would look alike"
        }
        Scope::Global => {
            "other traffic to the same target, an earlier run included, would look alike"
        }
    }
}

pub(super) fn engaged(party: &Party<'_>) -> String {
    let Some(first) = party.trace.refused.first() else { return String::new() };
    let admitted = super::trace::before(&party.trace.done, first.done);
    format!(
        "{}: first refusal {}, after {} admitted",
        party.label,
        at(first.sent),
        requests(admitted)
    )
}

pub(super) fn absent(
    declared: &DeclaredLimit,
    party: &Party<'_>,
    most: usize,
    from: f64,
) -> String {
    format!(
        "{}: {} admitted within {} ({}) and not one of {} refused; the declared limit is {}, so no limiter was met",
        party.label,
        requests(most),
        declared.window,
        at(from),
        times(party.trace.admitted()),
        per_window(declared)
    )
}

pub(super) fn not_reached(declared: &DeclaredLimit, most: usize) -> String {
    format!(
        "no identity was admitted more than twice the limit of {} within a window, as it would be without a limiter (most: {})",
        per_window(declared),
        times(most)
    )
}

pub(super) fn no_refusal(declared: &DeclaredLimit, most: usize) -> String {
    format!(
        "nothing was refused, so the limit of {} was never seen at work (most admitted to one identity: {})",
        per_window(declared),
        times(most)
    )
}

pub(super) fn nothing_refused() -> String {
    "nothing was refused".to_owned()
}

pub(super) fn leaked(
    declared: &DeclaredLimit,
    party: &Party<'_>,
    excess: &Excess,
    inferred: Algorithm,
    multiple: Option<f64>,
) -> String {
    let span = excess.to - excess.from;
    let mut text = if excess.admitted > excess.allowed {
        format!(
            "{}: {} admitted within {} ({}), where at most {} may be",
            party.label,
            times(excess.admitted),
            lasting(span),
            at(excess.from),
            times(excess.allowed)
        )
    } else {
        format!(
            "{}: {} admitted within {} ({}), among refusals: windows would have begun less than {} apart",
            party.label,
            times(excess.admitted),
            lasting(span),
            at(excess.from),
            declared.window
        )
    };
    let kind = match inferred {
        Algorithm::None | Algorithm::Unknown => "limiter of any kind",
        Algorithm::ReplicasApart => "single limiter",
        known => known.name(),
    };
    let _ = write!(text, "; no {kind} of {} admits that", per_window(declared));
    text.push_str("; ");
    match multiple {
        Some(multiple) => text.push_str(&of_multiple(declared, multiple)),
        None => text.push_str("it leaks: requests past the limit are let through"),
    }
    text.push_str("; ");
    text.push_str(&tolerance(declared, party.clocks_apart));
    text
}

pub(super) fn too_high(declared: &DeclaredLimit, multiple: f64, parties: &[Party<'_>]) -> String {
    format!(
        "{}; declared: {}; {}",
        of_multiple(declared, multiple),
        per_window(declared),
        tolerance(declared, apart(parties))
    )
}

/// The limit that seems to be in force, and what a whole multiple suggests.
fn of_multiple(declared: &DeclaredLimit, multiple: f64) -> String {
    let limit = (multiple * declared.limit as f64).round();
    let whole = multiple.round();
    let mut text = format!(
        "the limit in force seems to be {}, {} times the declared one",
        number(limit),
        number((multiple * 100.0).round() / 100.0)
    );
    if whole >= 2.0 && (multiple - whole).abs() <= 0.05 * whole {
        let _ = write!(text, ", as if {} replicas counted apart", number(whole));
    }
    text
}

pub(super) fn held(
    declared: &DeclaredLimit,
    bounds: &Bounds,
    parties: &[Party<'_>],
    inference: &Inference,
) -> String {
    let full = parties.iter().filter(|party| !party.trace.refused.is_empty()).count();
    let kind = if inference.algorithm.is_a_limiter() {
        format!(" ({} inferred)", inference.algorithm.name())
    } else {
        String::new()
    };
    let admitted: usize = parties.iter().map(|party| party.trace.admitted()).sum();
    let who = if full == 1 { "identity" } else { "identities" };
    format!(
        "{} admitted on record; on the {} {who} that met the limit never more than a correct limiter of {} allows{kind}; {}",
        requests(admitted),
        times(full),
        format_args!("{} {}", times(bounds.limit), per(declared.window)),
        tolerance(declared, apart(parties))
    )
}

pub(super) fn never_refused(parties: &[Party<'_>]) -> String {
    let admitted: usize = parties.iter().map(|party| party.trace.admitted()).sum();
    format!("nothing was refused ({} admitted)", requests(admitted))
}

pub(super) fn let_through(declared: &DeclaredLimit, parties: &[Party<'_>]) -> String {
    let refused = parties.iter().map(|party| party.trace.refused.len()).sum();
    if let Some(burst) = declared.burst {
        return format!(
            "each of the {} refusals on record came when a bucket of {} that refills at {} may have been empty; {}",
            times(refused),
            count(burst),
            per_window(declared),
            tolerance(declared, apart(parties))
        );
    }
    format!(
        "each of the {} refusals on record came when {} had been admitted in the window before it; {}",
        times(refused),
        count(declared.limit),
        tolerance(declared, apart(parties))
    )
}

pub(super) fn too_strict(
    declared: &DeclaredLimit,
    party: &Party<'_>,
    refusal: &Refusal,
    before: usize,
) -> String {
    let fact = match declared.burst {
        Some(burst) => format!(
            "when a bucket of {} that refills at {} had a token",
            count(burst),
            per_window(declared)
        ),
        None => format!(
            "when at most {} of {} had been admitted in the {} before",
            times(before),
            count(declared.limit),
            declared.longest()
        ),
    };
    format!(
        "{}: refused {}, {fact}; {}; {}",
        party.label,
        at(refusal.sent),
        tolerance(declared, party.clocks_apart),
        caveat(declared)
    )
}

pub(super) fn stuck(declared: &DeclaredLimit, party: &Party<'_>, refusal: &Refusal) -> String {
    let admitted = &party.trace.may_done;
    let last = super::trace::before(admitted, refusal.sent).checked_sub(1).map(|i| admitted[i]);
    let since = last.map_or_else(
        || "nothing was ever admitted".to_owned(),
        |last| format!("the last admission was {} before", lasting(refusal.sent - last)),
    );
    format!(
        "{}: still refused {}, when places had to be free again ({since}; the window is {}); {}; {}",
        party.label,
        at(refusal.sent),
        declared.window,
        tolerance(declared, party.clocks_apart),
        caveat(declared)
    )
}

/// What an exact counter would be accused of, and which kind does so rightly.
pub(super) fn excused(
    declared: &DeclaredLimit,
    excuse: Excuse,
    may_be_stuck: bool,
    accusation: &str,
) -> String {
    let kind = excuse.kind.one();
    let limit = per_window(declared);
    if may_be_stuck {
        return format!(
            "nobody can tell: {kind} of {limit} never lets anybody in who keeps asking, and one that never resets looks alike; send a pause longer than the window, or declare refusals = \"free\" or \"counted\"; {accusation}"
        );
    }
    let consequence =
        excuse.kind.consequence().map_or_else(String::new, |words| format!(" ({words})"));
    format!("{kind} of {limit} does so{consequence}; of one that counts exactly: {accusation}")
}

pub(super) fn recovered(party: &Party<'_>) -> String {
    match party.refusals.recovered {
        Some((when, after)) => format!(
            "{}: admitted again {}, {} after its first refusal",
            party.label,
            at(when),
            lasting(after)
        ),
        None => String::new(),
    }
}

pub(super) fn ended_first(declared: &DeclaredLimit) -> String {
    format!("no refused identity sent anything a window ({}) and a second later", declared.window)
}

/// Past the limit there were errors instead of refusals.
pub(super) fn mute(
    declared: &DeclaredLimit,
    party: &Party<'_>,
    bounds: &Bounds,
    sent: usize,
    from: f64,
    failed: usize,
) -> String {
    format!(
        "{}: {} within {} ({}), the limit being {}, and none refused with {}: {} of {} were answered 5xx, or not at all",
        party.label,
        requests(sent),
        lasting(bounds.window),
        at(from),
        times(bounds.limit),
        declared.status,
        times(failed),
        times(party.trace.may_sent.len())
    )
}

/// What refusals failed to say; empty: nothing.
pub(super) fn silent(
    declared: &DeclaredLimit,
    refusals: &RefusalCounts,
    lie: Option<(&Party<'_>, (Refusal, Refusal))>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut missing = |promised: bool, with: u64, what: &str| {
        if promised && with < refusals.refused {
            let without = count(refusals.refused - with);
            faults.push(format!("{without} of {} refusals {what}", count(refusals.refused)));
        }
    };
    missing(declared.json, refusals.json, "had no JSON body");
    missing(declared.retry_after, refusals.retry_after, "had no Retry-After");
    missing(declared.headers, refusals.limit_headers, "had no rate limit headers");
    if let Some((party, (promise, refusal))) = lie {
        faults.push(format!(
            "{}: a refusal {} promised Retry-After: {}, but {:.1} s later, with nothing admitted in between, it refused again",
            party.label,
            at(promise.sent),
            promise.retry_after.unwrap_or(0),
            refusal.sent - promise.done
        ));
    }
    faults
}

/// A `Retry-After` that every request moves on.
pub(super) fn prolonged(kind: Algorithm) -> String {
    format!(
        "Retry-After was waited out in vain, as with {} it is by a client that asks meanwhile: it holds for one that sends nothing",
        kind.one()
    )
}

/// It refuses, but not by the status that is declared.
pub(super) fn disguised(declared: &DeclaredLimit, status: u16, parties: &[Party<'_>]) -> String {
    let refused: usize = parties.iter().map(|party| party.trace.refused.len()).sum();
    format!(
        "{} of the limiter's refusals came as {status} and none as {}: they came just when a limit was reached; have it answer {}, or declare refusal = {{ status = {status} }}",
        times(refused),
        declared.status,
        declared.status
    )
}

pub(super) fn spoke(declared: &DeclaredLimit, refusals: &RefusalCounts, tried: usize) -> String {
    let mut text = format!("{} refusals, all {}", count(refusals.refused), declared.status);
    if refusals.json == refusals.refused {
        text.push_str(" with a JSON body");
    }
    let mut with = |n: u64, what: &str| {
        if n > 0 {
            let _ = write!(text, ", {} with {what}", count(n));
        }
    };
    with(refusals.retry_after, "Retry-After");
    with(refusals.limit_headers, "rate limit headers");
    if tried > 0 {
        text.push_str("; waiting as long as Retry-After said, plus a second, sufficed");
    }
    text
}

pub(super) fn spoofing(declared: &DeclaredLimit, spoofed: Option<bool>) -> String {
    let promised = match declared.spoofable {
        Some(false) => "; the config says that it can't be",
        Some(true) => "; the config says that it can be",
        None => "",
    };
    match spoofed {
        None => "not tried: no identity was driven past the limit and let name another address"
            .to_owned(),
        Some(true) => format!(
            "a refused caller was let in when it named another address in X-Forwarded-For: the limiter trusts the caller{promised}"
        ),
        Some(false) => format!(
            "a refused caller stayed refused when it named another address in X-Forwarded-For{promised}"
        ),
    }
}
