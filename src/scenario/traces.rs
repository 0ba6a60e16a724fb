//! Trace contexts of requests, so that a service's own traces of them can be found again.
//!
//! Source: W3C "Trace Context", `traceparent` of version 00.

use super::call::{Call, Request};
use super::random::{fold, fold_text};
use crate::ids::{ScenarioId, Traffic};

const HEADER: &str = "traceparent";

/// The trace contexts of one run: seed, run and number decide each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traces {
    seed: u64,
    run: u64,
}

impl Traces {
    /// Those of the run `run_id` by `seed`.
    #[must_use]
    pub fn of(seed: u64, run_id: &str) -> Self {
        Self { seed, run: fold_text(run_id) }
    }

    /// The trace id of the `n`-th request of a kind: 32 hexadecimal digits, never all 0.
    #[must_use]
    pub fn id(self, scenario: &str, traffic: Traffic, n: u64) -> String {
        let [high, low, _] = self.words(scenario, traffic, n);
        format!("{high:016x}{low:016x}")
    }

    /// `request` with its trace context, where there are to be any and the scenario
    /// sends none of its own.
    #[must_use]
    pub fn on(
        traces: Option<Self>,
        mut request: Request,
        scenario: ScenarioId,
        call: &Call<'_>,
    ) -> Request {
        if let Some(traces) = traces.filter(|_| request.header(HEADER).is_none()) {
            let context = traces.parent(scenario.name(), call.traffic, call.n);
            request.headers.push((HEADER, context));
        }
        request
    }

    /// Its `traceparent`. The flag says that it is sampled: where sampling follows the
    /// parent, every request of the run is traced.
    fn parent(self, scenario: &str, traffic: Traffic, n: u64) -> String {
        let [high, low, span] = self.words(scenario, traffic, n);
        format!("00-{high:016x}{low:016x}-{span:016x}-01")
    }

    fn words(self, scenario: &str, traffic: Traffic, n: u64) -> [u64; 3] {
        let what = fold_text(scenario) ^ fold_text(traffic.name());
        // All zeros is no id.
        [1, 2, 3].map(|word| fold(&[self.seed, self.run, what, n, word]).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_trace_context_is_decided_by_seed_run_and_number_and_is_nobody_elses() {
        let traces = Traces::of(7, "lg-5f3a");
        let parent = traces.parent("webhook", Traffic::Arrival, 1);
        let parts: Vec<&str> = parent.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert_eq!((parts[0], parts[3]), ("00", "01"));
        assert_eq!(parts[1], traces.id("webhook", Traffic::Arrival, 1));
        assert!(parent.chars().all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f')));
        assert_eq!(parent, Traces::of(7, "lg-5f3a").parent("webhook", Traffic::Arrival, 1));
        let mut all = BTreeSet::new();
        for traces in [traces, Traces::of(8, "lg-5f3a"), Traces::of(7, "lg-5f3b")] {
            for scenario in ["webhook", "onboarding"] {
                for traffic in [Traffic::Arrival, Traffic::Canary] {
                    for n in 0..100 {
                        assert!(all.insert(traces.id(scenario, traffic, n)));
                    }
                }
            }
        }
    }
}
