//! Every fault, by its effect on the wire.

use std::time::{Duration, Instant};

use super::*;
use crate::target::Endpoint;

async fn health(api: &Api) -> Got {
    get(api.request(Method::GET, "/api/health")).await
}

/// How many of `n` onboardings are answered with `status`.
async fn onboarded(api: &Api, n: usize, status: u16) -> usize {
    let mut met = 0;
    for i in 0..n {
        met += usize::from(get(api.onboard(&format!("f{i}@loadtest.test"))).await.status == status);
    }
    met
}
