//! A plan for tests of whatever rests on one: nothing limits it, nothing is wanted of it.

use super::{EngineSettings, Extras, IdentityKind, IdentityPlan, Plan, ProbePlan, Stage};
use crate::gate::{Criteria, Decision, GeneratorBounds};
use crate::ids::ScenarioId;
use crate::scenario::Settings;
use crate::units::Nanos;

/// The plan of one identity sending `stages` to `scenario`.
pub(crate) fn plan(scenario: ScenarioId, settings: Settings, stages: Vec<Stage>) -> Plan {
    Plan {
        scenario,
        profile: "full".to_owned(),
        stages,
        settings,
        identities: IdentityPlan {
            kind: IdentityKind::Address,
            count: 1,
            set_aside: 0,
            mint: 0,
            machines: 1,
        },
        probes: ProbePlan { share: 0.0, kinds: Vec::new(), by_identity: Vec::new() },
        extras: Extras::default(),
        engine: EngineSettings {
            timeout: Nanos::from_secs(30),
            connect_timeout: Nanos::from_secs(10),
            max_lag: Nanos::from_millis(100),
            max_in_flight: 1000,
            max_body: 1 << 20,
            workers: None,
            ca_file: None,
            traceparent: false,
        },
        criteria: Criteria {
            thresholds: Vec::new(),
            limit: None,
            prediction: None,
            beside: Vec::new(),
            together: false,
            generator: GeneratorBounds {
                max_lag: Nanos::from_millis(100),
                max_dropped: 0.001,
                max_off_plan: 0.01,
            },
            decision: Decision::default(),
            baseline_required: false,
        },
        skip: None,
        extension: None,
    }
}
