//! The scenarios that are built in: a file each, and a line of this table.

mod credential_vending;
mod onboarding;
mod webhook;

use super::entry::Entry;

/// The scenarios that are built in, in the order they run and are shown.
pub const BUILT_IN: &[&Entry] = &[&onboarding::ENTRY, &credential_vending::ENTRY, &webhook::ENTRY];
