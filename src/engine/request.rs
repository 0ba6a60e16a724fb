//! One request from its building to its sample in the recording.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::spawn_local;

use super::acknowledged::Repeatable;
use super::clock::LocalFuture;
use super::errand::Errand;
use super::judged::{Judged, Report, text_of};
use super::keeper::{Order, RefusalShape, Row};
use super::skew::parse_date;
use super::transport::{Exchange, Failure, Opening};
use super::worker::{UnderWay, Worker};
use crate::admission::Admitted;
use crate::ids::IdentityId;
use crate::measure::{Sample, Spans};
use crate::outcome::{Outcome, ProbeEnd};
use crate::scenario::{Call, Captured, Identity, Past, Request};
use crate::units::Nanos;

/// A request that only waits for its moment.
pub(super) struct Prepared {
    errand: Errand,
    identity: IdentityId,
    captured: Option<Arc<Captured>>,
    unix: Duration,
    request: Request,
    sending: LocalFuture<'static, Exchange>,
    /// Whether it is sent in a bunch of late ones.
    pub(super) in_a_bunch: bool,
}

impl Worker {
    /// Sends one request, awaits its answer, judges and records it.
    pub(super) async fn carry_out(self: &Rc<Self>, errand: Errand, identity: &Identity) -> Report {
        let under_way = self.enter();
        self.carry_out_entered(errand, identity, &under_way).await
    }

    /// Sends one request in a task of its own. It is under way from now on, not
    /// from the task's first turn: nobody may find the run idle in between.
    pub(super) fn spawn(self: &Rc<Self>, errand: Errand, identity: Identity) {
        let (worker, under_way) = (Rc::clone(self), self.enter());
        spawn_local(async move { worker.carry_out_entered(errand, &identity, &under_way).await });
    }

    /// Sends the k-th request of the proof, in a task of its own, as who is set aside.
    pub(super) fn spawn_proof(self: &Rc<Self>, k: u64) {
        let job = &self.run.job;
        let Some(identity) = job.identities.set_aside() else { return };
        if job.identities.can_send(identity.id, job.clock.now()) {
            self.spawn(Errand::Proof { k }, identity);
        }
    }

    /// Makes an arrival ready to be sent when it is due, `unix` by the wall clock:
    /// what can be done before that moment doesn't make it late.
    pub(super) fn prepare(&self, errand: Errand, identity: &Identity, unix: Duration) -> Prepared {
        let mut request = self.build(errand, identity, unix);
        let sending = self.transport.send(&mut request);
        let captured = identity.captured.clone();
        let identity = identity.id;
        Prepared { errand, identity, captured, unix, request, sending, in_a_bunch: false }
    }

    /// Sends what is ready, at once: a task of its own only awaits the answer.
    pub(super) fn spawn_prepared(self: &Rc<Self>, prepared: Prepared) {
        let (worker, under_way) = (Rc::clone(self), self.enter());
        let mut prepared = prepared;
        let mut sending =
            Box::pin(async move { drop(worker.send(&mut prepared, &under_way).await) });
        // Whoever dispatches has a budget for itself, and outlives a mistake as a task would.
        let first = || {
            let first = std::pin::pin!(tokio::task::unconstrained(sending.as_mut()));
            first.poll(&mut Context::from_waker(Waker::noop()))
        };
        if let Ok(Poll::Pending) = catch_unwind(AssertUnwindSafe(first)) {
            spawn_local(sending);
        }
    }

    async fn carry_out_entered(
        self: &Rc<Self>,
        errand: Errand,
        identity: &Identity,
        under_way: &UnderWay,
    ) -> Report {
        let mut prepared = self.prepare(errand, identity, self.run.job.clock.unix());
        self.send(&mut prepared, under_way).await
    }

    async fn send(self: &Rc<Self>, prepared: &mut Prepared, under_way: &UnderWay) -> Report {
        let Prepared { errand, identity, captured, unix, request, sending, in_a_bunch } = prepared;
        let (errand, identity, unix) = (*errand, *identity, *unix);
        if let Errand::Arrival { .. } = errand {
            self.sent.set(self.sent.get() + 1);
        }
        let before = self.before();
        let exchange = self.exchange(sending, before.at).await;
        if matches!(exchange.result, Ok(_) | Err(Failure::Timeout(_))) {
            let done = exchange.done - self.run.epoch;
            self.run.behind.is_over(done, exchange.result.is_err());
        }
        if *in_a_bunch {
            self.run.behind.ended();
        }
        let (sent, done) = (exchange.sent - self.run.epoch, exchange.done - self.run.epoch);
        // The wall clock is asked once: backwards from there the steady one counts.
        let (wall, now) = (self.run.job.clock.unix(), self.run.now());
        let unix_at = |moment| wall.saturating_sub(Duration::from(now - moment));
        let (sent_unix, done_unix) = (unix_at(sent), unix_at(done));
        if let Ok(response) = &exchange.result
            && let Some(date) = text_of(&response.headers, &http::header::DATE).and_then(parse_date)
        {
            let mut skew = self.skew.get();
            skew.note(date, sent_unix, done_unix);
            self.skew.set(skew);
        }
        let secrets = captured.as_deref().map_or(&[][..], Captured::secrets);
        let mut judged = self.judge(errand, request, &exchange, (sent_unix, done_unix), secrets);
        judged.held = self.held(&exchange, &before, errand.due().unwrap_or(sent));
        let report = judged.report(done - sent);
        if report.outcome == Outcome::Accepted
            && request.repeatable
            && matches!(errand, Errand::Arrival { .. } | Errand::Canary)
        {
            self.run.delivered.note(Past { n: errand.n(), unix });
        }
        self.record(errand, identity, request, &exchange, under_way, judged);
        if report.admitted == Admitted::No {
            self.name_address();
        }
        report
    }

    fn build(&self, errand: Errand, identity: &Identity, unix: Duration) -> Request {
        let (run, job) = (&self.run, &self.run.job);
        let past = Repeatable { known: &run.delivered, deal: &run.deal, n: errand.n() };
        let call = Call { n: errand.n(), traffic: errand.traffic(), unix, identity, past: &past };
        let request = match errand {
            Errand::Probe { kind, .. } => job.scenario.probe(kind, &call),
            _ => job.scenario.request(&call),
        };
        job.traced(request, &call)
    }

    pub(super) async fn exchange(
        &self,
        sending: &mut LocalFuture<'static, Exchange>,
        began: Nanos,
    ) -> Exchange {
        let abandoned = self.abandon.notified();
        tokio::pin!(abandoned);
        abandoned.as_mut().enable();
        if !self.abandoned.get() {
            tokio::select! {
                biased;
                exchange = sending => return exchange,
                () = abandoned => {}
            }
        }
        let now = self.run.job.clock.now();
        Exchange {
            sent: began,
            opening: Opening::default(),
            sending: Nanos::ZERO,
            first_byte: now,
            done: now,
            bytes_sent: 0,
            bytes_received: 0,
            result: Err(Failure::GivenUp),
        }
    }

    fn record(
        &self,
        errand: Errand,
        identity: IdentityId,
        request: &Request,
        exchange: &Exchange,
        under_way: &UnderWay,
        judged: Judged,
    ) {
        let epoch = self.run.epoch;
        let sent = exchange.sent - epoch;
        let (arrival, stage) = match errand {
            Errand::Arrival { n, stage, .. } => (n, stage),
            _ => (0, 0),
        };
        let sample = Sample {
            traffic: errand.traffic(),
            arrival,
            stage,
            identity,
            due: errand.due().unwrap_or(sent),
            sent,
            spans: Spans {
                blocked: exchange.opening.all,
                connecting: exchange.opening.tcp,
                tls: exchange.opening.tls,
                sending: exchange.sending,
            },
            first_byte: exchange.first_byte - epoch,
            done: exchange.done - epoch,
            held: judged.held.by,
            excused: judged.held.excused,
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
        let refusal = judged.refused.then_some(RefusalShape {
            json: judged.json,
            retry_after: judged.retry_after_header,
            limit_headers: judged.limit_headers,
        });
        let probe = match errand {
            Errand::Probe { kind, .. } => {
                Some((kind, judged.probe.map_or(ProbeEnd::Neither, |(_, end)| end)))
            }
            _ => None,
        };
        let quote = (judged.outcome != Outcome::Accepted && judged.probe.is_none())
            .then(|| (judged.text.unwrap_or_default(), judged.check));
        let in_flight = u32::try_from(under_way.in_flight).unwrap_or(u32::MAX);
        let given_up = matches!(exchange.result, Err(Failure::GivenUp));
        self.put(Row { sample, given_up, in_flight, refusal, probe, quote });
    }

    /// After the first refusal, once: does the limiter take the caller's word
    /// for its address?
    fn name_address(self: &Rc<Self>) {
        let run = &self.run;
        if !run.job.plan.extras.naming || run.named.swap(true, Ordering::AcqRel) {
            return;
        }
        let (worker, under_way) = (Rc::clone(self), self.enter());
        spawn_local(async move {
            let run = &worker.run;
            let forged = run.job.identities.naming();
            // After all that the proof sends.
            let errand = Errand::Proof { k: run.job.plan.extras.proof_requests() };
            let report = Box::pin(worker.carry_out_entered(errand, &forged, &under_way)).await;
            match report.admitted {
                Admitted::Yes => run.tell(Order::Spoofed(true)),
                Admitted::No => run.tell(Order::Spoofed(false)),
                Admitted::Unknown | Admitted::Perhaps => {}
            }
        });
    }
}
