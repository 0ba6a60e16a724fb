//! Sends points as they come, on a thread of its own: whatever a receiver does costs a bounded queue.

use std::collections::VecDeque;
use std::sync::mpsc::{
    Receiver as Inbox, RecvTimeoutError, SyncSender, TrySendError, sync_channel,
};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::Method;
use tokio::sync::watch;
use tokio::time::Instant;

use super::post::{Line, Sent};
use super::receiver::Receiver;
use crate::config::shown;
use crate::publish::PublishWarning;
use crate::series::{Series, Writer, export_request, joined};

/// The points of one moment.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The moment, in milliseconds since 1970.
    pub at: i64,
    /// The points.
    pub series: Vec<Series>,
}

/// How often the end of the sending is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the sending may cost.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Batches that wait at most.
    pub queue: usize,
    /// Before the first of several tries; doubled for each further one, up to five seconds.
    pub backoff: Duration,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { queue: 300, backoff: Duration::from_millis(100) }
    }
}

/// Batches that are one write at most: some thousand points.
const MOST_AT_ONCE: usize = 10;
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

enum Errand {
    Points(Batch),
    /// The last points; what is known is ended after them, and until then it is waited for.
    End(Batch, Instant),
}

/// One receiver and the thread that serves it.
pub struct Exporter {
    url: String,
    inbox: Mutex<Option<SyncSender<Errand>>>,
    /// Until when anybody waits, for a request that is under way when that becomes known.
    end: watch::Sender<Option<Instant>>,
    lost: Mutex<usize>,
    worker: Mutex<Option<JoinHandle<Tally>>>,
}

/// What became of the batches.
#[derive(Debug, Default)]
struct Tally {
    delivered: usize,
    undelivered: usize,
    reason: Option<String>,
}

impl Exporter {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(receiver: Receiver, began: i64, limits: Allowance) -> std::io::Result<Self> {
        let (sender, inbox) = sync_channel(limits.queue);
        let url = shown(receiver.url()).to_owned();
        let (end, known) = watch::channel(None);
        let worker = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || serve(&receiver, began, limits, &inbox, known))?;
        Ok(Self {
            url,
            inbox: Mutex::new(Some(sender)),
            end,
            lost: Mutex::new(0),
            worker: Mutex::new(Some(worker)),
        })
    }

    /// Takes points, or loses them where the queue is full; never waits.
    pub fn offer(&self, batch: Batch) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = inbox.as_ref() else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            sender.try_send(Errand::Points(batch))
        {
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }

    /// Sends the last points, ends every series, and waits for delivery, no longer than
    /// `patience`, nor than `hurried` says that nobody waits any more. `Some`: what
    /// didn't arrive, and why.
    pub fn finish(
        &self,
        last: Batch,
        patience: Duration,
        hurried: impl Fn() -> bool,
    ) -> Option<PublishWarning> {
        let sender = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut lost = *self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + patience;
        self.end.send_replace(Some(deadline));
        if let Some(sender) = sender
            && sender.try_send(Errand::End(last, deadline)).is_err()
        {
            lost += 1;
        }
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The worker keeps the deadline itself: it gives up what hasn't arrived by then.
        while worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
            if hurried() {
                return Some(PublishWarning::new(
                    format!("the last metrics for {}", self.url),
                    "given up when the run was interrupted".to_owned(),
                    "the verdict doesn't depend on it".to_owned(),
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let tally = worker.and_then(|worker| worker.join().ok()).unwrap_or_default();
        let missing = lost + tally.undelivered;
        let all = missing + tally.delivered;
        (missing > 0).then(|| {
            let reason = tally.reason.unwrap_or_else(|| "the queue was full".to_owned());
            PublishWarning::new(
                format!("{missing} of {all} batches of metrics for {}", self.url),
                reason,
                format!(
                    "the verdict doesn't depend on it; look whether the receiver takes writes (it was \
                     waited for {} s in the end)",
                    patience.as_secs()
                ),
            )
        })
    }
}

fn serve(
    receiver: &Receiver,
    began: i64,
    limits: Allowance,
    inbox: &Inbox<Errand>,
    end: watch::Receiver<Option<Instant>>,
) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string());
    match runtime.and_then(|runtime| Ok((runtime, receiver.line()?))) {
        Ok((runtime, line)) => {
            let work = Worker::new(receiver, began, limits, line, end).work(inbox);
            let tally = runtime.block_on(work);
            // A name that is still looked up is nobody's reason to wait any more.
            runtime.shutdown_background();
            tally
        }
        // Nothing can be sent: what comes is counted.
        Err(reason) => {
            let undelivered = inbox.iter().count();
            Tally { undelivered, reason: Some(reason), ..Tally::default() }
        }
    }
}

struct Worker<'a> {
    receiver: &'a Receiver,
    began: i64,
    limits: Allowance,
    line: Line,
    waiting: VecDeque<Vec<u8>>,
    writer: Writer,
    /// The moment of the last points that were exported by OTLP.
    exported: Option<i64>,
    tally: Tally,
    deadline: Option<Instant>,
    /// The deadline as soon as there is one, though points wait before it.
    end: watch::Receiver<Option<Instant>>,
}

impl<'a> Worker<'a> {
    fn new(
        receiver: &'a Receiver,
        began: i64,
        limits: Allowance,
        line: Line,
        end: watch::Receiver<Option<Instant>>,
    ) -> Self {
        let (waiting, tally) = (VecDeque::new(), Tally::default());
        let native = matches!(receiver, Receiver::RemoteWrite { native: true, .. });
        Self {
            receiver,
            began,
            limits,
            line,
            waiting,
            writer: Writer::new(native),
            exported: None,
            tally,
            deadline: None,
            end,
        }
    }

    async fn work(mut self, inbox: &Inbox<Errand>) -> Tally {
        let mut pause = self.limits.backoff;
        let mut not_before = Instant::now();
        loop {
            self.take(inbox, not_before);
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.tally.undelivered += self.waiting.len();
                return self.tally;
            }
            if Instant::now() < not_before {
                continue;
            }
            let Some((body, of)) = self.next() else {
                if self.deadline.is_some() {
                    return self.tally;
                }
                continue;
            };
            match self.post(body).await {
                Sent::Taken => {
                    self.waiting.drain(..of);
                    self.tally.delivered += of;
                    pause = self.limits.backoff;
                }
                Sent::Never(reason) => {
                    self.waiting.drain(..of);
                    self.tally.undelivered += of;
                    self.tally.reason.get_or_insert(reason);
                }
                Sent::Later(wait, reason) => {
                    self.tally.reason.get_or_insert(reason);
                    not_before = Instant::now() + wait.unwrap_or(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// What is sent next, and how many batches it is of: who answers slowly gets what waits
    /// together, so that the end of every series arrives in time.
    fn next(&self) -> Option<(Vec<u8>, usize)> {
        let first = self.waiting.front()?;
        let of = self.waiting.len().min(MOST_AT_ONCE);
        let together = (of > 1 && matches!(self.receiver, Receiver::RemoteWrite { .. }))
            .then(|| joined(self.waiting.iter().take(of).map(Vec::as_slice)))
            .flatten();
        Some(together.map_or_else(|| (first.clone(), 1), |body| (body, of)))
    }

    /// Takes what has come, and waits for more where there is nothing to do until then.
    fn take(&mut self, inbox: &Inbox<Errand>, not_before: Instant) {
        let now = Instant::now();
        let pause = not_before.saturating_duration_since(now);
        if let Some(deadline) = self.deadline {
            if !self.waiting.is_empty() {
                std::thread::sleep(pause.min(deadline.saturating_duration_since(now)));
            }
            return;
        }
        // An end comes as an errand too, or by the sender's being dropped: no look costs a wake-up.
        let errand = if self.waiting.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(pause)
        };
        match errand {
            Ok(order) => self.keep(order),
            Err(RecvTimeoutError::Timeout) => {}
            // Dropped without an end: nobody waits for us.
            Err(RecvTimeoutError::Disconnected) => self.deadline = Some(now),
        }
        // What came while an answer was awaited.
        while self.deadline.is_none()
            && let Ok(order) = inbox.try_recv()
        {
            self.keep(order);
        }
    }

    fn keep(&mut self, order: Errand) {
        let (batch, last) = match order {
            Errand::Points(batch) => (batch, None),
            Errand::End(batch, deadline) => (batch, Some(deadline)),
        };
        match self.receiver {
            Receiver::RemoteWrite { .. } => {
                let body = match last {
                    Some(_) => self.writer.finish(&batch.series, batch.at),
                    None => self.writer.write(&batch.series, batch.at),
                };
                self.queue(body);
            }
            Receiver::Otlp { resource, interval, .. } => {
                let due = self.exported.is_none_or(|at| {
                    batch.at.saturating_sub(at) >= i64::try_from(interval.as_millis()).unwrap_or(0)
                });
                if due || last.is_some() {
                    self.exported = Some(batch.at);
                    let nanos = |millis: i64| u64::try_from(millis).unwrap_or(0) * 1_000_000;
                    let body =
                        export_request(&batch.series, resource, nanos(self.began), nanos(batch.at));
                    self.queue(self.receiver.packed(body));
                }
            }
        }
        self.deadline = self.deadline.or(last);
    }

    fn queue(&mut self, body: Vec<u8>) {
        // The oldest go first: a dashboard wants to know how it stands now.
        while self.waiting.len() >= self.limits.queue {
            self.waiting.pop_front();
            self.tally.undelivered += 1;
        }
        self.waiting.push_back(body);
    }

    async fn post(&self, body: Vec<u8>) -> Sent {
        let (to, access) = (self.receiver, self.receiver.access());
        tokio::select! {
            sent = self.line.send(Method::POST, to.url(), to.headers(), access, body) => sent,
            () = self.ended() => Sent::Later(None, "no answer before the end".to_owned()),
        }
    }

    /// Waits until nobody waits any more.
    async fn ended(&self) {
        let mut end = self.end.clone();
        let known = end.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
        match known {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}
