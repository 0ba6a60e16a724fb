//! Starts the target on a free port and holds it to docs/api.md, row by row.

mod api;
mod faults;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{Faults, Target, TargetConfig};

/// A running target and a client that follows, retries and proxies nothing.
struct Api {
    target: Target,
    client: Client,
    key: String,
    secret: String,
}

/// What came back.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: http::HeaderMap,
    text: String,
    json: Value,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Api {
    /// A target with `faults`.
    fn new(faults: &[&str]) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let settings: Vec<String> = faults.iter().map(|&fault| fault.to_owned()).collect();
        let config = TargetConfig {
            faults: Faults::parse(&settings).unwrap(),
            ..TargetConfig::embedded(42, 3)
        };
        let key = config.keys[0].expose().to_owned();
        let secret = config.webhook_secret.expose().to_owned();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(std::time::Duration::from_secs(20))
            .build()
            .unwrap();
        Self { target: Target::start(config).unwrap(), client, key, secret }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.target.url()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "JSON values and texts alike")]
    fn post(&self, path: &str, body: impl ToString) -> RequestBuilder {
        let json = ("content-type", "application/json");
        self.request(Method::POST, path).header(json.0, json.1).body(body.to_string())
    }

    fn onboard(&self, email: &str) -> RequestBuilder {
        self.post(ONBOARD, json!({ "name": "Ada", "email": email, "source": "load-gate" }))
    }

    fn exchange(&self, body: impl ToString) -> RequestBuilder {
        self.post(EXCHANGE, body).header("X-API-Key", &self.key)
    }

    /// A rightly signed delivery of event `id`, sent `ago` seconds ago.
    fn deliver(&self, id: &str, ago: i64) -> RequestBuilder {
        let body =
            json!({ "id": id, "object": "event", "type": "payment_method.attached" }).to_string();
        let signature = sign(&self.secret, &body, unix() - ago);
        self.post(WEBHOOK, body).header("Stripe-Signature", signature)
    }

    fn count(&self, endpoint: super::Endpoint, status: u16) -> u64 {
        self.target.counts().answers(endpoint, status)
    }
}

const ONBOARD: &str = "/api/v1/customers/onboard";
const EXCHANGE: &str = "/api/v1/credentials/exchange";
const WEBHOOK: &str = "/api/webhooks/stripe";
const BOTH: &str = r#"{"providers":["anthropic","openai"],"ttl_minutes":120}"#;

async fn get(request: RequestBuilder) -> Got {
    read(request.send().await.unwrap()).await
}

async fn read(response: Response) -> Got {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Got { status, headers, text, json }
}

fn unix() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// The moment of a `Date` header, in seconds since 1970.
fn date(got: &Got) -> i64 {
    let text = got.header("date").unwrap();
    i64::try_from(parse_date(text).unwrap_or_else(|| panic!("`{text}` is not an HTTP date")))
        .unwrap()
}

/// Reads `Thu, 30 Oct 2025 17:44:12 GMT` on its own terms, apart from how it is written.
fn parse_date(text: &str) -> Option<u64> {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let moment = time::PrimitiveDateTime::parse(text, format).ok()?;
    u64::try_from(moment.assume_utc().unix_timestamp()).ok()
}

fn sign(secret: &str, body: &str, t: i64) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{t}.{body}").as_bytes());
    format!("t={t},v1={}", hex::encode(mac.finalize().into_bytes()))
}
