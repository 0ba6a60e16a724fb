//! One client for GitHub: bounded in time and tries, its errors in words.

use std::time::Duration;

use octocrab::Octocrab;
use serde_json::Value;
use tokio::time::Instant;

use crate::publish::PublishWarning;
use crate::secret::{self, Secret};

/// The most tries of one request that may be repeated.
const TRIES: u32 = 3;
/// GitHub asks for at most one write a second.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// How GitHub is reached.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// `GITHUB_API_URL`: the only place the token goes to.
    pub api_url: String,
    /// `owner/name`.
    pub repository: String,
    /// The token.
    pub token: Secret,
    /// For everything together.
    pub deadline: Duration,
}

/// A client with a deadline.
pub struct GitHub {
    crab: Octocrab,
    repository: String,
    token: Secret,
    deadline: Instant,
    last_write: Option<Instant>,
}

/// What a request came to, when it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// GitHub's status; `None`: no answer.
    pub(super) status: Option<u16>,
    pub(super) reason: String,
    /// Whether another try makes sense, and after how long.
    pub(super) retry: Option<Duration>,
}

impl GitHub {
    /// A client. Needs a running tokio runtime: octocrab spawns a task.
    ///
    /// # Errors
    /// When the URL is none or the HTTP client can't be built.
    pub fn connect(settings: &GitHubSettings) -> Result<Self, PublishWarning> {
        let failed = |reason: String| {
            PublishWarning::new("anything on GitHub", reason, "look at GITHUB_API_URL")
        };
        // A second call finds the provider in place: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Proxies stay on here, and only here: HTTPS_PROXY is for GitHub.
        let http = reqwest::Client::builder()
            .user_agent(concat!("load-gate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(settings.deadline)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let crab = Octocrab::builder()
            .base_uri(settings.api_url.trim_end_matches('/'))
            .map_err(|_| failed(format!("`{}` is not a URL", settings.api_url)))?
            .personal_token(settings.token.expose().to_owned())
            .build_with_reqwest(http)
            .map_err(|_| failed("the HTTP client could not be built".to_owned()))?;
        Ok(Self {
            crab,
            repository: settings.repository.clone(),
            token: settings.token.clone(),
            deadline: Instant::now() + settings.deadline,
            last_write: None,
        })
    }

    /// `/repos/owner/name/…`.
    pub(super) fn route(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repository)
    }

    /// Reads; repeated while that makes sense.
    pub(super) async fn get(&self, route: &str) -> Result<Value, Refusal> {
        let mut tries = 1;
        loop {
            match self.within(self.crab.get(route, None::<&()>)).await {
                Err(Refusal { retry: Some(wait), .. }) if tries < TRIES && self.allows(wait) => {
                    tries += 1;
                    tokio::time::sleep(wait).await;
                }
                result => return result,
            }
        }
    }

    /// Changes what is there; harmless to repeat.
    pub(super) async fn patch(&mut self, route: &str, body: &Value) -> Result<Value, Refusal> {
        let mut tries = 1;
        loop {
            self.pace().await;
            match self.within(self.crab.patch(route, Some(body))).await {
                Err(Refusal { retry: Some(wait), .. }) if tries < TRIES && self.allows(wait) => {
                    tries += 1;
                    tokio::time::sleep(wait).await;
                }
                result => return result,
            }
        }
    }

    /// Creates, once: whether a lost answer means a lost request is for the
    /// caller to find out.
    pub(super) async fn post(&mut self, route: &str, body: &Value) -> Result<Value, Refusal> {
        self.pace().await;
        self.within(self.crab.post(route, Some(body))).await
    }

    /// Waits before another try, if the deadline allows it.
    pub(super) async fn wait(&self, wait: Duration) -> bool {
        let allowed = self.allows(wait);
        if allowed {
            tokio::time::sleep(wait).await;
        }
        allowed
    }

    fn allows(&self, wait: Duration) -> bool {
        Instant::now() + wait < self.deadline
    }

    async fn pace(&mut self) {
        if let Some(last) = self.last_write {
            tokio::time::sleep_until((last + BETWEEN_WRITES).min(self.deadline)).await;
        }
        self.last_write = Some(Instant::now());
    }

    async fn within(
        &self,
        request: impl Future<Output = octocrab::Result<Value>>,
    ) -> Result<Value, Refusal> {
        match tokio::time::timeout_at(self.deadline, request).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.refusal(&error)),
            Err(_) => Err(Refusal {
                status: None,
                reason: "GitHub did not answer in time".to_owned(),
                retry: None,
            }),
        }
    }

    /// octocrab's own Display of this variant says just "GitHub".
    fn refusal(&self, error: &octocrab::Error) -> Refusal {
        let octocrab::Error::GitHub { source, .. } = error else {
            return Refusal {
                status: None,
                reason: "GitHub could not be reached".to_owned(),
                retry: Some(Duration::from_secs(1)),
            };
        };
        let status = source.status_code.as_u16();
        let header = |name: &str| {
            let value = source.headers.as_ref()?.get(name)?;
            value.to_str().ok()?.trim().parse::<u64>().ok()
        };
        let limited = matches!(status, 403 | 429)
            && (header("retry-after").is_some() || header("x-ratelimit-remaining") == Some(0));
        let retry = if limited || status == 429 {
            Some(Duration::from_secs(header("retry-after").unwrap_or(60)))
        } else {
            (status >= 500).then(|| Duration::from_secs(header("retry-after").unwrap_or(1)))
        };
        let known = [self.token.clone()];
        let message = secret::excerpt(&source.message, 200, &known);
        Refusal { status: Some(status), reason: format!("GitHub says {status}: {message}"), retry }
    }
}

impl Refusal {
    /// The refusal as a warning on `what`; `permission`: the one it needs.
    pub(super) fn warning(self, what: &str, permission: &str) -> PublishWarning {
        let todo = match self.status {
            Some(401) => "the token is not valid: give `github-token`".to_owned(),
            Some(403) if self.retry.is_some() => {
                "GitHub limits the rate of requests: the next run will publish".to_owned()
            }
            Some(403) => format!(
                "give the job `permissions: {permission}`; a fork's token is read-only, see \
                 docs/github.md for the split workflow"
            ),
            Some(404) => format!(
                "see that the repository is the right one, and give the job `permissions: {permission}`"
            ),
            Some(422) => "GitHub does not take the content: please report it".to_owned(),
            Some(429) => "GitHub limits the rate of requests: the next run will publish".to_owned(),
            _ => "the results are in the job summary and the results directory".to_owned(),
        };
        PublishWarning::new(what, self.reason, todo)
    }
}
