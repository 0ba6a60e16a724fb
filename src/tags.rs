//! Tags of requests: the labels a scenario gives its arrivals, and k6's selectors over them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Name;

/// A tag that a selector may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagKey {
    /// The scenario's name.
    Scenario,
    /// `ramp`, `hold`, or the stage's number from 1.
    Stage,
    /// An outcome's name.
    Outcome,
    /// The HTTP status.
    Status,
    /// A tag of the scenario's own; of several values of one tag an arrival may carry
    /// more than one.
    Own(Name),
    /// `true` for accepted arrivals, else `false`.
    ExpectedResponse,
}

impl TagKey {
    /// The tags that arrivals of every scenario have, in the order error messages
    /// list them.
    pub const COMMON: [Self; 5] =
        [Self::Scenario, Self::Stage, Self::Outcome, Self::Status, Self::ExpectedResponse];

    /// A scenario's own tag, whose name stands in the source.
    #[must_use]
    pub const fn own(name: &'static str) -> Self {
        Self::Own(Name::fixed(name))
    }

    /// The name in a selector.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Stage => "stage",
            Self::Outcome => "outcome",
            Self::Status => "status",
            Self::Own(name) => name.text(),
            Self::ExpectedResponse => "expected_response",
        }
    }

    /// The tag of that name: one that all have, or one that a scenario may have.
    /// `None`: no tag can have that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let common = Self::COMMON.into_iter().find(|key| key.name() == name);
        common.or_else(|| Name::of(name).map(Self::Own))
    }
}

impl Serialize for TagKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for TagKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("this can't be the name of a tag");
        Self::parse(&name).ok_or_else(wrong)
    }
}

/// A tag and a value that a scenario gives its arrivals, such as `provider:openai`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// The tag.
    pub key: TagKey,
    /// Its value.
    pub value: String,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key.name(), self.value)
    }
}

/// A set of labels of one scenario: bit i stands for the scenario's i-th label
/// (0 to 63).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(pub u64);

impl LabelSet {
    /// No label.
    pub const EMPTY: Self = Self(0);

    /// This set and label `index` (ignored from 64 on).
    #[must_use]
    pub const fn with(self, index: usize) -> Self {
        if index < 64 { Self(self.0 | 1 << index) } else { self }
    }

    /// Whether label `index` is in the set.
    #[must_use]
    pub const fn contains(self, index: usize) -> bool {
        index < 64 && self.0 >> index & 1 == 1
    }
}

/// k6's `{tag:value,tag:value}`: what a sample must carry to count. Empty: all.
///
/// Its text form (without braces, tags in the order of [`TagKey`], no spaces) is
/// canonical, and the key under which a recording keeps the matching slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector(BTreeMap<TagKey, String>);

impl Selector {
    /// Matches everything.
    #[must_use]
    pub const fn all() -> Self {
        Self(BTreeMap::new())
    }

    /// This selector, narrowed to `key` = `value`.
    #[must_use]
    pub fn with(mut self, key: TagKey, value: impl Into<String>) -> Self {
        self.0.insert(key, value.into());
        self
    }

    /// The value demanded of `key`.
    #[must_use]
    pub fn get(&self, key: TagKey) -> Option<&str> {
        self.0.get(&key).map(String::as_str)
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Its demands, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (TagKey, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Reads the canonical form back.
    #[must_use]
    pub fn parse_canonical(text: &str) -> Option<Self> {
        let mut selector = Self::all();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once(':')?;
            selector.0.insert(TagKey::parse(key)?, value.to_owned());
        }
        Some(selector)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{}:{}", key.name(), value)?;
        }
        Ok(())
    }
}

impl Serialize for Selector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_canonical(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a selector")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_has_one_text_whatever_the_order() {
        let a = Selector::all().with(TagKey::Outcome, "accepted").with(TagKey::Stage, "hold");
        let b = Selector::all().with(TagKey::Stage, "hold").with(TagKey::Outcome, "accepted");
        assert_eq!(a.to_string(), "stage:hold,outcome:accepted");
        assert_eq!(a.to_string(), b.to_string());
        assert_eq!(Selector::parse_canonical(&a.to_string()), Some(a));
        assert_eq!(Selector::parse_canonical(""), Some(Selector::all()));
        assert_eq!(Selector::parse_canonical("no pe:1"), None);
    }
}
