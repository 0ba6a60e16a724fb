//! The receivers of live series.

use std::time::Duration;

use crate::config::Access;
use crate::series::Resource;

/// Where series go while a run lasts.
#[derive(Clone, Debug)]
pub enum Receiver {
    /// Prometheus remote write 1.0.
    RemoteWrite {
        /// The write endpoint.
        url: String,
        /// How it knows us.
        access: Access,
        /// Histograms as native ones.
        native: bool,
    },
    /// OTLP over HTTP, protobuf.
    Otlp {
        /// The metrics endpoint (`…/v1/metrics`).
        url: String,
        /// How it knows us.
        access: Access,
        /// Who sends.
        resource: Resource,
        /// Least time between two exports.
        interval: Duration,
    },
}

impl Receiver {
    /// Where it is, without anything secret.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::RemoteWrite { url, .. } | Self::Otlp { url, .. } => url,
        }
    }

    pub(super) const fn access(&self) -> &Access {
        match self {
            Self::RemoteWrite { access, .. } | Self::Otlp { access, .. } => access,
        }
    }
}
