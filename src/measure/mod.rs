//! Samples become counts, histograms, series, ledgers and intervals that merge exactly.

mod buckets;
mod connections;
mod counts;
pub mod dependence;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod intervals;
mod ledger;
mod matcher;
mod merge;
mod packed;
mod part;
mod process;
mod recorder;
mod recording;
mod resource;
mod sample;
mod setups;
mod shards;
mod slice;
mod slow;
mod strata;
mod timeline;
mod trend;

pub use buckets::Buckets;
pub use connections::{Connections, LineEvent};
pub use dependence::Dependence;
pub use ledger::{Ledger, LedgerRoom};
pub use merge::{Merger, NotShards};
pub use process::ProcessFigures;
pub use recorder::{Recorder, RecorderConfig};
pub use recording::{
    CanaryResult, CheckCount, Ended, Excerpt, Generator, ProbeCount, Recording, StageKind,
    StageRecord, WentOn,
};
pub use resource::{Resource, ResourceUnit};
pub use sample::{Sample, Spans};
pub use setups::{Setups, Unusable};
pub use shards::{Absent, ShardRow, Shards};
pub use slice::{Phases, Slice};
pub use slow::Slow;
pub use strata::{Stratum, strata};
pub use timeline::{BUCKET_LN_WIDTH, MOST_BINS, Second, Timeline, bucket_of, span_of};
pub use trend::{PACKED, Trend};
