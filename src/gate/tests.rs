//! The rules of docs/verdict.md, one by one, on recordings made by hand.

mod builder;
mod intervals;
mod late;
mod resources;
mod rules;
mod truth;
mod whole_run;
mod words;

use proptest::prelude::*;

use super::{FindingVerdict, VerdictKind, evaluate};
use crate::outcome::Outcome;
use builder::{Made, criteria};

/// Strictness of a verdict: a worse one is never greener.
fn strictness(kind: VerdictKind) -> u8 {
    match kind {
        VerdictKind::Pass => 0,
        VerdictKind::Skipped | VerdictKind::Inconclusive => 1,
        VerdictKind::Fail => 2,
    }
}

const FAILURES: [(Outcome, u16); 6] = [
    (Outcome::Contract, 201),
    (Outcome::Rejected, 422),
    (Outcome::ServerError, 500),
    (Outcome::Unexpected, 302),
    (Outcome::Timeout, 0),
    (Outcome::Transport, 0),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a run met: were one more of its accepted arrivals a failure, the
    /// verdict would not be greener.
    #[test]
    fn a_failure_more_is_never_greener(
        accepted in 1_u64..400,
        refused in 0_u64..200,
        failed in proptest::collection::vec(0_u64..40, FAILURES.len()),
        turned in 0..FAILURES.len(),
    ) {
        let make = |accepted: u64, more: Option<usize>| {
            let mut made = Made::new();
            made.met(Outcome::Accepted, 201, accepted).met(Outcome::RateLimited, 429, refused);
            for (i, ((outcome, status), n)) in FAILURES.into_iter().zip(&failed).enumerate() {
                made.met(outcome, status, n + u64::from(more == Some(i)));
            }
            evaluate(&criteria(&["success_rate rate>0.90", "errors rate<0.10"]), &made.done(), None)
        };
        let (before, after) = (make(accepted, None), make(accepted - 1, Some(turned)));
        prop_assert!(strictness(after.kind) >= strictness(before.kind), "{before:?} {after:?}");
    }

    /// The kind is the worst finding's, and every reason is a finding's message.
    #[test]
    fn the_worst_finding_decides(accepted in 0_u64..200, errors in 0_u64..200, probes in 0_u64..3) {
        let mut made = Made::new();
        made.met(Outcome::Accepted, 201, accepted).met(Outcome::ServerError, 500, errors);
        for _ in 0..probes {
            made.probe(crate::outcome::ProbeEnd::Neither);
        }
        let verdict = evaluate(&criteria(builder::DEFAULT), &made.done(), None);
        let worst = verdict.findings.iter().map(|f| f.verdict).max();
        let expected = match worst {
            Some(FindingVerdict::Fail) => VerdictKind::Fail,
            Some(FindingVerdict::Inconclusive) => VerdictKind::Inconclusive,
            _ => VerdictKind::Pass,
        };
        prop_assert_eq!(verdict.kind, expected);
        prop_assert_eq!(verdict.kind == VerdictKind::Pass, verdict.reasons.is_empty());
        for reason in &verdict.reasons {
            prop_assert!(verdict.findings.iter().any(|f| f.message == *reason));
        }
    }
}
