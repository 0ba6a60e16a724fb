//! The report on a run for tests of whatever rests on one: nothing is said of it but its scenarios.

use super::{RunContext, SCHEMA_VERSION, ScenarioReport, SuiteReport};
use crate::gate::VerdictKind;
use crate::plan::Environment;
use crate::units::Timestamp;

/// A run on staging at `at`, of those scenarios, not weighed yet.
pub(crate) fn suite(at: Timestamp, scenarios: Vec<ScenarioReport>) -> SuiteReport {
    SuiteReport {
        schema_version: SCHEMA_VERSION,
        tool_version: crate::VERSION.to_owned(),
        tool_commit: None,
        run_id: "lg-5f3a".to_owned(),
        started_at: at,
        finished_at: at,
        environment: Environment {
            name: "staging".to_owned(),
            url: "https://api.rsolv-staging.com".to_owned(),
            protected: false,
            embedded: false,
            max_rate: None,
            verify_limits: true,
        },
        profile: "full".to_owned(),
        seed: 42,
        rate_scale: 1.0,
        duration_scale: 1.0,
        allow_skip: false,
        context: RunContext::default(),
        partial: false,
        shard: None,
        verdict: VerdictKind::Inconclusive,
        headline: String::new(),
        caveats: Vec::new(),
        doubts: Vec::new(),
        notices: Vec::new(),
        asked: scenarios.iter().map(|scenario| scenario.plan.scenario).collect(),
        scenarios,
    }
}
