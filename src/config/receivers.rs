//! Where a run's series go, as plain data.

use crate::secret::Secret;
use crate::units::Nanos;

/// How a receiver knows us. Nothing of it comes from a file.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// User and password (RFC 7617).
    pub basic: Option<(String, Secret)>,
    /// A bearer token (RFC 6750).
    pub bearer: Option<Secret>,
    /// Further headers, a tenant's for example.
    pub headers: Vec<(String, Secret)>,
}

/// Whose names series have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeriesNames {
    /// `loadgate_…`, by Prometheus' conventions.
    #[default]
    LoadGate,
    /// `k6_…`, for dashboards made for k6.
    K6,
}

/// Prometheus remote write.
#[derive(Clone, Debug)]
pub struct PrometheusSettings {
    /// The write endpoint.
    pub url: String,
    /// Whose names the series have.
    pub names: SeriesNames,
    /// Histograms as native ones.
    pub native_histograms: bool,
    /// How the receiver knows us.
    pub access: Access,
}

/// OTLP over HTTP, from the standard variables.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// The metrics endpoint.
    pub url: String,
    /// `OTEL_EXPORTER_OTLP_HEADERS`.
    pub access: Access,
    /// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource: Vec<(String, String)>,
    /// `OTEL_METRIC_EXPORT_INTERVAL`; unset: `[metrics] interval`.
    pub interval: Nanos,
}

/// Where a run's series go.
#[derive(Clone, Debug, Default)]
pub struct MetricsSettings {
    /// Between two points (1 s to 1 min).
    pub interval: Nanos,
    /// Remote write, when there is a URL for it.
    pub prometheus: Option<PrometheusSettings>,
    /// OTLP, when there is an endpoint.
    pub otlp: Option<OtlpSettings>,
    /// The Pushgateway for the end state, and how it knows us.
    pub pushgateway: Option<(String, Access)>,
    /// The dashboard that a run links to.
    pub grafana_url: Option<String>,
}
