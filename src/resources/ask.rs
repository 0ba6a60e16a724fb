//! The requests: one query after another, bounded in time and size.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Url};
use tokio::time::Instant;

use super::answer;
use super::window::{Grid, Window};
use crate::config::{ResourceQuery, ResourcesSettings, shown};
use crate::engine::{chain, client_tls, tls_words_of};
use crate::measure::Resource;
use crate::preflight::CheckLine;
use crate::secret::{Secret, excerpt};
use crate::units::{Nanos, Timestamp};

/// The longest that one answer is awaited.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer beyond which it isn't read: 11,000 values take half a megabyte.
const MOST_BYTES: usize = 4 << 20;

/// Why there is no answer.
enum Trouble {
    /// Nobody answers, or not us: the other queries would fare no better.
    Whole(String),
    /// This query alone.
    Query(String),
}

/// What every resource did in each of `windows`, asked within `patience`. What can't be
/// known says why. Empty where nobody is to be asked.
pub async fn sample(
    settings: &ResourcesSettings,
    windows: &[Window],
    patience: Duration,
) -> Vec<Vec<Resource>> {
    let Some(url) = &settings.url else { return vec![Vec::new(); windows.len()] };
    let until = Instant::now() + patience;
    let prometheus = Prometheus::new(url, settings);
    let mut trouble: Option<String> = prometheus.as_ref().err().cloned();
    let mut all = Vec::new();
    for window in windows {
        let grid = window.grid(settings.step);
        let mut resources = Vec::new();
        for query in &settings.queries {
            let found = match (&prometheus, &trouble) {
                (Ok(prometheus), None) => prometheus.range(&query.query, grid, until).await,
                (_, why) => Err(Trouble::Whole(why.clone().unwrap_or_default())),
            };
            if let Err(Trouble::Whole(why)) = &found {
                trouble = Some(why.clone());
            }
            resources.push(resource(query, grid, found));
        }
        all.push(resources);
    }
    all
}

fn resource(
    query: &ResourceQuery,
    grid: Grid,
    found: Result<Vec<Option<f64>>, Trouble>,
) -> Resource {
    let (values, missing) = match found {
        Ok(values) => (values, None),
        Err(Trouble::Whole(why) | Trouble::Query(why)) => (Vec::new(), Some(why)),
    };
    Resource {
        name: query.name.clone(),
        unit: query.unit,
        query: query.query.clone(),
        from: Timestamp { unix_millis: grid.first.saturating_mul(1000) },
        step: Nanos::from_secs(u64::try_from(grid.step).unwrap_or(1)),
        values,
        missing,
    }
}

/// Looks whether Prometheus answers us, and which of the queries have a value now; `None`:
/// nobody is to be asked.
pub async fn look(settings: &ResourcesSettings) -> Option<CheckLine> {
    let url = settings.url.as_deref()?;
    let until = Instant::now() + PATIENCE * 2;
    let means = "thresholds on resources would be inconclusive";
    let todo = "mend [resources] url, or LOAD_GATE_RESOURCES_URL and the credentials beside it";
    let prometheus = match Prometheus::new(url, settings) {
        Ok(prometheus) => prometheus,
        Err(why) => return Some(CheckLine::bad("resources", why, means, todo)),
    };
    let mut known = Vec::new();
    let mut unknown: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for query in &settings.queries {
        match prometheus.now(&query.query, until).await {
            Ok(value) => known.push(format!("{} {}", query.name, query.unit.say(value))),
            Err(Trouble::Query(why)) => unknown.entry(why).or_default().push(&query.name),
            Err(Trouble::Whole(why)) => {
                return Some(CheckLine::bad("resources", why, means, todo));
            }
        }
    }
    let of = format!("{} of {} queries have a value", known.len(), settings.queries.len());
    let found = if known.is_empty() { of } else { format!("{of}: {}", known.join(", ")) };
    if unknown.is_empty() {
        return Some(CheckLine::ok("resources", found));
    }
    let todo = "mend the query in [resources.queries], or switch it off with NAME = false";
    let unknown = unknown.iter().map(|(why, names)| format!("{}: {why}", names.join(", ")));
    let found = format!("{found}; {}", unknown.collect::<Vec<_>>().join("; "));
    Some(CheckLine::warn("resources", found, "they would be missing in the reports", todo))
}

/// Prometheus' HTTP API below one URL.
struct Prometheus {
    client: Client,
    base: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Vec<Secret>,
}

impl Prometheus {
    fn new(url: &str, settings: &ResourcesSettings) -> Result<Self, String> {
        let base = Url::parse(url).map_err(|why| format!("{} is no URL: {why}", shown(url)))?;
        let client = Client::builder()
            .user_agent(concat!("load-gate/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry credentials elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .tls_backend_preconfigured(client_tls(None).map_err(|why| why.to_string())?)
            .build()
            .map_err(|why| chain(&why))?;
        let headers = settings.access.to_headers().into_iter().map(|(name, value)| {
            let wrong = || format!("the header `{name}` has characters that no header may have");
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            Ok((HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value))
        });
        let headers = headers.collect::<Result<_, String>>()?;
        Ok(Self { client, base, headers, secrets: settings.access.secrets() })
    }

    async fn range(
        &self,
        query: &str,
        grid: Grid,
        until: Instant,
    ) -> Result<Vec<Option<f64>>, Trouble> {
        let times = [grid.first, grid.last, grid.step].map(|seconds| seconds.to_string());
        let [start, end, step] = &times;
        let asked = [("query", query), ("start", start), ("end", end), ("step", step)];
        let body = self.get("query_range", &asked, until).await?;
        answer::matrix(&body, grid).map_err(|why| self.of_query(&why))
    }

    async fn now(&self, query: &str, until: Instant) -> Result<f64, Trouble> {
        let body = self.get("query", &[("query", query)], until).await?;
        answer::value(&body).map_err(|why| self.of_query(&why))
    }

    fn of_query(&self, why: &str) -> Trouble {
        Trouble::Query(excerpt(why, 200, &self.secrets))
    }

    async fn get(
        &self,
        endpoint: &str,
        asked: &[(&str, &str)],
        until: Instant,
    ) -> Result<Vec<u8>, Trouble> {
        let mut url = self.base.clone();
        let path = format!("{}/api/v1/{endpoint}", self.base.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().extend_pairs(asked);
        let mut request = self.client.get(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Whole(format!("no time was left to ask {}", self.base)));
        }
        let answer =
            request.timeout(left.min(PATIENCE)).send().await.map_err(|why| self.no(&why))?;
        let status = answer.status();
        let body = self.body(answer).await?;
        // 400 and 422 are about the query, and say what of it.
        match status.as_u16() {
            200..=299 | 400 | 422 => Ok(body),
            code => {
                let said = excerpt(&String::from_utf8_lossy(&body), 120, &self.secrets);
                let said = if said.is_empty() { said } else { format!(": {said}") };
                Err(Trouble::Whole(format!("{} answers HTTP {code}{said}", self.base)))
            }
        }
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|why| self.no(&why))? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                let most = MOST_BYTES >> 20;
                return Err(Trouble::Query(format!("its answer is larger than {most} MiB")));
            }
        }
        Ok(body)
    }

    fn no(&self, why: &reqwest::Error) -> Trouble {
        let why = if why.is_timeout() {
            format!("no answer within {} s", PATIENCE.as_secs())
        } else {
            tls_words_of(why).unwrap_or_else(|| chain(why))
        };
        Trouble::Whole(format!("{} can't be asked: {why}", self.base))
    }
}
