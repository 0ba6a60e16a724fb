//! Creates customers through onboarding for their keys, one after another, before another scenario's load.

use std::io;

use super::errand::Errand;
use super::job::{Job, ScenarioRun};
use super::run::{finish, unless_stopped};
use super::skew::Skew;
use super::worker::{Worker, on_own_thread};
use crate::measure::{Ended, Recording};
use crate::outcome::Outcome;
use crate::secret::Secret;

/// Keys of new customers, and what their creation cost: a recording with no
/// arrivals, to be added to onboarding's.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The keys, as many as could be had.
    pub keys: Vec<Secret>,
    /// The requests.
    pub recording: Recording,
    /// Why there are fewer than wanted, if there are.
    pub short: Option<String>,
}

/// Creates the customers of the numbers `wanted` (from 0). `job` is onboarding's, with no stages. Where
/// `per_address` says how many one address may create, the others come from
/// addresses of their own; otherwise all come from this machine's.
///
/// An interrupt gives up the answer that is awaited.
///
/// # Errors
/// When the system has no thread to give, or load-gate comes to a mistake of its own.
pub async fn mint(job: Job, wanted: Vec<u64>, per_address: Option<u64>) -> io::Result<Minted> {
    let minting = move |presence| async move {
        let run = ScenarioRun::begin(job)?;
        let worker = Worker::new(&run, 0, Skew::default(), presence)?;
        let (keys, short) = create(&worker, &wanted, per_address).await;
        worker.hand_over_last();
        let recording = finish(&run, Ended::Completed, None).await?;
        Ok(Minted { keys, recording, short })
    };
    on_own_thread("minting".to_owned(), minting).await
}

async fn create(
    worker: &std::rc::Rc<Worker>,
    wanted: &[u64],
    per_address: Option<u64>,
) -> (Vec<Secret>, Option<String>) {
    let job = &worker.run.job;
    let mut keys = Vec::new();
    for &k in wanted {
        if job.stop.reason().is_some() {
            return (keys, Some("the run was interrupted".to_owned()));
        }
        let identity = match per_address {
            Some(limit) => job.identities.fresh_address(k / limit.max(1)),
            None => job.identities.of_arrival(1),
        };
        let report =
            unless_stopped(worker, worker.carry_out(Errand::Minting { k }, &identity)).await;
        if job.stop.reason().is_some() && report.minted.is_none() {
            return (keys, Some("the run was interrupted".to_owned()));
        }
        let Some(key) = report.minted else {
            let through = job.plan.scenario;
            let short = match report.outcome {
                Outcome::RateLimited => format!("{through}'s rate limit was reached"),
                outcome => format!("{through} answered {outcome}, status {}", report.status),
            };
            return (keys, Some(short));
        };
        keys.push(key);
    }
    (keys, None)
}
