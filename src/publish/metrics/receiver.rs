//! The receivers of live series.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::post::{self, Again, Line};
use crate::config::{Access, OtlpSettings, PrometheusSettings};
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
        /// How long an answer is awaited.
        timeout: Duration,
        /// Bodies are gzip.
        gzip: bool,
        /// Authorities to trust besides the system's, in PEM.
        ca_file: Option<String>,
    },
}

impl From<&PrometheusSettings> for Receiver {
    fn from(to: &PrometheusSettings) -> Self {
        let (url, access) = (to.url.clone(), to.access.clone());
        Self::RemoteWrite { url, access, native: to.native_histograms }
    }
}

impl From<&OtlpSettings> for Receiver {
    fn from(to: &OtlpSettings) -> Self {
        Self::Otlp {
            url: to.url.clone(),
            access: to.access.clone(),
            resource: to.resource.clone(),
            interval: to.interval.into(),
            timeout: to.timeout.into(),
            gzip: to.gzip,
            ca_file: to.ca_file.clone(),
        }
    }
}

impl Receiver {
    /// Where it is. Its query may hold a token: others are told without it.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::RemoteWrite { url, .. } | Self::Otlp { url, .. } => url,
        }
    }

    /// A way to it.
    pub(super) fn line(&self) -> Result<Line, String> {
        match self {
            Self::RemoteWrite { url, .. } => {
                Line::to(url, post::PATIENCE, Again::AnyServerError, None)
            }
            Self::Otlp { url, timeout, ca_file, .. } => {
                Line::to(url, *timeout, Again::Unavailable, ca_file.as_deref())
            }
        }
    }

    /// What its requests say of their bodies.
    pub(super) const fn headers(&self) -> &'static [(&'static str, &'static str)] {
        const BY: (&str, &str) = ("user-agent", concat!("load-gate/", env!("CARGO_PKG_VERSION")));
        const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
        match self {
            Self::RemoteWrite { .. } => &[
                ("content-encoding", "snappy"),
                PROTOBUF,
                ("x-prometheus-remote-write-version", "0.1.0"),
                BY,
            ],
            Self::Otlp { gzip: true, .. } => &[("content-encoding", "gzip"), PROTOBUF, BY],
            Self::Otlp { .. } => &[PROTOBUF, BY],
        }
    }

    /// `body` as it is sent.
    pub(super) fn packed(&self, body: Vec<u8>) -> Vec<u8> {
        if !matches!(self, Self::Otlp { gzip: true, .. }) {
            return body;
        }
        let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
        // Into memory: neither can err.
        let _ = packing.write_all(&body);
        packing.finish().unwrap_or_default()
    }

    pub(super) const fn access(&self) -> &Access {
        match self {
            Self::RemoteWrite { access, .. } | Self::Otlp { access, .. } => access,
        }
    }
}
