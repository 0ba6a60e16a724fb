//! The real transport: one reqwest client, nothing hidden (no redirects, proxies or retries).

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url};

use super::clock::{BoxFuture, Clock};
use super::connect::{CachedNames, Watch};
use super::transport::{ConnectionFigures, Exchange, Failure, Response, Transport};
use crate::plan::EngineSettings;
use crate::scenario::Request;
use crate::units::Nanos;

/// Idle connections are dropped before common load balancers drop them (60 s
/// and more), so that a request never meets a connection that is just closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// What can go wrong while the transport is made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The base URL is none.
    #[error("`{0}` is not a base URL")]
    Url(String),
    /// The HTTP client could not be built.
    #[error("failed to build the HTTP client: {0}")]
    Client(String),
}

/// Sends over HTTP/1.1 or, where TLS negotiates it, HTTP/2.
pub struct HttpTransport {
    client: Client,
    base: Url,
    clock: Arc<dyn Clock>,
    watch: Watch,
    timeout: Duration,
    connect_timeout: Duration,
    max_body: u64,
}

impl HttpTransport {
    /// A transport to `base`. `run_id` goes out as `X-Load-Test`.
    ///
    /// # Errors
    /// When `base` is no URL, or the TLS roots can't be loaded.
    pub fn new(
        base: &str,
        run_id: &str,
        settings: &EngineSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TransportError> {
        let base = Url::parse(base).map_err(|_| TransportError::Url(base.to_owned()))?;
        let watch = Watch::new(Arc::clone(&clock));
        let mut headers = HeaderMap::new();
        let id = HeaderValue::from_str(run_id)
            .map_err(|_| TransportError::Client("the run id is not a header value".to_owned()))?;
        headers.insert("x-load-test", id);
        let build = || {
            Client::builder()
                .user_agent(concat!("load-gate/", env!("CARGO_PKG_VERSION")))
                .default_headers(headers.clone())
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(settings.connect_timeout.into())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(settings.max_in_flight as usize)
                .tcp_nodelay(true)
                .dns_resolver(Arc::new(CachedNames::new(watch.clone())))
                .connector_layer(watch.clone())
        };
        let client = with_roots(build)?;
        Ok(Self {
            client,
            base,
            clock,
            watch,
            timeout: settings.timeout.into(),
            connect_timeout: settings.connect_timeout.into(),
            max_body: settings.max_body,
        })
    }
}

/// Builds with the system's roots, or with the bundled ones where it has none.
pub(crate) fn with_roots(build: impl Fn() -> ClientBuilder) -> Result<Client, TransportError> {
    // A second call finds the provider in place: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    build().build().or_else(|_| {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|der| reqwest::Certificate::from_der(der).ok());
        build().tls_certs_only(roots).build().map_err(|e| TransportError::Client(chain(&e)))
    })
}

impl Transport for HttpTransport {
    fn send(&self, request: &mut Request) -> BoxFuture<'static, Exchange> {
        let mut url = self.base.clone();
        let path = format!("{}{}", self.base.path().trim_end_matches('/'), request.path);
        url.set_path(&path);
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let bytes_sent = head_size(&headers) + path.len() as u64 + 150 + request.body.len() as u64;
        let sending =
            self.client.post(url).headers(headers).body(std::mem::take(&mut request.body)).send();
        let clock = Arc::clone(&self.clock);
        let (timeout, max_body) = (self.timeout, self.max_body);
        Box::pin(async move {
            let mut seen = Seen::default();
            let reading = read(sending, max_body, clock.as_ref(), &mut seen);
            let result = match tokio::time::timeout(timeout, reading).await {
                Ok(result) => result,
                Err(_) => Err(Failure::Timeout(format!(
                    "no whole answer within {}",
                    Nanos::from(timeout)
                ))),
            };
            let done = clock.now();
            Exchange {
                first_byte: seen.first_byte.unwrap_or(done),
                done,
                bytes_sent: u32::try_from(bytes_sent).unwrap_or(u32::MAX),
                bytes_received: u32::try_from(seen.bytes).unwrap_or(u32::MAX),
                result,
            }
        })
    }

    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let Some(host) = self.base.host_str() else {
                return Err("the URL names no host".to_owned());
            };
            let host = host.trim_matches(['[', ']']);
            let port = self.base.port_or_known_default().unwrap_or(80);
            let give_up = self.clock.now() + Nanos::from(within);
            loop {
                let left = Duration::from(give_up - self.clock.now());
                let trying = tokio::net::TcpStream::connect((host, port));
                let reason = match tokio::time::timeout(left.min(self.connect_timeout), trying)
                    .await
                {
                    Ok(Ok(_)) => return Ok(()),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => format!("no answer to the connection within {}", Nanos::from(within)),
                };
                let pause = Duration::from_millis(250);
                if Duration::from(give_up - self.clock.now()) <= pause {
                    return Err(format!("{host}:{port}: {reason}"));
                }
                tokio::time::sleep(pause).await;
            }
        })
    }

    fn connections(&self) -> ConnectionFigures {
        self.watch.figures()
    }
}

/// How far the answer has come, even when the rest never does.
#[derive(Default)]
struct Seen {
    first_byte: Option<Nanos>,
    bytes: u64,
}

async fn read(
    sending: impl Future<Output = reqwest::Result<reqwest::Response>>,
    max_body: u64,
    clock: &dyn Clock,
    seen: &mut Seen,
) -> Result<Response, Failure> {
    let mut response = sending.await.map_err(|e| failure(&e))?;
    seen.first_byte = Some(clock.now());
    // The status line and the empty line.
    seen.bytes = head_size(response.headers()) + 19;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
        seen.bytes += chunk.len() as u64;
        if (body.len() + chunk.len()) as u64 > max_body {
            return Ok(Response { status, headers, body: None });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body: Some(body) })
}

/// Bytes of header lines: name, `: `, value, CR LF.
fn head_size(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64).sum()
}

fn failure(error: &reqwest::Error) -> Failure {
    let text = chain(error);
    if error.is_connect() {
        Failure::Connect(text)
    } else if error.is_timeout() {
        Failure::Timeout(text)
    } else {
        Failure::Broken(text)
    }
}

/// The innermost causes of an error, without the URL and without reqwest's
/// wrapping: `connection reset by peer (os error 104)`.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    // The outermost say only "client error"; the last two hold what happened.
    let from = texts.len().saturating_sub(2);
    let text = texts[from..].join(": ");
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
