//! What one scenario is told beyond its seed: plain values by their keys, no secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::written::Spec;
use crate::ids::ScenarioId;

/// A scenario's settings: printable, no secrets. Which there are stands in its entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose they are.
    pub scenario: ScenarioId,
    /// The values by their keys.
    #[serde(flatten)]
    pub values: BTreeMap<String, Value>,
    /// What the config says of it, where it isn't built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Box<Spec>>,
}

impl Settings {
    /// The settings of `scenario`.
    #[must_use]
    pub fn new<const N: usize>(scenario: ScenarioId, values: [(&str, Value); N]) -> Self {
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { scenario, values, written: None }
    }

    /// The text under `key`; empty where there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.values.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number under `key`; 0 where there is none.
    pub(super) fn number(&self, key: &str) -> f64 {
        self.values.get(key).and_then(Value::as_f64).unwrap_or_default()
    }

    /// The texts under `key`.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// The whole numbers under `key`.
    pub(super) fn numbers(&self, key: &str) -> Vec<u16> {
        self.list(key).filter_map(|item| u16::try_from(item.as_u64()?).ok()).collect()
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.values.get(key).and_then(Value::as_array).into_iter().flatten()
    }
}
