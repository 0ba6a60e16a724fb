//! Who sends: a thread with its own pacer, connections and outbox, sharing nothing while it sends.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::clock::{LocalFuture, Pacer};
use super::job::ScenarioRun;
use super::keeper::{Handover, Order, Row};
use super::presence::Presence;
use super::skew::Skew;
use super::stop::StopReason;
use super::threads::no_thread;
use super::transport::Transport;
use crate::units::Nanos;

/// Rows after which a batch is handed over; else it is once a second.
const BATCH: usize = 256;

/// One worker of a run. It lives on one thread.
pub(super) struct Worker {
    pub(super) run: Arc<ScenarioRun>,
    /// Its number, from 0: that one leads.
    index: usize,
    pub(super) transport: Rc<dyn Transport>,
    /// Whether its thread was there.
    pub(super) presence: Arc<Presence>,
    outbox: RefCell<Vec<Row>>,
    /// Its timer, made before connections can take all that may be open.
    sleeper: Cell<Option<Sleeper>>,
    pub(super) skew: Cell<Skew>,
    /// Arrivals sent so far.
    pub(super) sent: Cell<u64>,
    under_way: Cell<u64>,
    idle: Notify,
    /// Given when answers are no longer awaited.
    pub(super) abandon: Notify,
    pub(super) abandoned: Cell<bool>,
}

impl Worker {
    /// The worker of that number, for the thread that asks.
    ///
    /// # Errors
    /// When the system has no timer to give.
    pub(super) fn new(
        run: &Arc<ScenarioRun>,
        index: usize,
        skew: Skew,
        presence: Arc<Presence>,
    ) -> io::Result<Rc<Self>> {
        let transport = run.job.network.transport()?;
        let sleeper = Sleeper::new(run, Arc::clone(&presence), Rc::clone(&transport))?;
        Ok(Rc::new(Self {
            run: Arc::clone(run),
            index,
            transport,
            outbox: RefCell::new(Vec::with_capacity(BATCH)),
            sleeper: Cell::new(Some(sleeper)),
            presence,
            skew: Cell::new(skew),
            sent: Cell::new(0),
            under_way: Cell::new(0),
            idle: Notify::new(),
            abandon: Notify::new(),
            abandoned: Cell::new(false),
        }))
    }

    /// Its timer, for one task at a time.
    ///
    /// # Errors
    /// When another has it, and the system has no more to give.
    pub(super) fn take_sleeper(&self) -> io::Result<Sleeper> {
        let another =
            || Sleeper::new(&self.run, Arc::clone(&self.presence), Rc::clone(&self.transport));
        self.sleeper.take().map_or_else(another, Ok)
    }

    /// Gives the timer back.
    pub(super) fn put_sleeper(&self, sleeper: Sleeper) {
        // Nobody looks from now on.
        self.transport.rest(Nanos::MAX);
        self.sleeper.set(Some(sleeper));
    }

    /// Counts a request as under way until the guard is dropped.
    pub(super) fn enter(self: &Rc<Self>) -> UnderWay {
        self.under_way.set(self.under_way.get() + 1);
        self.run.in_flight.fetch_add(1, Ordering::Relaxed);
        UnderWay { worker: Rc::clone(self), in_flight: self.in_flight() }
    }

    /// How many requests of the run await their answer.
    pub(super) fn in_flight(&self) -> u64 {
        self.run.in_flight.load(Ordering::Relaxed).saturating_sub(self.transport.answered())
    }

    /// Ends when none of its requests is under way.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.under_way.get() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Gives up whatever is still awaited.
    pub(super) fn abandon(&self) {
        self.abandoned.set(true);
        self.abandon.notify_waiters();
    }

    /// Puts down what came of a request.
    pub(super) fn put(&self, row: Row) {
        let mut outbox = self.outbox.borrow_mut();
        outbox.push(row);
        if outbox.len() >= BATCH {
            drop(outbox);
            self.hand_over();
        }
    }

    /// Hands what was measured to the keeper.
    pub(super) fn hand_over(&self) {
        // Before the rows are taken: what ends later is in the next batch, and so may be what
        // ended just before and is not yet read.
        let until = self.run.now();
        let rows = self.outbox.replace(Vec::with_capacity(BATCH));
        self.deliver(rows, until);
    }

    /// Hands over the last of it: others need not wait for this worker any more.
    pub(super) fn hand_over_last(&self) {
        self.transport.close();
        let rows = self.outbox.take();
        self.deliver(rows, Nanos::MAX);
    }

    fn deliver(&self, rows: Vec<Row>, until: Nanos) {
        self.run.tell(Order::Handover(Handover {
            worker: self.index,
            until,
            rows,
            events: self.transport.events(),
            skew: self.skew.get(),
            sent: self.sent.get(),
            longest_away: self.presence.longest(),
        }));
    }
}

/// A request under way.
pub(super) struct UnderWay {
    worker: Rc<Worker>,
    /// How many were under way when it began, itself included.
    pub(super) in_flight: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.worker.run.broke.store(true, Ordering::Relaxed);
        }
        self.worker.run.in_flight.fetch_sub(1, Ordering::Relaxed);
        let left = self.worker.under_way.get() - 1;
        self.worker.under_way.set(left);
        if left == 0 {
            self.worker.idle.notify_waiters();
        }
    }
}

/// Sleeps until moments of a run, or until the run is ended.
pub(super) struct Sleeper {
    run: Arc<ScenarioRun>,
    presence: Arc<Presence>,
    transport: Rc<dyn Transport>,
    pacer: Box<dyn Pacer>,
    stopped: LocalFuture<'static, StopReason>,
}

impl Sleeper {
    /// # Errors
    /// When the system has no timer to give.
    fn new(
        run: &Arc<ScenarioRun>,
        presence: Arc<Presence>,
        transport: Rc<dyn Transport>,
    ) -> io::Result<Self> {
        let pacer = run.job.clock.pacer()?;
        let stop = run.job.stop.clone();
        let stopped = Box::pin(async move { stop.given().await });
        Ok(Self { run: Arc::clone(run), presence, transport, pacer, stopped })
    }

    /// Sleeps until `at` (from the first request). Whether there was anything to
    /// sleep for; `Err`: the run was ended before.
    pub(super) async fn until(&mut self, at: Nanos) -> Result<bool, StopReason> {
        let at = self.run.epoch + at;
        let mut slept = false;
        std::future::poll_fn(|context| {
            if let Some(reason) = self.run.job.stop.reason() {
                return Poll::Ready(Err(reason));
            }
            if self.pacer.poll_until(context, at).is_ready() {
                if slept {
                    self.look();
                }
                return Poll::Ready(Ok(slept));
            }
            slept = true;
            let span = at - self.run.job.clock.now();
            self.presence.will_wake(span);
            self.transport.rest(span);
            Pin::new(&mut self.stopped).poll(context).map(Err)
        })
        .await
    }

    /// Looks for answers, if any is awaited.
    fn look(&self) {
        if self.run.in_flight.load(Ordering::Relaxed) > 0 {
            self.transport.look();
        }
    }
}

/// Does `work` on a thread of its own, with a runtime of its own, and hands back
/// what it comes to. Nothing of the work may leave the thread, so it is made there;
/// the thread is watched.
///
/// # Errors
/// When the system has no thread to give, or the work panicked.
pub(super) async fn on_own_thread<T, F>(
    name: String,
    work: impl FnOnce(Arc<Presence>) -> F + Send + 'static,
) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + 'static,
{
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let presence = Presence::here();
        let (sleeping, waking) = (Arc::clone(&presence), Arc::clone(&presence));
        let done = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || sleeping.sleeps())
            .on_thread_unpark(move || waking.wakes())
            .build()
            .and_then(|runtime| {
                let pulsing_meanwhile = async {
                    tokio::task::spawn_local(Arc::clone(&presence).pulse());
                    work(presence).await
                };
                let done = LocalSet::new().block_on(&runtime, pulsing_meanwhile);
                // A name that is still looked up must not hold what was measured.
                runtime.shutdown_background();
                done
            });
        // Nobody waits for it any more: then it is of no use.
        let _ = sender.send(done);
    });
    thread.map_err(|error| no_thread(&error))?;
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the thread that sends has panicked")))
}
