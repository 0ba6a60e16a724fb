//! Sends requests to one base URL: picks the connection, sends, reads, and says what came of it.

use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use url::Url;

use super::answer::{Again, Lost, Outgoing, Seen};
use super::dial::{DialTarget, Dialler};
use super::inbox::Inbox;
use super::pool::{Given, MOST_TRIES, Pool, Ready};
use super::tls::{RootsError, client_tls};
use crate::engine::clock::{Clock, LocalFuture};
use crate::engine::transport::{Exchange, Failure, Network, Opening, Response, Transport};
use crate::measure::LineEvent;
use crate::plan::EngineSettings;
use crate::scenario::Request;
use crate::units::Nanos;

const USER_AGENT: &str = concat!("load-gate/", env!("CARGO_PKG_VERSION"));
/// After a timeout: long enough for the runtime to ask the kernel once.
const ONE_MORE_LOOK: Duration = Duration::from_millis(1);
/// Between two tries to reach the target.
const PAUSE: Duration = Duration::from_millis(250);
/// So many tries may be made anew because load-gate stood still during them.
const MOST_STOPS: u32 = 5;
/// Connections opened ahead, at most.
const MOST_AHEAD: usize = 1024;

/// What can go wrong before anything is sent.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The base URL is none.
    #[error("`{0}` is not a base URL")]
    Url(String),
    /// The run's name is no header's value.
    #[error("the run id is not a header value")]
    RunId,
    /// Nobody can be trusted.
    #[error(transparent)]
    Roots(#[from] RootsError),
}

/// The way to one base URL, over HTTP/1.1 or, where TLS negotiates it, HTTP/2.
pub struct HttpNetwork {
    to: DialTarget,
    ca_file: Option<String>,
    /// Scheme and authority, for HTTP/2.
    origin: String,
    path: String,
    /// What every request says.
    headers: HeaderMap,
    timeout: Duration,
    max_body: u64,
    clock: Arc<dyn Clock>,
}

impl HttpNetwork {
    /// The way to `base`. `run_id` goes out as `X-Load-Test`.
    ///
    /// # Errors
    /// When `base` is no URL, or whom to trust can't be read.
    pub fn new(
        base: &str,
        run_id: &str,
        settings: &EngineSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NetworkError> {
        let no_url = || NetworkError::Url(base.to_owned());
        let url = Url::parse(base).map_err(|_| no_url())?;
        let host = url.host_str().ok_or_else(no_url)?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or_else(no_url)?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let name = ServerName::try_from(host.clone()).map_err(|_| no_url())?;
                Some((Arc::new(client_tls(settings.ca_file.as_deref())?), name))
            }
            _ => return Err(no_url()),
        };
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let run_id = HeaderValue::from_str(run_id).map_err(|_| NetworkError::RunId)?;
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(authority).map_err(|_| no_url())?);
        headers.insert("accept", HeaderValue::from_static("*/*"));
        headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
        headers.insert("x-load-test", run_id);
        Ok(Self {
            to: DialTarget { host, port, tls, patience: settings.connect_timeout.into() },
            ca_file: settings.ca_file.clone(),
            origin: format!("{}://{authority}", url.scheme()),
            path: url.path().trim_end_matches('/').to_owned(),
            headers,
            timeout: settings.timeout.into(),
            max_body: settings.max_body,
            clock,
        })
    }
}

impl Network for HttpNetwork {
    fn transport(&self) -> io::Result<Rc<dyn Transport>> {
        let inbox = Inbox::new(Arc::clone(&self.clock))?;
        let dialler = Dialler::new(self.to.clone(), inbox, Arc::clone(&self.clock));
        Ok(Rc::new(HttpTransport {
            shared: Rc::new(Shared {
                pool: Pool::new(dialler, Arc::clone(&self.clock)),
                clock: Arc::clone(&self.clock),
                timeout: self.timeout,
                max_body: self.max_body,
            }),
            ca_file: self.ca_file.clone(),
            origin: self.origin.clone(),
            path: self.path.clone(),
            asked: RefCell::default(),
            headers: Rc::new(self.headers.clone()),
        }))
    }
}

/// What requests under way hold on to.
struct Shared {
    pool: Pool,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    max_body: u64,
}

struct HttpTransport {
    shared: Rc<Shared>,
    ca_file: Option<String>,
    origin: String,
    path: String,
    /// What was asked for last: mostly what is asked for next.
    asked: RefCell<Uri>,
    headers: Rc<HeaderMap>,
}

impl HttpTransport {
    fn uri(&self, path: &str) -> Uri {
        let mut asked = self.asked.borrow_mut();
        let said = asked.path_and_query().map(PathAndQuery::as_str);
        if said.and_then(|said| said.strip_prefix(&self.path)) != Some(path) {
            // A path of ours and the URL's own: it can't fail.
            *asked = format!("{}{path}", self.path).parse().unwrap_or_default();
        }
        asked.clone()
    }

    fn inbox(&self) -> &Inbox {
        &self.shared.pool.dialler.inbox
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &mut Request) -> LocalFuture<'static, Exchange> {
        let body = bytes::Bytes::from(std::mem::take(&mut request.body));
        let uri = self.uri(&request.path);
        let shared = Rc::clone(&self.shared);
        let origin = shared.pool.dialler.to.tls.is_some().then(|| self.origin.clone());
        let mut outgoing = Outgoing {
            method: request.method.clone(),
            uri,
            common: Rc::clone(&self.headers),
            own: std::mem::take(&mut request.headers),
            body,
        };
        Box::pin(async move { shared.exchange(&mut outgoing, origin.as_deref()).await })
    }

    fn reach(&self, within: Duration) -> LocalFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let clock = &self.shared.clock;
            let mut give_up = clock.now() + Nanos::from(within);
            let mut stops = 0;
            loop {
                let began = clock.now();
                let undialled = match self.shared.pool.open(false).await {
                    Ok(given) => {
                        self.shared.pool.keep(given);
                        return Ok(());
                    }
                    Err(undialled) => undialled,
                };
                // A try that took so much longer than it may was stopped, with load-gate.
                let took = Duration::from(clock.now() - began);
                if took > self.shared.pool.dialler.to.patience + PAUSE && stops < MOST_STOPS {
                    stops += 1;
                    give_up = clock.now() + Nanos::from(within);
                    continue;
                }
                let left = Duration::from(give_up - clock.now());
                if !undialled.passing || left <= PAUSE {
                    return Err(undialled.failure.text().to_owned());
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    fn open_ahead(&self, wanted: usize) -> LocalFuture<'_, ()> {
        Box::pin(async move {
            let missing = wanted.min(MOST_AHEAD).saturating_sub(self.shared.pool.idle());
            let mut opening = JoinSet::new();
            for _ in 0..missing {
                let shared = Rc::clone(&self.shared);
                opening.spawn_local(async move {
                    // One that can't be opened now is missed by a request later.
                    if let Ok(given) = shared.pool.open(true).await {
                        shared.pool.keep(given);
                    }
                });
            }
            opening.join_all().await;
        })
    }

    fn meets_tls(&self) -> LocalFuture<'_, bool> {
        Box::pin(async move {
            if self.shared.pool.dialler.to.tls.is_some() {
                return false;
            }
            match client_tls(self.ca_file.as_deref()) {
                Ok(config) => self.shared.pool.dialler.speaks_tls(Arc::new(config)).await,
                Err(_) => false,
            }
        })
    }

    fn look(&self) {
        self.inbox().look();
    }

    fn rest(&self, span: Nanos) {
        self.inbox().rest(span);
    }

    fn answered(&self) -> u64 {
        self.inbox().answered()
    }

    fn events(&self) -> Vec<LineEvent> {
        self.shared.pool.take_events()
    }

    fn close(&self) {
        self.shared.pool.close();
    }
}

impl Shared {
    async fn exchange(&self, outgoing: &mut Outgoing, origin: Option<&str>) -> Exchange {
        let began = self.clock.now();
        let (mut seen, mut opening) = (Seen::default(), Opening::default());
        let mut shaking = false;
        let tried = {
            let mut trying = pin!(self.try_all(outgoing, origin, &mut seen, &mut opening));
            let mut over = pin!(tokio::time::sleep(self.timeout));
            let mut looked = false;
            let shaking = &mut shaking;
            std::future::poll_fn(|context| {
                if let Poll::Ready(tried) = trying.as_mut().poll(context) {
                    return Poll::Ready(Some(tried));
                }
                while over.as_mut().poll(context).is_ready() {
                    if looked {
                        *shaking = self.pool.dialler.is_shaking_hands();
                        return Poll::Ready(None);
                    }
                    // A process that was stopped finds its timers over before it has asked
                    // what came meanwhile.
                    looked = true;
                    self.pool.dialler.inbox.look();
                    over.set(tokio::time::sleep(ONE_MORE_LOOK));
                }
                Poll::Pending
            })
            .await
        };
        seen.settle();
        // It was whole when its last byte came, whenever that was read.
        let whole = seen.last_byte.filter(|_| matches!(tried, Some(Ok(_))));
        let done = whole.unwrap_or_else(|| self.clock.now());
        let result = tried.unwrap_or_else(|| {
            let within = Nanos::from(self.timeout);
            Err(Failure::Timeout(if seen.first_write.is_none() {
                self.pool.dialler.nothing_to_send_on(within, shaking)
            } else {
                format!("no whole answer within {within}")
            }))
        });
        // On an open connection the moment of the write counts; one that had to be
        // opened is the target's time already.
        let sent = match seen.first_write {
            Some(at) if opening.all == Nanos::ZERO => at,
            _ => began,
        };
        let sending = seen.last_write.zip(seen.first_write).map(|(last, first)| last - first);
        let bytes = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Exchange {
            sent,
            opening,
            sending: sending.unwrap_or_default(),
            first_byte: seen.first_byte.unwrap_or(done),
            done,
            bytes_sent: bytes(seen.sent),
            bytes_received: bytes(seen.received),
            result,
        }
    }

    async fn try_all(
        &self,
        outgoing: &mut Outgoing,
        origin: Option<&str>,
        seen: &mut Seen,
        opening: &mut Opening,
    ) -> Result<Response, Failure> {
        let mut tries = 1;
        loop {
            let given = self.pool.take().await.map_err(|undialled| undialled.failure)?;
            *opening += given.opening;
            match self.on(given, outgoing, origin, seen).await {
                Ok(response) => return Ok(response),
                Err(lost) => {
                    let most = match lost.again {
                        Again::Never => 1,
                        // Who refuses for want of strength must not get five times the load.
                        Again::Once => 2,
                        Again::Elsewhere => MOST_TRIES,
                    };
                    if tries >= most {
                        return Err(lost.failure);
                    }
                    tries += 1;
                    self.pool.note(LineEvent::Resent);
                }
            }
        }
    }

    async fn on(
        &self,
        given: Given,
        outgoing: &mut Outgoing,
        origin: Option<&str>,
        seen: &mut Seen,
    ) -> Result<Response, Lost> {
        match given.ready {
            Ready::One(mut connection) => {
                let response = connection.exchange(outgoing, self.max_body, seen).await?;
                if response.body.is_some() {
                    self.pool.put_back(connection);
                }
                Ok(response)
            }
            Ready::Shared(connection) => {
                // HTTP/2 has the authority in the URL.
                let asked = outgoing.uri.path_and_query().map_or("/", |asked| asked.as_str());
                if let Some(whole) = origin.map(|origin| format!("{origin}{asked}")) {
                    outgoing.uri = whole.parse().unwrap_or_default();
                }
                let clock = self.clock.as_ref();
                // Apart, or every request takes the room of both protocols.
                let answered =
                    Box::pin(connection.exchange(outgoing, self.max_body, clock, seen)).await;
                if answered.as_ref().is_err_and(|lost| lost.again == Again::Elsewhere) {
                    self.pool.give_up(&connection);
                }
                answered
            }
        }
    }
}
