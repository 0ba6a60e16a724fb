//! Requests to GitHub: one deadline, bounded retries, writes a second apart.

use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::Instant;

use super::trouble::Trouble;
use crate::engine::{client_tls, tls_words_of};
use crate::report::escape;
use crate::secret::{Secret, excerpt};

/// How long GitHub is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For everything together.
    pub total: Duration,
    /// For one request.
    pub attempt: Duration,
    /// Times that a request is sent again.
    pub retries: u32,
    /// Before the first of those; doubled for each further one, up to five seconds.
    pub backoff: Duration,
    /// Between two writes.
    pub between_writes: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(30),
            attempt: Duration::from_secs(10),
            retries: 12,
            backoff: Duration::from_secs(1),
            between_writes: Duration::from_secs(1),
        }
    }
}

/// The longest pause that load-gate chooses by itself: so the whole budget is used.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pages of a list that are read at most (100 entries each).
const MOST_PAGES: u32 = 100;

/// The longest answer that is read, in bytes: a page of 100 comments of 65,536 characters is shorter.
const MOST_BYTES: usize = 64 << 20;

/// GitHub's API, for one repository.
pub(super) struct Api {
    http: Client,
    /// Sends no token: for storage that GitHub sends on to.
    plain: Client,
    base: String,
    repository: String,
    token: Secret,
    patience: Patience,
    deadline: Instant,
    wrote: Mutex<Option<Instant>>,
}

/// Stands for GraphQL's address where a path is asked for.
const GRAPHQL: &str = "graphql";

enum ApiCall<'a> {
    Get,
    /// A question that changes nothing, asked by POST.
    Ask(&'a Value),
    Post(&'a Value),
    Patch(&'a Value),
}

struct ApiAnswer {
    value: Value,
    more: bool,
}

impl Api {
    pub(super) fn new(
        api_url: &str,
        repository: &str,
        token: &Secret,
        patience: Patience,
    ) -> Result<Self, Trouble> {
        let setup = |text: &str| Trouble::Setup(text.to_owned());
        let base = api_url.trim_end_matches('/').to_owned();
        let url = url::Url::parse(&base).map_err(|_| setup("GITHUB_API_URL is not a URL"))?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() || !plain {
            return Err(setup("GITHUB_API_URL is not a plain http(s) URL"));
        }
        if !is_repository(repository) {
            return Err(setup("GITHUB_REPOSITORY is not owner/repository"));
        }
        if token.expose().is_empty() || !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(setup("the GitHub token has characters that no token has"));
        }
        // The same authorities as everywhere, and the same words where they can't be read.
        let tls = client_tls(None).map_err(|why| setup(&why.to_string()))?;
        // Proxies of the environment are left on. A redirect could carry the
        // token to another host: none is followed.
        let client = |headers| {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(patience.attempt)
                .tls_backend_preconfigured(tls.clone())
                .default_headers(headers)
                .build()
                .map_err(|error| Trouble::Setup(format!("no HTTP client: {error}")))
        };
        Ok(Self {
            http: client(headers(token)?)?,
            plain: client(HeaderMap::new())?,
            base,
            repository: repository.to_owned(),
            token: token.clone(),
            patience,
            deadline: Instant::now() + patience.total,
            wrote: Mutex::new(None),
        })
    }

    pub(super) const fn retries(&self) -> u32 {
        self.patience.retries
    }

    /// `path` below the repository.
    pub(super) fn repo(&self, path: &str) -> String {
        format!("/repos/{}/{path}", self.repository)
    }

    /// Whose token it is, where GitHub tells. GraphQL tells of an App's installation,
    /// too, which may not ask for `/user`.
    pub(super) async fn login(&self) -> Option<String> {
        let query = serde_json::json!({ "query": "query { viewer { login } }" });
        let told = |value: &Value, pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
        };
        let viewer = self.again(GRAPHQL, &ApiCall::Ask(&query)).await.ok();
        if let Some(login) = viewer.and_then(|answer| told(&answer.value, "/data/viewer/login")) {
            return Some(login);
        }
        told(&self.again("/user", &ApiCall::Get).await.ok()?.value, "/login")
    }

    /// GraphQL's address: beside the REST API of GitHub Enterprise Server, below that of github.com.
    fn graphql(&self) -> String {
        let beside = self.base.strip_suffix("/v3").unwrap_or(&self.base);
        format!("{beside}/graphql")
    }

    /// Every entry of the list at `path`, over all pages.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, Trouble> {
        self.list_some(path, MOST_PAGES).await
    }

    /// The entries of the first `pages` pages of the list at `path`.
    pub(super) async fn list_some(&self, path: &str, pages: u32) -> Result<Vec<Value>, Trouble> {
        let mut all = Vec::new();
        for page in 1..=pages {
            let joint = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{joint}per_page=100&page={page}");
            let answer = self.again(&path, &ApiCall::Get).await?;
            let Value::Array(entries) = answer.value else {
                return Err(Trouble::Malformed("a list was expected".to_owned()));
            };
            let last = entries.is_empty() || (entries.len() < 100 && !answer.more);
            all.extend(entries);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// What is at `path`.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.again(path, &ApiCall::Get).await.map(|answer| answer.value)
    }

    /// The file that GitHub sends on to from `path`, of at most `most` bytes. Where it
    /// is kept gets no token.
    pub(super) async fn download(&self, path: &str, most: u64) -> Result<Vec<u8>, Trouble> {
        let mut tried = 0;
        loop {
            let fetched = tokio::time::timeout(self.left(), self.follow(path, most)).await;
            match fetched.unwrap_or(Err(Trouble::Timeout)) {
                Err(trouble) if trouble.passing() && tried < self.patience.retries => {
                    self.rest(&trouble, tried).await?;
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    async fn follow(&self, path: &str, most: u64) -> Result<Vec<u8>, Trouble> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.map_err(|error| self.trouble(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if !status.is_redirection() {
            let text = self.text(answer).await;
            return Err(self.refused(status, &headers, &text.unwrap_or_default()));
        }
        let location = headers.get("location").and_then(|value| value.to_str().ok());
        let location = location.and_then(|text| url::Url::parse(text).ok());
        let plain_http = self.base.starts_with("http:");
        let location = location
            .filter(|url| url.scheme() == "https" || (plain_http && url.scheme() == "http"))
            .ok_or_else(|| Trouble::Malformed("it names no place of the file".to_owned()))?;
        let lost = |error: reqwest::Error| self.trouble(&error);
        let mut answer = self.plain.get(location).send().await.map_err(lost)?;
        if !answer.status().is_success() {
            return Err(self.refused(answer.status(), answer.headers(), ""));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if (bytes.len() + chunk.len()) as u64 > most {
                return Err(Trouble::Malformed(format!("it has more than {most} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Changes what is at `path`; asked twice it comes to the same.
    pub(super) async fn patch(&self, path: &str, body: &Value) -> Result<(), Trouble> {
        self.again(path, &ApiCall::Patch(body)).await.map(|_| ())
    }

    /// Makes something new, and gives what GitHub made: sent once, never blindly repeated.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.once(path, &ApiCall::Post(body)).await.map(|answer| answer.value)
    }

    async fn again(&self, path: &str, call: &ApiCall<'_>) -> Result<ApiAnswer, Trouble> {
        let mut tried = 0;
        loop {
            match self.once(path, call).await {
                Err(trouble) if trouble.passing() && tried < self.patience.retries => {
                    self.rest(&trouble, tried).await?;
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    /// Waits as long as GitHub said, or the backoff; gives `trouble` back where
    /// that would be past the deadline.
    pub(super) async fn rest(&self, trouble: &Trouble, tried: u32) -> Result<(), Trouble> {
        let asked = match trouble {
            Trouble::Status { wait, .. } => *wait,
            _ => None,
        };
        let pause = asked.unwrap_or_else(|| {
            let doubled = self.patience.backoff.saturating_mul(2_u32.saturating_pow(tried));
            doubled.min(LONGEST_PAUSE)
        });
        if pause >= self.left() {
            return Err(trouble.clone());
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Takes the next turn to write: one at most every `between_writes`.
    async fn take_turn(&self) {
        let now = Instant::now();
        let turn = {
            let mut wrote = self.wrote.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let turn = wrote.map_or(now, |last| now.max(last + self.patience.between_writes));
            *wrote = Some(turn);
            turn
        };
        tokio::time::sleep_until(turn.min(self.deadline)).await;
    }

    async fn once(&self, path: &str, call: &ApiCall<'_>) -> Result<ApiAnswer, Trouble> {
        if matches!(call, ApiCall::Post(_) | ApiCall::Patch(_)) {
            self.take_turn().await;
        }
        let span = self.patience.attempt.min(self.left());
        if span.is_zero() {
            return Err(Trouble::Timeout);
        }
        tokio::time::timeout(span, self.send(path, call)).await.unwrap_or(Err(Trouble::Timeout))
    }

    async fn send(&self, path: &str, call: &ApiCall<'_>) -> Result<ApiAnswer, Trouble> {
        let uri = if path == GRAPHQL { self.graphql() } else { format!("{}{path}", self.base) };
        let request = match call {
            ApiCall::Get => self.http.get(uri),
            ApiCall::Post(body) | ApiCall::Ask(body) => self.http.post(uri).json(body),
            ApiCall::Patch(body) => self.http.patch(uri).json(body),
        };
        let answer = request.send().await.map_err(|error| self.trouble(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        tracing::debug!(path, status = status.as_u16(), "GitHub answered");
        let text = self.text(answer).await;
        if !status.is_success() {
            return Err(self.refused(status, &headers, &text.unwrap_or_default()));
        }
        let text = text?;
        let value = serde_json::from_str(&text)
            .map_err(|error| Trouble::Malformed(format!("not JSON: {error}")))?;
        let link = headers.get("link").and_then(|link| link.to_str().ok());
        Ok(ApiAnswer { value, more: link.is_some_and(|link| link.contains("rel=\"next\"")) })
    }

    fn refused(&self, status: StatusCode, headers: &http::HeaderMap, text: &str) -> Trouble {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let wait = header("retry-after").and_then(|s| s.trim().parse().ok());
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let said = value.get("message").and_then(Value::as_str).unwrap_or("no reason given");
        let exhausted = header("x-ratelimit-remaining") == Some("0");
        let secondary = said.to_ascii_lowercase().contains("secondary rate limit");
        let limited =
            status == 429 || (status == 403 && (wait.is_some() || exhausted || secondary));
        Trouble::Status {
            status: status.as_u16(),
            message: self.quote(said),
            wait: wait.map(Duration::from_secs),
            limited,
        }
    }

    /// The whole body, if it isn't longer than any answer of GitHub's.
    async fn text(&self, mut answer: Response) -> Result<String, Trouble> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.trouble(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_BYTES {
                return Err(Trouble::Malformed("the answer doesn't end".to_owned()));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// reqwest's own words name the URL: the cause is taken instead.
    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        if error.is_timeout() {
            return Trouble::Timeout;
        }
        if let Some(words) = tls_words_of(error) {
            return Trouble::Transport(self.quote(&words));
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Trouble::Transport(self.quote(&cause.to_string()))
    }

    fn quote(&self, text: &str) -> String {
        escape::one_line(&excerpt(text, 200, std::slice::from_ref(&self.token)))
    }
}

/// What every request says of itself.
fn headers(token: &Secret) -> Result<HeaderMap, Trouble> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Trouble::Setup("the GitHub token can't be sent".to_owned()))?;
    bearer.set_sensitive(true);
    Ok(HeaderMap::from_iter([
        (AUTHORIZATION, bearer),
        (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
        (USER_AGENT, HeaderValue::from_static(concat!("load-gate/", env!("CARGO_PKG_VERSION")))),
    ]))
}

/// Whether `text` is `owner/repository` in the characters GitHub allows.
fn is_repository(text: &str) -> bool {
    let name = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.split_once('/').is_some_and(|(owner, repo)| name(owner) && name(repo))
}
