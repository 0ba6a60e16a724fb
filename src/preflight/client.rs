//! The check's own HTTP client: one request at a time, bounded in time and size.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use reqwest::{Method, Url};

use crate::engine::{Clock, chain, client_tls, parse_date, tls_words, wants_certificate};
use crate::secret::{Secret, excerpt, text_of};
use crate::units::Nanos;

/// The longest one request may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The longest a connection may take to open, TLS included: shorter, so that a
/// server that never speaks TLS is told from one that never answers.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(8);
/// The longest all requests together may take.
const PATIENCE_WITH_ALL: Nanos = Nanos::from_secs(60);
/// Bytes of an answer beyond which it isn't read.
const MOST_BYTES: usize = 64 * 1024;

/// An answer, as far as the check looks at it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The `Date` header, in seconds since 1970.
    pub(super) date: Option<i64>,
    /// Our wall clock when the request was sent, since 1970.
    pub(super) sent: Duration,
    /// Our wall clock when the head of the answer was there, since 1970.
    pub(super) received: Duration,
    /// From sending to the last byte.
    pub(super) took: Nanos,
    /// The server's certificate, DER.
    pub(super) certificate: Option<Vec<u8>>,
}

/// Why there is no answer, in words without a secret.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// Not even a connection was opened, and what to do then.
    pub(super) unconnected: Option<&'static str>,
    pub(super) reason: String,
}

/// Sends to one base URL.
pub(super) struct Client {
    http: reqwest::Client,
    pub(super) base: Url,
    known: Vec<Secret>,
    pub(super) clock: Arc<dyn Clock>,
    give_up_at: Nanos,
}

impl Client {
    /// A client to `base` that hides nothing: no redirects, proxies or retries.
    /// `ca_file`: an authority to trust besides the system's.
    pub(super) fn new(
        base: &str,
        known: &[Secret],
        ca_file: Option<&str>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        Self::build(base, known, ca_file, clock, reqwest::ClientBuilder::no_proxy)
    }

    /// A client to GitHub, through the proxy if there is one.
    pub(super) fn proxied(
        base: &str,
        known: &[Secret],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        Self::build(base, known, None, clock, |builder| builder)
    }

    fn build(
        base: &str,
        known: &[Secret],
        ca_file: Option<&str>,
        clock: Arc<dyn Clock>,
        with: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, String> {
        let base = Url::parse(base).map_err(|e| format!("the base URL is none: {e}"))?;
        let http = with(reqwest::Client::builder())
            .user_agent(concat!("load-gate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(PATIENCE_TO_CONNECT)
            .timeout(PATIENCE)
            .tls_backend_preconfigured(client_tls(ca_file).map_err(|e| e.to_string())?)
            .tls_info(true)
            .build()
            .map_err(|e| chain(&e))?;
        let give_up_at = clock.now() + PATIENCE_WITH_ALL;
        Ok(Self { http, base, known: known.to_vec(), clock, give_up_at })
    }

    /// The host, an IPv6 address without brackets.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Whether the time for all requests is over.
    pub(super) fn out_of_time(&self) -> bool {
        self.clock.now() >= self.give_up_at
    }

    /// GETs `path` with one more header.
    pub(super) async fn get(
        &self,
        path: &str,
        header: Option<(&'static str, &str)>,
    ) -> Result<Heard, NoAnswer> {
        let headers = header.map(|(name, value)| (name, value.to_owned()));
        self.send(Method::GET, path, headers.as_slice(), Vec::new()).await
    }

    /// Sends one request below the base URL.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Heard, NoAnswer> {
        self.send_reading(method, path, headers, body, MOST_BYTES).await
    }

    /// [`Client::send`], reading little more than `most` bytes of the answer's body.
    pub(super) async fn send_reading(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        most: usize,
    ) -> Result<Heard, NoAnswer> {
        let mut url = self.base.clone();
        let (path, query) =
            path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        let mut request = self.http.request(method, url).body(body);
        for (name, value) in headers {
            let mut value = http::HeaderValue::from_str(value).map_err(|_| NoAnswer {
                unconnected: None,
                reason: format!("the value for {name} has characters that no header may have"),
            })?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let (start, sent) = (self.clock.now(), self.clock.unix());
        let mut response = request.send().await.map_err(|e| self.no_answer(&e))?;
        let received = self.clock.unix();
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(|tls| tls.peer_certificate()).map(<[u8]>::to_vec);
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.no_answer(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > most {
                break;
            }
        }
        let date = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        Ok(Heard {
            status: response.status().as_u16(),
            date: date.and_then(parse_date),
            headers,
            body,
            sent,
            received,
            took: self.clock.now() - start,
            certificate,
        })
    }

    fn no_answer(&self, error: &reqwest::Error) -> NoAnswer {
        let reason = if error.is_timeout() {
            format!("no whole answer within {}", Nanos::from(PATIENCE))
        } else {
            let (host, port) = (self.host(), self.base.port_or_known_default().unwrap_or(443));
            let words = tls_words(error, host, port).unwrap_or_else(|| chain(error));
            excerpt(&words, 400, &self.known)
        };
        // With TLS 1.3 a server says after the handshake what it thinks of its other end.
        let unconnected = if wants_certificate(error).is_some() {
            Some("use a URL that wants no client certificate: the service's own, behind what does")
        } else {
            error.is_connect().then_some(
                "renew or install the certificate for this host, or trust its issuer (SSL_CERT_FILE)",
            )
        };
        NoAnswer { unconnected, reason }
    }

    /// `status 401: invalid key`: a status with what may be quoted of its body
    /// (nothing of a 2xx answer).
    pub(super) fn describe(&self, answer: &Heard) -> String {
        let text = text_of(&answer.body);
        if (200..300).contains(&answer.status) || text.trim().is_empty() {
            return format!("status {}", answer.status);
        }
        format!("status {}: {}", answer.status, excerpt(&text, 120, &self.known))
    }
}
