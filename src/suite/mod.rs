//! What was measured and judged: the report on a whole run, shards merged, two runs compared.

mod compare;
mod comparison;
#[cfg(test)]
pub(crate) mod fixtures;
mod history;
mod merge;
mod report;
mod stored;

pub use compare::{
    Call, Change, Comparison, Figure, FigureComparison, LimiterChange, ResourceChange,
    ResourceFigures, Side, compare_scenario, figures_to_compare,
};
pub use comparison::{
    COMPARE_CONFIDENCE, NotComparable, RunLabel, SuiteComparison, compare_suites, figure_name,
    unnoticed,
};
pub use history::{
    Drift, HISTORY_VERSION, History, HistoryError, Night, NightFigures, Shift, drifts, series,
    shifts,
};
pub use merge::{
    MergeError, RecordingHeader, Roster, ScenarioHeader, ShardHeader, Union, merge_suites,
};
pub use report::{Part, RunContext, SCHEMA_VERSION, ScenarioReport, SuiteReport};
#[cfg(test)]
pub(crate) use stored::parse_suite;
pub use stored::{MOST_SUITE, ReadError, read_header, read_suite};
