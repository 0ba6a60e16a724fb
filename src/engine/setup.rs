//! What identities send before they take part, and again before what they were given expires: in no figure.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_local};

use super::given::Given;
use super::identities::Identities;
use super::job::{Job, ScenarioRun};
use super::judged::retry_after;
use super::keeper::Order;
use super::skew::Skew;
use super::stop::StopReason;
use super::transport::Failure;
use super::worker::{Worker, on_own_thread};
use crate::admission::TOO_MANY_REQUESTS;
use crate::ids::{IdentityId, Traffic};
use crate::measure::{Ended, Setups};
use crate::plan::SET_UP_AT_ONCE;
use crate::scenario::{Answer, Call, Captured, Identity};
use crate::units::Nanos;

/// How often one is tried before the load.
const TRIES: u32 = 3;
/// How long is waited between two tries, where the answer doesn't say.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that an answer may make us wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Who can take part, and what it took.
#[derive(Debug)]
pub struct SetUp {
    /// The identities that can send: all of those that share the load, or else those
    /// that are left, with nobody set aside.
    pub identities: Identities,
    /// How many those are.
    pub usable: u32,
    /// What was sent, and who can't take part.
    pub setups: Setups,
    /// Why no connection could be opened, where that was it.
    pub unreachable: Option<String>,
    /// What ended it early.
    pub stopped: Option<StopReason>,
}

impl SetUp {
    /// How the run ends before it began; `None`: somebody can send.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        if let Some(reason) = self.stopped.clone() {
            return Some(reason.ended(Nanos::ZERO));
        }
        if let Some(reason) = self.unreachable.clone() {
            return Some(Ended::Unreachable { reason });
        }
        let first = self.setups.unusable.first().filter(|_| self.usable == 0)?;
        let advice = format!("no identity could be set up: {}: {}", first.who, first.why);
        Some(Ended::Misconfigured { advice })
    }
}

/// Why an identity wasn't set up.
struct Unset {
    words: String,
    unconnected: bool,
    /// Whether another try may come to more, and how long it should wait.
    again: Option<Duration>,
}

/// Sends the setup request of every identity of `job`; `None`: its scenario has none.
///
/// # Errors
/// When the system has no thread to give.
pub async fn set_up(mut job: Job) -> io::Result<Option<SetUp>> {
    let nobody = job.identities.of_arrival(1);
    if job.scenario.setup(&call(0, &nobody, job.clock.unix())).is_none() {
        return Ok(None);
    }
    job.identities = job.identities.awaiting_setup();
    let setting_up = move |presence| async move {
        let run = ScenarioRun::begin(job)?;
        let worker = Worker::new(&run, 0, Skew::default(), presence)?;
        let stop = run.job.stop.clone();
        let mut set_up = SetUp {
            identities: run.job.identities.clone(),
            usable: 0,
            setups: Setups::default(),
            unreachable: None,
            stopped: None,
        };
        tokio::select! {
            biased;
            reason = stop.given() => set_up.stopped = Some(reason),
            () = all(&worker, &mut set_up) => {}
        }
        Ok(Some(set_up))
    };
    on_own_thread("setup".to_owned(), setting_up).await
}

async fn all(worker: &Rc<Worker>, set_up: &mut SetUp) {
    let run = &worker.run;
    let within = run.job.plan.engine.connect_timeout;
    if let Err(reason) = worker.transport.reach(within.into()).await {
        set_up.unreachable = Some(reason);
        return;
    }
    let identities = own(run);
    let mut failed = Vec::new();
    for some in identities.chunks(SET_UP_AT_ONCE as usize) {
        let mut tasks = JoinSet::new();
        for identity in some {
            let (worker, identity) = (Rc::clone(worker), identity.clone());
            tasks.spawn_local(async move {
                let (sent, done) = set_up_one(&worker, &identity).await;
                (identity.id, sent, done)
            });
        }
        for (id, sent, done) in tasks.join_all().await {
            set_up.setups.sent += u64::from(sent);
            set_up.setups.failed += u64::from(sent) - u64::from(done.is_ok());
            match done {
                Ok(given) => run.job.identities.give(id, given),
                Err(unset) => failed.push((id, unset)),
            }
        }
    }
    failed.sort_by_key(|(id, _)| *id);
    if failed.len() == identities.len() {
        let unconnected = failed.iter().find(|(_, unset)| unset.unconnected);
        set_up.unreachable = unconnected.map(|(_, unset)| unset.words.clone());
    }
    for (id, unset) in &failed {
        set_up.setups.lose(run.job.identities.name_of(*id), &unset.words);
    }
    let gone: Vec<_> = failed.iter().map(|(id, _)| *id).collect();
    set_up.identities = run.job.identities.without(&gone);
    set_up.usable = u32::try_from(identities.len() - gone.len()).unwrap_or(u32::MAX);
}

/// The identities that send from here; the others' machines set those up.
fn own(run: &ScenarioRun) -> Vec<Identity> {
    let mut all = run.job.identities.all();
    let (shard, plan) = (run.job.shard, run.job.plan.identities);
    if !shard.is_alone() && !plan.is_shared() {
        all.retain(|identity| plan.is_of(u64::from(identity.id.0), shard));
    }
    all
}

/// How many requests it took, and what came of the last.
async fn set_up_one(worker: &Worker, identity: &Identity) -> (u32, Result<Given, Unset>) {
    let mut sent = 0;
    loop {
        sent += 1;
        let done = ask(worker, identity).await;
        let pause = match &done {
            Err(unset) if sent < TRIES => unset.again,
            _ => None,
        };
        let Some(pause) = pause else { return (sent, done) };
        tokio::time::sleep(pause).await;
    }
}

fn call(n: u64, identity: &Identity, unix: Duration) -> Call<'_> {
    Call { n, traffic: Traffic::Setup, unix, identity, past: &() }
}

/// Sends one setup request of `identity`.
async fn ask(worker: &Worker, identity: &Identity) -> Result<Given, Unset> {
    let job = &worker.run.job;
    let unset = |words: String| Unset { words, unconnected: false, again: None };
    let call = call(u64::from(identity.id.0) + 1, identity, job.clock.unix());
    let mut request = job.scenario.setup(&call).ok_or_else(|| unset("there is none".to_owned()))?;
    let what = format!("{} {}", request.method, request.path.split('?').next().unwrap_or("/"));
    let mut sending = worker.transport.send(&mut request);
    let exchange = worker.exchange(&mut sending, job.clock.now()).await;
    let response = exchange.result.map_err(|failure| Unset {
        words: format!("{what}: {}", failure.text()),
        unconnected: matches!(failure, Failure::Connect(_)),
        again: Some(PAUSE),
    })?;
    let now = job.clock.unix();
    let header = |name| response.headers.get(name).and_then(|value| value.to_str().ok());
    let answer = Answer {
        status: response.status,
        content_type: header("content-type"),
        headers: Some(&response.headers),
        body: response.body.as_deref(),
        sent_unix: now,
        done_unix: now,
        skew: 0.0,
        refused: response.status == TOO_MANY_REQUESTS,
        secrets: identity.captured.as_deref().map_or(&[], Captured::secrets),
    };
    tracing::debug!(status = response.status, identity = identity.id.0, "setup");
    match job.scenario.captured(&answer) {
        // From when it was asked for: the server's count began after that.
        Ok(captured) => Ok(Given::new(captured, exchange.sent)),
        Err(words) => Err(Unset {
            words: format!("{what}: {words}"),
            unconnected: false,
            again: (response.status == 429 || response.status >= 500).then(|| {
                let told = retry_after(&response.headers);
                told.map_or(PAUSE, |s| Duration::from_secs(s.into()).min(LONGEST_PAUSE))
            }),
        }),
    }
}

/// Renews what expires, for as long as it is polled.
pub(super) async fn renew(worker: Rc<Worker>) {
    let under_way: Rc<RefCell<BTreeSet<IdentityId>>> = Rc::default();
    let clock = std::sync::Arc::clone(&worker.run.job.clock);
    loop {
        let identities = &worker.run.job.identities;
        let Some((identity, at)) = identities.next_renewal() else { return };
        let wait = at - clock.now();
        if wait > Nanos::ZERO {
            tokio::time::sleep(wait.into()).await;
            // What was under way may have renewed it meanwhile.
            continue;
        }
        // Tried again later, should this one fail; done, it is due later still.
        identities.postpone(identity.id, clock.now());
        if !under_way.borrow_mut().insert(identity.id) {
            // The last one hasn't been answered yet.
            continue;
        }
        let (worker, under_way) = (Rc::clone(&worker), Rc::clone(&under_way));
        // The others' turns come meanwhile.
        spawn_local(async move {
            let (run, id) = (&worker.run, identity.id);
            let identities = &run.job.identities;
            let words = match ask(&worker, &identity).await {
                Ok(given) => {
                    identities.give(id, given);
                    None
                }
                Err(unset) => Some(unset.words),
            };
            under_way.borrow_mut().remove(&id);
            let failed = words.is_some();
            let gone = !identities.can_send(id, run.job.clock.now());
            let without = words.filter(|_| gone);
            let without = without.map(|words| (identities.name_of(id).to_owned(), words));
            run.tell(Order::Renewed { failed, without });
        });
    }
}
