//! What arrivals met instead of success, in words that name the fault.

use crate::measure::{Excerpt, Recording};
use crate::outcome::Outcome;
use crate::units::count;

/// The most kinds of failure that a message lists.
const MOST_KINDS: usize = 4;

/// What arrivals met instead of success, the most frequent first:
/// `364,635 were rate limited (429), 90 were rejected (422)`; `None`: all were accepted.
pub(super) fn instead(recording: &Recording) -> Option<String> {
    list(recording, |_| true)
}

/// The same without what the success rate leaves out: refusals by the limiter.
pub(super) fn failures(recording: &Recording) -> Option<String> {
    list(recording, |outcome| outcome != Outcome::RateLimited)
}

/// The first answers or errors of each kind, quoted.
pub(super) fn quotes(recording: &Recording) -> Vec<String> {
    let quoted = excerpts(recording).filter(|excerpt| !excerpt.text.is_empty()).take(MOST_KINDS);
    quoted.map(|e| format!("first {} (status {}): {}", e.outcome, e.status, e.text)).collect()
}

fn excerpts(recording: &Recording) -> impl Iterator<Item = &Excerpt> {
    recording.excerpts.iter().filter(|e| e.count > 0 && e.outcome != Outcome::Accepted)
}

fn list(recording: &Recording, wanted: impl Fn(Outcome) -> bool) -> Option<String> {
    let outcomes = &recording.total().outcomes;
    let mut kinds: Vec<(u64, String)> = Vec::new();
    for (outcome, n) in outcomes.iter().filter(|(outcome, n)| *n > 0 && wanted(*outcome)) {
        if outcome == Outcome::Accepted {
            continue;
        }
        let mut left = n;
        for excerpt in excerpts(recording).filter(|e| e.outcome == outcome) {
            left = left.saturating_sub(excerpt.count);
            let text = several_checks(excerpt, recording)
                .unwrap_or_else(|| describe(outcome, excerpt.count, Some(excerpt)));
            kinds.push((excerpt.count, text));
        }
        if left > 0 {
            kinds.push((left, describe(outcome, left, None)));
        }
    }
    kinds.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let more: u64 = kinds.iter().skip(MOST_KINDS).map(|(n, _)| n).sum();
    kinds.truncate(MOST_KINDS);
    let mut words: Vec<String> = kinds.into_iter().map(|(_, text)| text).collect();
    if more > 0 {
        words.push(format!("{} met something else", count(more)));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

/// An excerpt names the check that failed in the first such answer. Where that one
/// didn't fail in all of them: which checks failed, and how often.
fn several_checks(excerpt: &Excerpt, recording: &Recording) -> Option<String> {
    let name = excerpt.check.as_deref().filter(|_| excerpt.outcome == Outcome::Contract)?;
    let named = recording.checks.iter().find(|check| check.name == name)?;
    if named.fails >= excerpt.count {
        return None;
    }
    let mut failed: Vec<_> = recording.checks.iter().filter(|check| check.fails > 0).collect();
    failed.sort_by_key(|check| std::cmp::Reverse(check.fails));
    let failed = failed.iter().take(MOST_KINDS);
    let words: Vec<String> =
        failed.map(|check| format!("`{}` {} times", check.name, count(check.fails))).collect();
    let (n, status) = (count(excerpt.count), excerpt.status);
    Some(format!("{n} broke the contract (status {status}): checks failed {}", words.join(", ")))
}

fn describe(outcome: Outcome, n: u64, excerpt: Option<&Excerpt>) -> String {
    let n = count(n);
    let status = excerpt.map_or(0, |e| e.status);
    let said = |what: &str| if status == 0 { String::new() } else { format!(" ({what}{status})") };
    let text = excerpt.map(|e| e.text.as_str()).filter(|text| !text.is_empty());
    match outcome {
        Outcome::Accepted => format!("{n} were accepted"),
        Outcome::RateLimited => format!("{n} were rate limited{}", said("")),
        Outcome::Contract => match excerpt.and_then(|e| e.check.as_deref()) {
            Some("body_size") => format!(
                "{n} broke the contract: check `body_size` failed, the body is over the cap{}",
                said("status ")
            ),
            Some(check) => {
                format!("{n} broke the contract: check `{check}` failed{}", said("status "))
            }
            None => format!("{n} broke the contract{}", said("status ")),
        },
        Outcome::Rejected => format!("{n} were rejected{}", said("")),
        Outcome::ServerError => format!("{n} met a server error{}", said("")),
        Outcome::Unexpected if (300..400).contains(&status) => {
            format!("{n} were redirected{}, which is never followed", said(""))
        }
        Outcome::Unexpected => format!("{n} got an unexpected status{}", said("")),
        Outcome::Timeout => match text {
            Some(text) => format!("{n} timed out ({text})"),
            None => format!("{n} timed out"),
        },
        Outcome::Transport => match text {
            Some(text) => format!("{n} got no answer: {} ({text})", kind_of(text)),
            None => format!("{n} got no answer"),
        },
        Outcome::Dropped => match text {
            Some(text) => format!("{n} were never sent: {text}"),
            None => format!("{n} were never sent (the in-flight cap was reached)"),
        },
    }
}

/// What a transport error amounts to, for somebody on call.
fn kind_of(text: &str) -> &'static str {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["more than load-gate takes"]) {
        "the answer was too large"
    } else if has(&["interim"]) {
        "interim answers came without end"
    } else if has(&["answer nothing"]) {
        "frames came without end that answer nothing"
    } else if has(&["reset the stream"]) {
        "the stream was reset"
    } else if has(&["server closed"]) {
        "the connection was closed before the answer was whole"
    } else if has(&["refused"]) {
        "the connection was refused"
    } else if has(&["reset", "broken pipe", "aborted"]) {
        "the connection was reset"
    } else if has(&["certificate", "tls", "handshake"]) {
        "TLS failed"
    } else if has(&["dns", "lookup", "resolve"]) {
        "the name was not resolved"
    } else if has(&["invalid", "pars", "malformed"]) {
        "what came was not HTTP"
    } else if has(&["closed", "incomplete", "eof", "end of file"]) {
        "the connection was closed before the answer was whole"
    } else {
        "the connection failed"
    }
}

#[cfg(test)]
mod tests {
    use super::kind_of;

    #[test]
    fn transport_errors_have_a_kind() {
        for (text, kind) in [
            (
                "connection error: Connection reset by peer (os error 104)",
                "the connection was reset",
            ),
            (
                "malformed HTTP: what came doesn't begin as an HTTP/1.1 answer does",
                "what came was not HTTP",
            ),
            (
                "more than load-gate takes: the answer has more than 100 headers",
                "the answer was too large",
            ),
            (
                "the target sent more than 8 interim answers (1xx) to one request",
                "interim answers came without end",
            ),
            (
                "the server closed the connection in the middle of the answer",
                "the connection was closed before the answer was whole",
            ),
            ("tcp connect error: Connection refused (os error 111)", "the connection was refused"),
            (
                "connection closed before message completed",
                "the connection was closed before the answer was whole",
            ),
            (
                "the server closed the HTTP/2 connection while the request was on its way: nobody \
                 can tell whether it was carried out",
                "the connection was closed before the answer was whole",
            ),
            ("malformed HTTP/2: connection error detected", "what came was not HTTP"),
            (
                "the server reset the stream (REFUSED_STREAM, before it answered)",
                "the stream was reset",
            ),
            (
                "the server sent more than 2 MiB of HTTP/2 frames that answer nothing: the \
                 connection was given up",
                "frames came without end that answer nothing",
            ),
            ("invalid peer certificate: UnknownIssuer", "TLS failed"),
            ("something new", "the connection failed"),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }
}
