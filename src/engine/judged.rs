//! What the engine makes of an exchange: its outcome, and what a limiter made of it.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};

use super::errand::Errand;
use super::held::Held;
use super::transport::{Exchange, Failure};
use super::worker::Worker;
use crate::admission::Admitted;
use crate::ids::ProbeKind;
use crate::outcome::{Outcome, ProbeEnd};
use crate::scenario::{Answer, Judgement, Request, is_json};
use crate::secret::Secret;
use crate::units::Nanos;

/// What came back, for those who have to know.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) service_time: Nanos,
    /// Why there is no answer; or the excerpt of a refusal.
    pub(super) text: Option<String>,
    /// Whether not even a connection could be opened.
    pub(super) unconnected: bool,
    /// The first check that failed.
    pub(super) check: Option<&'static str>,
    pub(super) admitted: Admitted,
    /// The new customer's key, of minting only.
    pub(super) minted: Option<Secret>,
}

/// What the engine makes of an exchange.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts seen, each on its own")]
pub(super) struct Judged {
    pub(super) status: u16,
    /// Whether the limiter refused.
    pub(super) refused: bool,
    pub(super) outcome: Outcome,
    pub(super) judgement: Judgement,
    pub(super) probe: Option<(ProbeKind, ProbeEnd)>,
    pub(super) check: Option<&'static str>,
    pub(super) text: Option<String>,
    pub(super) unconnected: bool,
    pub(super) json: bool,
    pub(super) retry_after: Option<u32>,
    pub(super) retry_after_header: bool,
    pub(super) limit_headers: bool,
    pub(super) held: Held,
}

impl Judged {
    fn answered(status: u16, refused: bool) -> Self {
        let outcome = Outcome::of_status(status, 0).unwrap_or(Outcome::Unexpected);
        Self {
            status,
            refused,
            outcome: if refused { Outcome::RateLimited } else { outcome },
            judgement: Judgement::default(),
            probe: None,
            check: None,
            text: None,
            unconnected: false,
            json: false,
            retry_after: None,
            retry_after_header: false,
            limit_headers: false,
            held: Held::default(),
        }
    }

    fn unanswered(failure: &Failure) -> Self {
        let outcome = match failure {
            // One given up is in no outcome.
            Failure::Timeout(_) | Failure::GivenUp => Outcome::Timeout,
            Failure::Connect(_) | Failure::Broken(_) => Outcome::Transport,
            // The generator's own, so that the target is not accused of it.
            Failure::Local(_) => Outcome::Dropped,
        };
        Self {
            outcome,
            text: Some(failure.text().to_owned()),
            unconnected: matches!(failure, Failure::Connect(_) | Failure::Local(_)),
            ..Self::answered(0, false)
        }
    }

    /// Admitted means any answer but a refusal, 5xx, and one that says who may not ask: nobody
    /// says whether the limiter stands before that check (docs/rate-limits.md).
    pub(super) const fn admitted(&self) -> Admitted {
        match self.status {
            _ if self.refused => Admitted::No,
            401 | 403 => Admitted::Perhaps,
            400..=499 if self.probe.is_some() => Admitted::Perhaps,
            0 | 500..=599 => Admitted::Unknown,
            _ => Admitted::Yes,
        }
    }

    pub(super) fn report(&self, service_time: Nanos) -> Report {
        Report {
            outcome: self.outcome,
            status: self.status,
            service_time,
            text: self.text.clone(),
            unconnected: self.unconnected,
            check: self.check,
            admitted: self.admitted(),
            minted: self.judgement.minted.clone(),
        }
    }
}

impl Worker {
    /// Whether the limiter refuses by that status.
    fn refuses(&self, status: u16) -> bool {
        self.run.job.plan.criteria.refuses(status)
    }

    /// What came of `errand`.
    pub(super) fn judge(
        &self,
        errand: Errand,
        request: &Request,
        exchange: &Exchange,
        (sent_unix, done_unix): (Duration, Duration),
        secrets: &[Secret],
    ) -> Judged {
        let response = match &exchange.result {
            Ok(response) => response,
            Err(failure) => return Judged::unanswered(failure),
        };
        let answer = Answer {
            status: response.status,
            content_type: text_of(&response.headers, &header::CONTENT_TYPE),
            headers: Some(&response.headers),
            body: response.body.as_deref(),
            sent_unix,
            done_unix,
            skew: self.skew.get().seconds().unwrap_or(0.0),
            secrets,
            refused: self.refuses(response.status),
        };
        let mut judged = Judged::answered(response.status, answer.refused);
        judged.retry_after = retry_after(&response.headers);
        judged.retry_after_header = response.headers.contains_key(header::RETRY_AFTER);
        judged.limit_headers = has_limit_headers(&response.headers);
        if let Errand::Probe { kind, .. } = errand {
            judged.json = response.body.as_deref().is_some_and(is_json);
            let end = self.run.job.scenario.judge_probe(kind, &answer);
            // The limiter's refusal says nothing of the check that was to refuse.
            let end =
                if answer.refused && end == ProbeEnd::Other { ProbeEnd::Neither } else { end };
            judged.probe = Some((kind, end));
            return judged;
        }
        let judgement = self.run.job.scenario.judge(request, &answer);
        judged.outcome = judgement.outcome.unwrap_or(Outcome::Unexpected);
        judged.retry_after = judged.retry_after.or(judgement.retry_after);
        judged.json = judgement.json;
        judged.check = first_failed(&judgement, self.run.job.scenario.checks());
        judged.text.clone_from(&judgement.excerpt);
        judged.judgement = judgement;
        judged
    }
}

fn first_failed(judgement: &Judgement, checks: &[&'static str]) -> Option<&'static str> {
    checks.get(judgement.failed.trailing_zeros() as usize).copied()
}

/// A header as text, where it is one.
pub(super) fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3; the form with a date isn't used
/// by the API and is left alone).
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<u32> {
    text_of(headers, &header::RETRY_AFTER)?.trim().parse().ok()
}

/// `x-ratelimit-*`, or the IETF draft's `RateLimit` and `RateLimit-*`.
fn has_limit_headers(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-ratelimit-") || name == "ratelimit" || name.starts_with("ratelimit-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_speak_of_limits_are_known() {
        let with = |name: &'static str| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static("60"),
            )])
        };
        assert!(has_limit_headers(&with("x-ratelimit-remaining")));
        assert!(has_limit_headers(&with("ratelimit")));
        assert!(!has_limit_headers(&with("retry-after")));
        assert_eq!(retry_after(&with("retry-after")), Some(60));
    }
}
