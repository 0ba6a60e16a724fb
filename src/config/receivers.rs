//! Where a run's series go, and where the service's own are asked for, as plain data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::measure::ResourceUnit;
use crate::secret::{NO_WORD, Secret};
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
    /// What the query of its URL says: a token may be there.
    pub asked: Vec<Secret>,
}

/// `url` as it may be shown: without its query, where a token may be.
#[must_use]
pub fn shown(url: &str) -> &str {
    url.split_once('?').map_or(url, |(plain, _)| plain)
}

/// `path` below `url`, before its query.
#[must_use]
pub fn below(url: &str, path: &str) -> String {
    let (plain, query) = url.split_once('?').unwrap_or((url, ""));
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{path}{mark}{query}", plain.trim_end_matches('/'))
}

impl Access {
    /// The same, knowing what may not be quoted of `url`.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let values = url::form_urlencoded::parse(query.as_bytes());
        let long = values.filter(|(_, value)| value.len() >= NO_WORD);
        self.asked = long.map(|(_, value)| Secret::new(value)).collect();
        self
    }

    /// The headers that tell a receiver who asks, names in lower case.
    #[must_use]
    pub fn to_headers(&self) -> Vec<(String, Secret)> {
        let basic = self.basic.as_ref().map(|(user, password)| {
            let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
            Secret::new(format!("Basic {pair}"))
        });
        let bearer =
            self.bearer.as_ref().map(|token| Secret::new(format!("Bearer {}", token.expose())));
        let authorization = basic.or(bearer).map(|value| ("authorization".to_owned(), value));
        authorization.into_iter().chain(self.headers.iter().cloned()).collect()
    }

    /// Everything that no text may quote.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let basic = self.basic.iter().map(|(_, password)| password);
        let headers = self.headers.iter().map(|(_, value)| value);
        basic.chain(&self.bearer).chain(headers).chain(&self.asked).cloned().collect()
    }
}

/// The service's own monitoring, asked when a run is over.
#[derive(Clone, Debug, Default)]
pub struct ResourcesSettings {
    /// Where Prometheus' API is (`/api/v1/query_range` below it); `None`: nobody is asked.
    pub url: Option<String>,
    /// How it knows us.
    pub access: Access,
    /// How long after the load it is asked, so that the last scrape is there (0 to 5 min).
    pub settle: Nanos,
    /// Between two values (1 s to 1 h); `None`: by the length of the load.
    pub step: Option<Nanos>,
    /// What is asked.
    pub queries: Vec<ResourceQuery>,
}

/// One resource of the service, and how it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceQuery {
    /// Its name.
    pub name: String,
    /// PromQL whose answer is one series.
    pub query: String,
    /// What its values are.
    pub unit: ResourceUnit,
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
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`: how long an answer is awaited (1 ms to 1 h).
    pub timeout: Nanos,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`: whether bodies are gzip.
    pub gzip: bool,
    /// `OTEL_EXPORTER_OTLP_CERTIFICATE`: authorities to trust besides the system's, in PEM.
    pub ca_file: Option<String>,
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
