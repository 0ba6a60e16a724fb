//! Creates customers through onboarding for their keys, one after another, before another scenario's load.

use super::job::{Job, Run};
use super::request::Errand;
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

/// Creates up to `wanted` customers. `job` is onboarding's, with no stages. Where
/// `per_address` says how many one address may create, the others come from
/// addresses of their own; otherwise all come from this machine's.
pub async fn mint(job: Job, wanted: u32, per_address: Option<u64>) -> Minted {
    let run = Run::new(job);
    let mut keys = Vec::new();
    let mut short = None;
    for k in 0..u64::from(wanted) {
        if run.job.stop.reason().is_some() {
            short = Some("the run was interrupted".to_owned());
            break;
        }
        let identity = match per_address {
            Some(limit) => run.job.identities.fresh_address(k / limit.max(1)),
            None => run.job.identities.of_arrival(1),
        };
        let report = run.carry_out(Errand::Minting { k }, &identity).await;
        if let Some(key) = report.minted {
            keys.push(key);
        } else {
            short = Some(match report.outcome {
                Outcome::RateLimited => "onboarding's rate limit was reached".to_owned(),
                outcome => format!("onboarding answered {outcome}, status {}", report.status),
            });
            break;
        }
    }
    Minted { keys, recording: run.finished(Ended::Completed), short }
}
