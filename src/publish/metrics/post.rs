//! One request to a receiver of metrics, and what its answer means.

use std::time::Duration;

use prost::Message;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::config::Access;
use crate::engine::{client_tls, tls_words_of};
use crate::secret::excerpt;
use crate::units::Nanos;

/// The longest that an answer is awaited, where nobody says otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a refusal that are read for its reason.
const EXCERPT: usize = 2048;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was taken.
    Taken,
    /// It may be sent again, not before so long.
    Later(Option<Duration>, String),
    /// It will never be taken.
    Never(String),
}

/// Which refusals may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// 5xx and 429 (remote write 1.0, "Retries & Backoff").
    AnyServerError,
    /// 429, 502, 503 and 504 alone (OTLP 1.x, "Retryable Response Codes").
    Unavailable,
}

impl Again {
    fn may(self, status: StatusCode) -> bool {
        let any = self == Self::AnyServerError && status.is_server_error();
        any || [429, 502, 503, 504].contains(&status.as_u16())
    }
}

/// A way to one receiver.
pub(super) struct Line {
    client: Client,
    patience: Duration,
    again: Again,
}

impl Line {
    /// To `url`, where an answer is awaited for `patience`. It follows nothing: a redirect could
    /// carry credentials elsewhere. The system's trust store, which takes milliseconds, is read
    /// where anybody is asked by TLS; `ca_file` holds authorities to trust besides it.
    #[expect(clippy::disallowed_methods, reason = "reqwest reads the same variables itself")]
    pub(super) fn to(
        url: &str,
        patience: Duration,
        again: Again,
        ca_file: Option<&str>,
    ) -> Result<Self, String> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let builder = Client::builder();
        let plain = !asks_by_tls(url, |name| std::env::var(name).ok());
        let builder = if plain {
            builder.tls_certs_only([])
        } else {
            let tls = client_tls(ca_file).map_err(|wrong| wrong.to_string())?;
            builder.tls_backend_preconfigured(tls)
        };
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(patience)
            .connect_timeout(patience)
            .build()
            .map_err(|error| why(&error, patience))?;
        Ok(Self { client, patience, again })
    }
}

/// The variables by which reqwest finds who stands before an `http://` URL.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Whether the receiver, or a proxy before it, is asked by TLS.
fn asks_by_tls(url: &str, variable: impl Fn(&str) -> Option<String>) -> bool {
    let by_tls = |url: &str| !url.trim().to_ascii_lowercase().starts_with("http://");
    let secure = |proxy: String| !proxy.trim().is_empty() && by_tls(&proxy);
    by_tls(url) || PROXIES.iter().filter_map(|name| variable(name)).any(secure)
}

impl Line {
    /// Sends `body`, and says what the answer means.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        access: &Access,
        body: Vec<u8>,
    ) -> Sent {
        let mut request = self.client.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match identified(request, access).send().await {
            Ok(answer) => answer,
            Err(error) => return Sent::Later(None, why(&error, self.patience)),
        };
        let status = answer.status();
        if status.is_success() {
            return taken(answer, access).await;
        }
        let wait = wait(answer.headers());
        let text = beginning(answer).await;
        let said = excerpt(&String::from_utf8_lossy(&text), 200, &access.secrets());
        let reason = if said.is_empty() {
            format!("HTTP {status}")
        } else {
            format!("HTTP {status}: {said}")
        };
        if self.again.may(status) { Sent::Later(wait, reason) } else { Sent::Never(reason) }
    }
}

fn identified(mut request: RequestBuilder, access: &Access) -> RequestBuilder {
    for (name, value) in access.to_headers() {
        // The config refuses what no header can carry.
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.expose());
        if let (Ok(name), Ok(mut value)) = (name, value) {
            value.set_sensitive(true);
            request = request.header(name, value);
        }
    }
    request
}

/// What a receiver of OTLP says with success: what of it it didn't take.
#[derive(Clone, PartialEq, Message)]
struct ExportAnswer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error: String,
}

/// Taken, unless the answer says that a part wasn't ("Partial Success"): that part must not be
/// sent again.
async fn taken(answer: reqwest::Response, access: &Access) -> Sent {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-protobuf") {
        return Sent::Taken;
    }
    let body = beginning(answer).await;
    // What is no such answer says nothing.
    let said = ExportAnswer::decode(body.as_slice()).unwrap_or_default().partial_success;
    match said.filter(|part| part.rejected > 0) {
        Some(part) => {
            let why = excerpt(&part.error, 200, &access.secrets());
            Sent::Never(format!("{} points were rejected: {why}", part.rejected))
        }
        None => Sent::Taken,
    }
}

/// The longest that is waited because `Retry-After` says so.
const LONGEST_WAIT: u64 = 60;

/// `Retry-After`, in seconds or as a date (held against the answer's own `Date`), at most a
/// minute.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().unwrap_or(u64::MAX)
    } else {
        let date = |text: &str| OffsetDateTime::parse(text.trim(), &Rfc2822).ok();
        let now = date(headers.get(DATE)?.to_str().ok()?)?;
        u64::try_from((date(text)? - now).whole_seconds()).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// The beginning of a refusal, however long it is.
async fn beginning(mut answer: reqwest::Response) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < EXCERPT {
        match answer.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            _ => break,
        }
    }
    text.truncate(EXCERPT);
    text
}

fn why(error: &reqwest::Error, patience: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {}", Nanos::from(patience));
    }
    if let Some(words) = tls_words_of(error) {
        return words;
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_where_anybody_is_asked_by_tls() {
        let asked = |url: &str, name: &'static str, proxy: &'static str| {
            asks_by_tls(url, |asked| (asked == name).then(|| proxy.to_owned()))
        };
        assert!(asked("https://metrics/write", "", ""));
        assert!(!asked("http://metrics/write", "HTTP_PROXY", ""));
        assert!(!asked("HTTP://metrics/write", "all_proxy", "http://proxy:3128"));
        assert!(!asked("http://metrics/write", "HTTPS_PROXY", "https://proxy"));
        assert!(asked("http://metrics/write", "HTTP_PROXY", "https://proxy"));
        assert!(asked("http://metrics/write", "all_proxy", "HTTPS://proxy"));
    }

    #[tokio::test]
    async fn trouble_with_tls_is_told_in_the_words_of_the_load() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let answering = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let plain = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, plain).await.expect("is written");
            stream
        };
        let url = format!("https://{at}/");
        let line = Line::to(&url, Duration::from_secs(5), Again::Unavailable, None);
        let (line, access) = (line.expect("is made"), Access::default());
        let sending = line.send(Method::POST, &url, &[], &access, Vec::new());
        let (sent, _) = tokio::join!(sending, answering);
        let Sent::Later(None, why) = sent else { panic!("{sent:?}") };
        assert!(why.starts_with(&format!("{at} doesn't speak TLS, it answered in")), "{why}");
    }

    #[test]
    fn each_protocol_says_what_may_be_sent_again() {
        let may = |again: Again| -> Vec<u16> {
            let all = (400..600).filter_map(|code| StatusCode::from_u16(code).ok());
            all.filter(|status| again.may(*status)).map(|status| status.as_u16()).collect()
        };
        assert_eq!(may(Again::Unavailable), [429, 502, 503, 504]);
        assert_eq!(may(Again::AnyServerError), [vec![429], (500..600).collect()].concat());
    }

    #[test]
    fn how_long_to_wait_is_said_in_seconds_or_by_a_date() {
        let told = |value: &str| {
            let mut headers = HeaderMap::new();
            let date = HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT");
            headers.insert(DATE, date);
            headers.insert(RETRY_AFTER, value.parse().expect("a value"));
            wait(&headers).map(|wait| wait.as_secs())
        };
        for (value, seconds) in [
            ("2", Some(2)),
            ("0", Some(0)),
            ("3600", Some(60)),
            ("99999999999999999999", Some(60)),
            ("Wed, 21 Oct 2026 07:28:07 GMT", Some(7)),
            ("Wed, 21 Oct 2026 07:27:00 GMT", Some(0)),
            ("Fri, 21 Oct 2033 07:28:00 GMT", Some(60)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(told(value), seconds, "{value}");
        }
    }
}
