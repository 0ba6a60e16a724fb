//! Recordings made by hand: what arrivals met, how fast, and when.

use crate::admission::{Admitted, DeclaredLimit, Scope};
use crate::gate::{
    Criteria, GeneratorBounds, Verdict, evaluate, parse_threshold, required_selectors,
};
use crate::ids::{IdentityId, ProbeKind, ScenarioId};
use crate::measure::fixtures::accepted;
use crate::measure::{Ended, Recorder, RecorderConfig, Recording, Sample, StageKind, StageRecord};
use crate::outcome::{Outcome, ProbeEnd};
use crate::tags::{Label, LabelSet, TagKey};
use crate::units::{Nanos, Timestamp};

/// The built-in thresholds of onboarding.
pub(super) const DEFAULT: &[&str] =
    &["success_rate rate>0.90", "response_time{outcome:accepted} p(95)<2000"];

/// Criteria with these thresholds: `key expression`.
pub(super) fn criteria(thresholds: &[&str]) -> Criteria {
    let parse = |text: &&str| {
        let (key, expression) = text.split_once(' ').expect("a key and an expression");
        parse_threshold(key, expression).expect("a threshold")
    };
    Criteria {
        thresholds: thresholds.iter().map(parse).collect(),
        limit: Some(DeclaredLimit::of(10, Nanos::from_secs(60), Scope::Ip)),
        prediction: None,
        beside: Vec::new(),
        together: false,
        generator: GeneratorBounds {
            max_lag: Nanos::from_millis(100),
            max_dropped: 0.001,
            max_off_plan: 0.01,
        },
        decision: crate::gate::Decision::default(),
        baseline_required: false,
    }
}

/// A recording in the making: a ramp of 2 s, then a hold of 8 s.
pub(super) struct Made {
    recorder: Recorder,
    /// How long an answer takes.
    pub(super) takes: Nanos,
    /// When the next arrivals are due.
    pub(super) due: Nanos,
    /// How late the generator sends.
    pub(super) lag: Nanos,
    /// How much of an answer's service time the generator may have made.
    pub(super) held: Nanos,
    /// Whether the generator may have made the lack of an answer.
    pub(super) excused: bool,
    /// The check that fails first, and the text of errors.
    pub(super) says: (&'static str, &'static str),
    /// Labels of the next arrivals.
    pub(super) labels: LabelSet,
    arrivals: u64,
}

impl Made {
    pub(super) fn new() -> Self {
        Self::with(DEFAULT)
    }

    /// A recorder that keeps what these thresholds ask for.
    pub(super) fn with(thresholds: &[&str]) -> Self {
        let stage = |number, kind, start, end, target| StageRecord {
            number,
            kind,
            start: Nanos::from_secs(start),
            end: Nanos::from_secs(end),
            target,
            planned: 0,
            sent_within: 0,
            dropped: 0,
        };
        let label = |value: &str| Label { key: TagKey::own("provider"), value: value.to_owned() };
        let recorder = Recorder::new(RecorderConfig {
            scenario: ScenarioId::fixed("onboarding"),
            labels: vec![label("anthropic"), label("openai")],
            checks: vec!["status is 201", "has api_key"],
            probes: vec![ProbeKind::fixed("malformed_email")],
            stages: vec![
                stage(1, StageKind::Ramp, 0, 2, 50.0),
                stage(2, StageKind::Hold, 2, 10, 50.0),
            ],
            selectors: required_selectors(&criteria(thresholds)),
            limit_declared: true,
            identities: vec![("this runner's address".to_owned(), false)],
            joined: false,
            planned: 0,
            started_at: Timestamp { unix_millis: 1_700_000_000_000 },
        });
        Self {
            recorder,
            takes: Nanos::from_millis(10),
            due: Nanos::from_secs(3),
            lag: Nanos::from_micros(80),
            held: Nanos::ZERO,
            excused: false,
            says: ("has api_key", "Connection reset by peer (os error 104)"),
            labels: LabelSet::EMPTY,
            arrivals: 0,
        }
    }

    /// `n` arrivals that ended so.
    pub(super) fn met(&mut self, outcome: Outcome, status: u16, n: u64) -> &mut Self {
        for _ in 0..n {
            self.one(outcome, status);
        }
        self
    }

    fn one(&mut self, outcome: Outcome, status: u16) {
        self.arrivals += 1;
        let stage = u16::from(self.due >= Nanos::from_secs(2));
        if outcome == Outcome::Dropped {
            let dropped = Sample::dropped(self.arrivals, stage, IdentityId(0), self.due);
            self.recorder.record(&dropped, None);
            return;
        }
        let sent = self.due + self.lag;
        let (passed, failed) = match outcome {
            Outcome::Accepted => (0b11, 0),
            Outcome::Contract => (0b01, 0b10),
            Outcome::RateLimited | Outcome::Timeout | Outcome::Transport => (0, 0),
            _ => (0, 0b01),
        };
        let sample = Sample {
            stage,
            held: self.held,
            excused: self.excused && !outcome.is_answered(),
            status,
            outcome,
            labels: self.labels,
            checks_passed: passed,
            checks_failed: failed,
            admitted: if outcome == Outcome::RateLimited { Admitted::No } else { Admitted::Yes },
            ..accepted(self.arrivals, self.due, sent, self.due + self.takes)
        };
        let (check, text) = self.says;
        let quote = match outcome {
            Outcome::Accepted => None,
            Outcome::Contract => Some(("", Some(check))),
            Outcome::Timeout => Some(("no whole answer within 1.00 s", None)),
            Outcome::Transport => Some((text, None)),
            Outcome::Rejected => Some((r#"{"error":"email domain is disposable"}"#, None)),
            _ => Some(("", None)),
        };
        self.recorder.sent(sent, 1);
        self.recorder.record(&sample, quote);
    }

    /// A malformed e-mail, and what became of it.
    pub(super) fn probe(&mut self, end: ProbeEnd) -> &mut Self {
        self.recorder.probe(ProbeKind::fixed("malformed_email"), end);
        self
    }

    /// The recording of a run that came to its end; all that was planned was sent.
    pub(super) fn done(&self) -> Recording {
        self.ended(Ended::Completed)
    }

    /// The recording of a run that ended so.
    pub(super) fn ended(&self, ended: Ended) -> Recording {
        let mut recording = self.recorder.finish(ended, Nanos::from_secs(10));
        // What arrivals met is made up here, not what a limiter does: its rules have
        // tests of their own.
        recording.ledgers.clear();
        for stage in &mut recording.stages {
            stage.planned = stage.sent_within + stage.dropped;
        }
        recording.generator.planned = recording.generator.sent + recording.generator.dropped;
        recording
    }

    /// Judged by the built-in thresholds.
    pub(super) fn verdict(&self) -> Verdict {
        evaluate(&criteria(DEFAULT), &self.done(), None)
    }
}

/// A run in which all is well: 400 accepted arrivals.
pub(super) fn fine() -> Made {
    let mut made = Made::new();
    made.met(Outcome::Accepted, 201, 400).probe(ProbeEnd::Held);
    made
}
