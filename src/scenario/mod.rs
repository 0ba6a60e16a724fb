//! One file a scenario: builds arrival n's request and judges its answer.
//!
//! Everything here is a function of its arguments: the seed, the run's name and
//! the call decide every byte of a request, the answer decides the judgement. The
//! body of a 2xx answer goes no further than the judge.

mod call;
mod credential_vending;
mod events;
mod judge;
mod metrics;
mod onboarding;
mod random;
mod run;
mod stripe;
mod webhook;

pub use call::{
    Acknowledged, Answer, Call, Expect, Identity, Judgement, Past, ProbeResult, REMEMBERED,
    Request, Scenario, Settings,
};

pub use metrics::{Own, OwnMetric, own_metrics};

use credential_vending::CredentialVending;
use onboarding::Onboarding;
use run::Run;
use webhook::Webhook;

use crate::secret::Secret;

/// The secrets a scenario is given.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The secret that webhooks are signed with; without it they go out unsigned.
    pub webhook: Option<Secret>,
    /// Whatever must never be quoted from an answer (API keys, tokens); the webhook
    /// secret needn't be among them.
    pub known: Vec<Secret>,
}

/// The scenario that `settings` describe.
///
/// `seed` and `run_id` decide, with each call, the bytes of its request. `run_id`
/// must differ from run to run: e-mail addresses and event ids are unique by it.
#[must_use]
pub fn build(settings: &Settings, seed: u64, run_id: &str, secrets: Secrets) -> Box<dyn Scenario> {
    let Secrets { webhook, mut known } = secrets;
    known.extend(webhook.clone());
    let run = Run::new(settings.scenario(), seed, run_id, known);
    match settings {
        Settings::Onboarding { email_domain } => Box::new(Onboarding::new(run, email_domain)),
        Settings::CredentialVending { providers, ttl_minutes } => {
            Box::new(CredentialVending::new(run, providers, ttl_minutes))
        }
        Settings::Webhook { duplicates, stripe_customer, stripe_price } => {
            Box::new(Webhook::new(run, *duplicates, stripe_customer, stripe_price, webhook))
        }
    }
}

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod tests;
