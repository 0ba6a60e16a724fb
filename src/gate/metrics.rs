//! The table of metrics: one row each, which all that names, draws, bounds or shows one reads.

use std::sync::LazyLock;

use super::{Basis, Metric, MetricRow, Reading, Samples, Unit};
use crate::ids::ScenarioId;
use crate::measure::Slice;
use crate::outcome::{Outcome, OutcomeCounts};
use crate::scenario::{Own, OwnMetric, catalogue};

/// Every metric that every scenario has.
static COMMON: [MetricRow; 20] = [
    MetricRow {
        name: "http_reqs",
        unit: Unit::Count,
        draw: Reading::Counter(|slice| slice.requests),
        basis: Basis::Requests,
        about: "every request of the scenario's run: arrivals, canary, probes, the limiter's proof, \
                minted keys (not the checks before the run)",
        ..PLAIN
    },
    MetricRow {
        name: "iterations",
        draw: Reading::Counter(|slice| slice.outcomes.sent()),
        basis: Basis::Arrivals,
        about: "arrivals sent",
        ..PLAIN
    },
    MetricRow {
        name: "dropped_iterations",
        draw: Reading::Counter(|slice| slice.outcomes.get(Outcome::Dropped)),
        basis: Basis::Arrivals,
        of_generator: true,
        about: "arrivals that were never sent, because the generator fell short",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_duration",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.service_time),
        basis: Basis::Arrivals,
        about: "service time of every answered arrival, from sending to the last byte, as in k6",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_waiting",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.waiting),
        basis: Basis::Arrivals,
        about: "from sending to the head of the answer",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_receiving",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.receiving),
        basis: Basis::Arrivals,
        about: "from the head of the answer to its last byte",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_sending",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.phases.sending),
        basis: Basis::Arrivals,
        about: "writing the request",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_blocked",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.phases.blocked),
        basis: Basis::Arrivals,
        about: "waiting for a connection to be opened: name, TCP and TLS together; zero on an open one",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_connecting",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.phases.connecting),
        basis: Basis::Arrivals,
        about: "the TCP handshake that an arrival waited for; zero on an open connection",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_tls_handshaking",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.phases.tls),
        basis: Basis::Arrivals,
        about: "the TLS handshake that an arrival waited for; zero on an open connection",
        ..PLAIN
    },
    MetricRow {
        name: "response_time",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.response_time),
        from_due: true,
        basis: Basis::Arrivals,
        about: "from the moment the arrival was due to the last byte: neither a stalled server nor \
                a late generator can hide in it",
        ..PLAIN
    },
    MetricRow {
        name: "http_req_failed",
        unit: Unit::Share,
        draw: Reading::Rate(|slice| (slice.failed, slice.outcomes.sent())),
        fate: |ends| (sum(ends, &UNEXPECTED) + sum(ends, &UNANSWERED), ends.sent()),
        spare: |slice| (slice.excused, slice.excused),
        basis: Basis::Arrivals,
        about: "arrivals answered with an unexpected status or not at all; a limiter's refusal is \
                expected where the scenario declares a limit",
        ..PLAIN
    },
    MetricRow {
        name: "checks",
        unit: Unit::Share,
        draw: Reading::Rate(|slice| {
            (slice.checks_passed, slice.checks_passed.saturating_add(slice.checks_failed))
        }),
        // An answer counts once, however many checks it fails.
        fate: |ends| {
            let failed = sum(ends, &UNEXPECTED) + ends.get(Outcome::Contract);
            (failed, failed + ends.get(Outcome::Accepted))
        },
        basis: Basis::Admitted,
        about: "the scenario's checks that passed",
        ..PLAIN
    },
    MetricRow {
        name: "errors",
        unit: Unit::Share,
        draw: Reading::Rate(|slice| {
            let (accepted, judged) = judged(slice);
            (judged - accepted, judged)
        }),
        fate: missed,
        spare: |slice| (slice.excused, slice.excused),
        basis: Basis::Admitted,
        by_outcome: true,
        about: "1 − `success_rate`",
        ..PLAIN
    },
    MetricRow {
        name: "success_rate",
        unit: Unit::Share,
        draw: Reading::Rate(judged),
        fate: missed,
        spare: |slice| (0, slice.excused),
        basis: Basis::Admitted,
        by_outcome: true,
        about: "accepted arrivals / (arrivals sent − rate limited ones)",
        ..PLAIN
    },
    MetricRow {
        name: "rate_limit_hits",
        draw: Reading::Counter(|slice| slice.rate_limit_hits),
        basis: Basis::Refusals,
        about: "every refusal by a limiter: 429, or the status that is declared",
        ..PLAIN
    },
    MetricRow {
        name: "data_sent",
        unit: Unit::Bytes,
        draw: Reading::Counter(|slice| slice.bytes_sent),
        about: "bytes of requests",
        ..PLAIN
    },
    MetricRow {
        name: "data_received",
        unit: Unit::Bytes,
        draw: Reading::Counter(|slice| slice.bytes_received),
        about: "bytes of answers",
        ..PLAIN
    },
    MetricRow {
        name: "schedule_lag",
        unit: Unit::Milliseconds,
        draw: Reading::Trend(|slice| &slice.lag),
        basis: Basis::Arrivals,
        of_generator: true,
        about: "how late the generator itself sent an arrival",
        ..PLAIN
    },
    MetricRow {
        name: "resource",
        unit: Unit::Own,
        draw: Reading::Resource,
        about: "a resource of the service over the load, as its own monitoring knew it: \
                `resource{name:db_pool}`, one of [`[resources]`](config.md#resources)",
        ..PLAIN
    },
];

/// What a row is unless it says otherwise.
const PLAIN: MetricRow = MetricRow {
    name: "",
    unit: Unit::Count,
    owner: None,
    draw: Reading::Counter(|_| 0),
    fate: |_| (0, 0),
    spare: |_| (0, 0),
    from_due: false,
    samples: Samples::All,
    split: None,
    basis: Basis::Unknown,
    by_outcome: false,
    of_generator: false,
    about: "",
};

/// Accepted arrivals, and those that the success rate is of.
fn judged(slice: &Slice) -> (u64, u64) {
    let judged = slice.outcomes.sent().saturating_sub(slice.outcomes.get(Outcome::RateLimited));
    (accepted(slice), judged)
}

/// Answers whose status was none of the expected ones.
const UNEXPECTED: [Outcome; 3] = [Outcome::Rejected, Outcome::ServerError, Outcome::Unexpected];
/// Arrivals that were sent and got no answer.
const UNANSWERED: [Outcome; 2] = [Outcome::Timeout, Outcome::Transport];

fn sum(ends: &OutcomeCounts, of: &[Outcome]) -> u64 {
    of.iter().map(|outcome| ends.get(*outcome)).sum()
}

/// Of these ends: how many the success rate counts against it, and how many it is of.
fn missed(ends: &OutcomeCounts) -> (u64, u64) {
    let judged = ends.sent().saturating_sub(ends.get(Outcome::RateLimited));
    (judged.saturating_sub(ends.get(Outcome::Accepted)), judged)
}

fn accepted(slice: &Slice) -> u64 {
    slice.outcomes.get(Outcome::Accepted)
}

/// A scenario's own metric as a row.
fn own(owner: ScenarioId, metric: &OwnMetric) -> MetricRow {
    let row = MetricRow {
        name: metric.name,
        owner: Some(owner),
        draw: Reading::Counter(accepted),
        samples: Samples::Counted(None),
        basis: Basis::Admitted,
        about: metric.about,
        ..PLAIN
    };
    match metric.what {
        Own::Accepted => row,
        Own::AcceptedBy(tag) => MetricRow { split: Some(tag), ..row },
        Own::AcceptedWith(tag, value) => {
            MetricRow { samples: Samples::Counted(Some((tag, value))), ..row }
        }
        Own::ItemsBy(tag) => MetricRow {
            draw: Reading::Counter(|slice| slice.items),
            split: Some(tag),
            basis: Basis::Unknown,
            ..row
        },
        Own::Duration => MetricRow {
            unit: Unit::Milliseconds,
            draw: Reading::Trend(|slice| &slice.service_time),
            samples: Samples::Accepted,
            ..row
        },
    }
}

static ALL: LazyLock<Vec<MetricRow>> = LazyLock::new(|| {
    let own = catalogue::BUILT_IN
        .iter()
        .flat_map(|entry| entry.metrics.iter().map(|metric| own(entry.id, metric)));
    COMMON.iter().copied().chain(own).collect()
});

impl Metric {
    /// Every metric: those of every scenario first, then each scenario's own.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(Self)
    }

    /// Every metric that `scenario` has.
    pub fn of(scenario: ScenarioId) -> impl Iterator<Item = Self> {
        Self::all().filter(move |metric| metric.belongs_to(scenario))
    }

    /// The metric of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|metric| metric.name() == name)
    }
}
