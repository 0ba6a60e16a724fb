//! One request from its building to its sample in the recording.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderMap;

use super::clock::BoxFuture;
use super::job::{Run, UnderWay};
use super::skew::parse_date;
use super::transport::{Exchange, Failure};
use crate::admission::Admitted;
use crate::ids::{IdentityId, ProbeKind, Traffic};
use crate::measure::{ProbeEnd, Sample};
use crate::outcome::Outcome;
use crate::scenario::{Answer, Call, Identity, Judgement, Past, ProbeResult, Request};
use crate::secret::Secret;
use crate::units::Nanos;

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Errand {
    /// Arrival `n`, due at a moment of a stage.
    Arrival { n: u64, stage: u16, due: Nanos },
    /// The canary.
    Canary,
    /// A probe, the k-th.
    Probe { k: u64, kind: ProbeKind },
    /// The k-th request of the proof.
    Proof { k: u64 },
    /// The k-th customer created for its key.
    Minting { k: u64 },
}

impl Errand {
    const fn traffic(self) -> Traffic {
        match self {
            Self::Arrival { .. } => Traffic::Arrival,
            Self::Canary => Traffic::Canary,
            Self::Probe { .. } => Traffic::Probe,
            Self::Proof { .. } => Traffic::Proof,
            Self::Minting { .. } => Traffic::Minting,
        }
    }

    pub(super) const fn n(self) -> u64 {
        match self {
            Self::Arrival { n, .. } => n,
            Self::Canary => 0,
            Self::Probe { k, .. } | Self::Proof { k } | Self::Minting { k } => k,
        }
    }
}

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

/// A request that only waits for its moment.
pub(super) struct Prepared {
    errand: Errand,
    identity: Identity,
    unix: Duration,
    request: Request,
    sending: BoxFuture<'static, Exchange>,
}

impl Run {
    /// Sends one request, awaits its answer, judges and records it.
    pub(super) async fn carry_out(self: &Arc<Self>, errand: Errand, identity: &Identity) -> Report {
        let under_way = self.enter();
        self.carry_out_entered(errand, identity, &under_way).await
    }

    /// Sends one request in a task of its own. It is under way from now on, not
    /// from the task's first turn: nobody may find the run idle in between.
    pub(super) fn spawn(self: &Arc<Self>, errand: Errand, identity: Identity) {
        let (run, under_way) = (Arc::clone(self), self.enter());
        tokio::spawn(async move { run.carry_out_entered(errand, &identity, &under_way).await });
    }

    /// Makes an arrival ready to be sent when it is due, `unix` by the wall clock:
    /// what can be done before that moment doesn't make it late.
    pub(super) fn prepare(
        self: &Arc<Self>,
        errand: Errand,
        identity: Identity,
        unix: Duration,
    ) -> Prepared {
        let mut request = self.build(errand, &identity, unix);
        let sending = self.job.transport.send(&mut request);
        Prepared { errand, identity, unix, request, sending }
    }

    /// Sends what is ready, in a task of its own.
    pub(super) fn spawn_prepared(self: &Arc<Self>, prepared: Prepared) {
        let (run, under_way) = (Arc::clone(self), self.enter());
        tokio::spawn(async move { run.send(prepared, &under_way).await });
    }

    async fn carry_out_entered(
        self: &Arc<Self>,
        errand: Errand,
        identity: &Identity,
        under_way: &UnderWay,
    ) -> Report {
        let prepared = self.prepare(errand, identity.clone(), self.job.clock.unix());
        self.send(prepared, under_way).await
    }

    async fn send(self: &Arc<Self>, prepared: Prepared, under_way: &UnderWay) -> Report {
        let Prepared { errand, identity, unix, request, sending } = prepared;
        let sent_unix = self.job.clock.unix();
        let sent = self.now();
        if let Errand::Arrival { .. } = errand {
            let in_flight = u32::try_from(under_way.in_flight).unwrap_or(u32::MAX);
            self.recorder().sent(sent, in_flight);
        }
        let exchange = self.exchange(sending).await;
        let done = exchange.done - self.epoch;
        let done_unix = sent_unix + Duration::from(done - sent);
        if let Ok(response) = &exchange.result
            && let Some(date) = text_of(&response.headers, "date").and_then(parse_date)
        {
            self.note_date(date, sent_unix, done_unix);
        }
        let judged = self.judge(errand, &request, &exchange, (sent_unix, done_unix));
        let report = judged.report(done - sent);
        if report.outcome == Outcome::Accepted
            && request.repeatable
            && matches!(errand, Errand::Arrival { .. } | Errand::Canary)
        {
            self.acknowledge(Past { n: errand.n(), unix });
        }
        self.record(errand, identity.id, &request, &exchange, sent, &judged);
        if report.status == 429 {
            self.name_address();
        }
        report
    }

    fn build(&self, errand: Errand, identity: &Identity, unix: Duration) -> Request {
        self.with_past(|past| {
            let call = Call { n: errand.n(), traffic: errand.traffic(), unix, identity, past };
            match errand {
                Errand::Probe { kind, .. } => self.job.scenario.probe(kind, &call),
                _ => self.job.scenario.request(&call),
            }
        })
    }

    async fn exchange(&self, sending: BoxFuture<'static, Exchange>) -> Exchange {
        let abandoned = self.abandon.notified();
        tokio::pin!(abandoned);
        abandoned.as_mut().enable();
        let given_up = if self.abandoned.load(Ordering::Acquire) {
            true
        } else {
            tokio::select! {
                biased;
                exchange = sending => return exchange,
                () = abandoned => true,
            }
        };
        debug_assert!(given_up);
        let now = self.job.clock.now();
        let reason = "no longer awaited: the run was ended early".to_owned();
        Exchange {
            first_byte: now,
            done: now,
            bytes_sent: 0,
            bytes_received: 0,
            result: Err(Failure::Timeout(reason)),
        }
    }

    fn judge(
        &self,
        errand: Errand,
        request: &Request,
        exchange: &Exchange,
        (sent_unix, done_unix): (Duration, Duration),
    ) -> Judged {
        let response = match &exchange.result {
            Ok(response) => response,
            Err(failure) => return Judged::unanswered(failure),
        };
        let answer = Answer {
            status: response.status,
            content_type: text_of(&response.headers, "content-type"),
            body: response.body.as_deref(),
            sent_unix,
            done_unix,
            skew: self.skew().unwrap_or(0.0),
        };
        let mut judged = Judged::answered(response.status);
        judged.retry_after = retry_after(&response.headers);
        judged.retry_after_header = response.headers.contains_key("retry-after");
        judged.limit_headers = has_limit_headers(&response.headers);
        if let Errand::Probe { kind, .. } = errand {
            judged.json = response.body.as_deref().is_some_and(is_json);
            judged.probe = Some((kind, self.job.scenario.judge_probe(kind, &answer)));
            return judged;
        }
        let judgement = self.job.scenario.judge(request, &answer);
        judged.outcome = judgement.outcome.unwrap_or(Outcome::Unexpected);
        judged.retry_after = judged.retry_after.or(judgement.retry_after);
        judged.json = judgement.json;
        judged.check = first_failed(&judgement, self.job.scenario.checks());
        judged.text.clone_from(&judgement.excerpt);
        judged.judgement = judgement;
        judged
    }

    fn record(
        &self,
        errand: Errand,
        identity: IdentityId,
        request: &Request,
        exchange: &Exchange,
        sent: Nanos,
        judged: &Judged,
    ) {
        let (arrival, stage, due) = match errand {
            Errand::Arrival { n, stage, due } => (n, stage, due),
            _ => (0, 0, sent),
        };
        let sample = Sample {
            traffic: errand.traffic(),
            arrival,
            stage,
            identity,
            due,
            sent,
            first_byte: exchange.first_byte - self.epoch,
            done: exchange.done - self.epoch,
            status: judged.status,
            outcome: judged.outcome,
            labels: request.labels,
            bytes_sent: exchange.bytes_sent,
            bytes_received: exchange.bytes_received,
            checks_passed: judged.judgement.passed,
            checks_failed: judged.judgement.failed,
            items: judged.judgement.items,
            admitted: judged.admitted(),
            retry_after: judged.retry_after,
        };
        if let Errand::Arrival { .. } = errand {
            self.watchdog().on_sample(sample.done - self.load_start(), sample.outcome);
        }
        let mut recorder = self.recorder();
        let quote = (judged.outcome != Outcome::Accepted && judged.probe.is_none())
            .then(|| (judged.text.as_deref().unwrap_or_default(), judged.check));
        recorder.record(&sample, quote);
        if judged.status == 429 {
            recorder.refused(judged.json, judged.retry_after_header, judged.limit_headers);
        }
        if let Errand::Probe { kind, .. } = errand {
            let end = match judged.probe {
                Some((_, ProbeResult::Held)) => ProbeEnd::Held,
                Some((_, ProbeResult::Other)) => ProbeEnd::Other,
                Some((_, ProbeResult::Breached)) => ProbeEnd::Breached,
                Some((_, ProbeResult::Neither)) | None => ProbeEnd::Neither,
            };
            recorder.probe(kind, end);
        }
    }

    /// After the first refusal, once: does the limiter take the caller's word
    /// for its address?
    fn name_address(self: &Arc<Self>) {
        if !self.job.plan.extras.naming || self.named.swap(true, Ordering::AcqRel) {
            return;
        }
        let (run, under_way) = (Arc::clone(self), self.enter());
        tokio::spawn(async move {
            let forged = run.job.identities.fresh_address(0);
            let k = run.extra.fetch_add(1, Ordering::Relaxed);
            let errand = Errand::Proof { k };
            let report = Box::pin(run.carry_out_entered(errand, &forged, &under_way)).await;
            match report.admitted {
                Admitted::Yes => run.recorder().set_spoofed(true),
                Admitted::No => run.recorder().set_spoofed(false),
                Admitted::Unknown | Admitted::Perhaps => {}
            }
        });
    }
}

/// What the engine makes of an exchange.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts seen, each on its own")]
struct Judged {
    status: u16,
    outcome: Outcome,
    judgement: Judgement,
    probe: Option<(ProbeKind, ProbeResult)>,
    check: Option<&'static str>,
    text: Option<String>,
    unconnected: bool,
    json: bool,
    retry_after: Option<u32>,
    retry_after_header: bool,
    limit_headers: bool,
}

impl Judged {
    fn answered(status: u16) -> Self {
        Self {
            status,
            outcome: Outcome::of_status(status, 0).unwrap_or(Outcome::Unexpected),
            judgement: Judgement::default(),
            probe: None,
            check: None,
            text: None,
            unconnected: false,
            json: false,
            retry_after: None,
            retry_after_header: false,
            limit_headers: false,
        }
    }

    fn unanswered(failure: &Failure) -> Self {
        let outcome = match failure {
            Failure::Timeout(_) => Outcome::Timeout,
            Failure::Connect(_) | Failure::Broken(_) => Outcome::Transport,
        };
        Self {
            outcome,
            text: Some(failure.text().to_owned()),
            unconnected: matches!(failure, Failure::Connect(_)),
            ..Self::answered(0)
        }
    }

    /// Admitted means any answer but 429 and 5xx (docs/rate-limits.md).
    const fn admitted(&self) -> Admitted {
        match self.status {
            400..=428 | 430..=499 if self.probe.is_some() => Admitted::Perhaps,
            0 | 500..=599 => Admitted::Unknown,
            429 => Admitted::No,
            _ => Admitted::Yes,
        }
    }

    fn report(&self, service_time: Nanos) -> Report {
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

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

fn first_failed(judgement: &Judgement, checks: &[&'static str]) -> Option<&'static str> {
    checks.get(judgement.failed.trailing_zeros() as usize).copied()
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3; the form with a date isn't used
/// by the API and is left alone).
fn retry_after(headers: &HeaderMap) -> Option<u32> {
    text_of(headers, "retry-after")?.trim().parse().ok()
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
