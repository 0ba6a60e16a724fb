//! The transport against servers that behave oddly, byte by byte.

#[cfg(target_os = "linux")]
mod inbox;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::task::LocalSet;

use super::HttpNetwork;
use crate::engine::{Clock, Exchange, Failure, Network as _, Pacer, Transport, WallClock};
use crate::measure::{Connections, LineEvent};
use crate::plan::EngineSettings;
use crate::scenario::{Expect, Request};
use crate::tags::LabelSet;
use crate::units::Nanos;

/// Bytes of a body that no kernel takes at once.
const LONG: usize = 16 << 20;
const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// A client and a server of one connection after another, each told what to do.
struct Pair {
    transport: Rc<dyn Transport>,
    server: JoinHandle<()>,
}

fn request() -> Request {
    Request {
        method: http::Method::POST,
        path: "/api".into(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: b"{\"a\":1}".to_vec(),
        labels: LabelSet::EMPTY,
        repeatable: false,
        expect: Expect::Acknowledgement,
    }
}

fn long_request() -> Request {
    Request { body: vec![b'x'; LONG], ..request() }
}

/// A clock that is put forward.
struct Ahead {
    clock: WallClock,
    by: AtomicU64,
}

impl Clock for Ahead {
    fn now(&self) -> Nanos {
        self.clock.now() + Nanos(self.by.load(Ordering::Relaxed))
    }

    fn unix(&self) -> std::time::Duration {
        self.clock.unix() + std::time::Duration::from_nanos(self.by.load(Ordering::Relaxed))
    }

    fn pacer(&self) -> std::io::Result<Box<dyn Pacer>> {
        self.clock.pacer()
    }
}

fn settings(timeout: Nanos, connect_timeout: Nanos) -> EngineSettings {
    EngineSettings {
        timeout,
        connect_timeout,
        max_lag: Nanos::from_millis(100),
        max_in_flight: 10,
        max_body: 1 << 20,
        workers: None,
        ca_file: None,
        traceparent: false,
    }
}

/// Runs `client` against `serve`, which is handed every connection as it comes.
fn against<F: Future<Output = ()>>(
    serve: impl Fn(usize, TcpStream) + Send + 'static,
    connections: usize,
    client: impl FnOnce(Rc<dyn Transport>) -> F,
) {
    let clock = Arc::new(WallClock::start());
    against_by(clock, Nanos::from_secs(5), serve, connections, client);
}

/// The same, by a clock that can be looked at and with a timeout of requests.
fn against_by<F: Future<Output = ()>>(
    clock: Arc<dyn Clock>,
    timeout: Nanos,
    serve: impl Fn(usize, TcpStream) + Send + 'static,
    connections: usize,
    client: impl FnOnce(Rc<dyn Transport>) -> F,
) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        for (n, stream) in listener.incoming().take(connections).flatten().enumerate() {
            stream.set_nodelay(true).expect("is a socket");
            serve(n, stream);
        }
    });
    let settings = settings(timeout, Nanos::from_secs(5));
    let network = HttpNetwork::new(&url, "test", &settings, clock);
    let network = network.expect("is a URL");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let transport = network.transport().expect("a descriptor");
        let Pair { transport, server } = Pair { transport, server };
        client(transport).await;
        server.join().expect("the server is content");
    });
}

/// Reads one request; `false`: the client has closed.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut byte = [0; 1];
    while !seen.ends_with(b"{\"a\":1}") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return false;
        }
        seen.push(byte[0]);
    }
    true
}

fn figures(transport: &dyn Transport) -> Connections {
    let mut figures = Connections::default();
    transport.events().into_iter().for_each(|event| figures.note(event));
    figures
}

async fn send(transport: &dyn Transport) -> Exchange {
    transport.send(&mut request()).await
}

fn status(exchange: &Exchange) -> u16 {
    exchange.result.as_ref().map_or(0, |response| response.status)
}

/// Waits until the other side has done something that the kernel has delivered.
fn pair_of_channels() -> (Sender<()>, Receiver<()>) {
    channel()
}

#[test]
fn one_connection_takes_one_request_after_another() {
    let serve = |_, mut stream: TcpStream| {
        while read_request(&mut stream) {
            stream.write_all(OK).expect("writes");
        }
    };
    against(serve, 1, |transport| async move {
        for _ in 0..3 {
            let exchange = send(transport.as_ref()).await;
            assert_eq!(status(&exchange), 200);
            assert_eq!(exchange.bytes_received, OK.len() as u32);
            assert!(exchange.sent <= exchange.first_byte && exchange.first_byte <= exchange.done);
        }
        assert_eq!(figures(transport.as_ref()).opened, 1);
        drop(transport);
    });
}

/// What became of the connections where `bytes` came on the first between two requests.
fn between_requests(bytes: &'static [u8]) -> Connections {
    let (go, going) = pair_of_channels();
    let (told, tell) = pair_of_channels();
    let serve = move |n, mut stream: TcpStream| {
        while read_request(&mut stream) {
            stream.write_all(OK).expect("writes");
            if n == 0 {
                going.recv().expect("is sent");
                stream.write_all(bytes).expect("writes");
                told.send(()).expect("is awaited");
            }
        }
    };
    let mut found = Connections::default();
    against(serve, 2, |transport| async {
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        go.send(()).expect("is awaited");
        // The runtime isn't asked in between: the kernel is, before the next write.
        tell.recv().expect("is sent");
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        found = figures(transport.as_ref());
        drop(transport);
    });
    found
}

#[test]
fn what_came_unasked_is_no_answer_and_its_connection_is_closed() {
    let figures = between_requests(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
    assert_eq!((figures.opened, figures.unsolicited, figures.closed), (2, 1, 0));
}

/// What a proxy says to a connection that was idle for too long is no answer to anything.
#[test]
fn a_farewell_closes_a_connection_and_is_no_stray_answer() {
    let figures = between_requests(b"HTTP/1.1 408 Request Time-out\r\n\r\n");
    assert_eq!((figures.opened, figures.unsolicited, figures.closed), (2, 0, 1));
}

#[test]
fn what_came_unasked_after_the_last_answer_is_found_when_all_is_closed() {
    let (told, tell) = pair_of_channels();
    let serve = move |_, mut stream: TcpStream| {
        assert!(read_request(&mut stream));
        stream.write_all(OK).expect("writes");
        stream.write_all(OK).expect("writes");
        told.send(()).expect("is awaited");
        let _ = stream.read(&mut [0; 1]);
    };
    against(serve, 1, |transport| async move {
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        tell.recv().expect("is sent");
        transport.close();
        let figures = figures(transport.as_ref());
        assert_eq!((figures.opened, figures.unsolicited, figures.closed), (1, 1, 0));
    });
}

/// A stray answer that says `close` hid the true one: nobody looked at that connection again.
#[test]
fn an_answer_after_the_last_on_a_connection_is_found() {
    const LAST: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let (go, going) = pair_of_channels();
    let (told, tell) = pair_of_channels();
    let serve = move |_, mut stream: TcpStream| {
        assert!(read_request(&mut stream));
        stream.write_all(LAST).expect("writes");
        going.recv().expect("is sent");
        // It may have been closed by now.
        let _ = stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
        told.send(()).expect("is awaited");
        let _ = stream.read(&mut [0; 1]);
    };
    against(serve, 1, |transport| async move {
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        go.send(()).expect("is awaited");
        tell.recv().expect("is sent");
        transport.close();
        let figures = figures(transport.as_ref());
        assert_eq!((figures.opened, figures.unsolicited, figures.closed), (1, 1, 1));
    });
}

#[test]
fn a_connection_that_the_server_closed_takes_no_request() {
    let (told, tell) = pair_of_channels();
    let serve = move |n, mut stream: TcpStream| {
        while read_request(&mut stream) {
            stream.write_all(OK).expect("writes");
            if n == 0 {
                drop(stream);
                told.send(()).expect("is awaited");
                return;
            }
        }
    };
    against(serve, 2, |transport| async move {
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        tell.recv().expect("is sent");
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        let figures = figures(transport.as_ref());
        assert_eq!((figures.opened, figures.unsolicited, figures.closed), (2, 0, 1));
        drop(transport);
    });
}

#[test]
fn interim_answers_are_bounded() {
    let serve = |n, mut stream: TcpStream| {
        assert!(read_request(&mut stream));
        let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
        let last = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let pieces = match n {
            0 => vec![&interim[..]; 2],
            1 => vec![&interim[..]; 100],
            _ => Vec::new(),
        };
        for piece in pieces {
            let _ = stream.write_all(piece);
        }
        // Those that come in one piece with the answer are counted, too.
        let ahead = if n == 2 { interim.repeat(100) } else { Vec::new() };
        let _ = stream.write_all(&[&ahead[..], last].concat());
        let _ = stream.read(&mut [0; 64]);
    };
    against(serve, 3, |transport| async move {
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        for _ in 0..2 {
            let flooded = send(transport.as_ref()).await;
            assert!(
                matches!(flooded.result, Err(Failure::Broken(text)) if text.contains("interim"))
            );
        }
        drop(transport);
    });
}

#[test]
fn closed_with_the_request_on_its_way_is_told_from_closed_in_the_answer() {
    let serve = |n, mut stream: TcpStream| {
        assert!(read_request(&mut stream));
        if n == 1 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal").expect("writes");
        }
    };
    against(serve, 2, |transport| async move {
        for words in ["while the request was on its way", "in the middle of the answer"] {
            let text = send(transport.as_ref()).await.result.expect_err("is lost");
            assert!(text.text().contains(words), "{}", text.text());
        }
        assert_eq!(figures(transport.as_ref()).resent, 0, "it may have been carried out");
        drop(transport);
    });
}

/// Who doesn't want so much says so, and reads no more: that is its answer.
#[test]
fn an_answer_that_comes_before_the_request_was_whole_is_its_answer() {
    let open = std::sync::Mutex::new(Vec::new());
    let serve = move |n, mut stream: TcpStream| {
        if n > 0 {
            assert!(read_request(&mut stream));
            return stream.write_all(OK).expect("writes");
        }
        stream.read_exact(&mut [0; 100]).expect("begins");
        stream.write_all(TOO_LARGE).expect("writes");
        open.lock().expect("whole").push(stream);
    };
    against(serve, 2, |transport| async move {
        let refused = transport.send(&mut long_request()).await;
        assert_eq!((status(&refused), refused.bytes_sent < LONG as u32), (413, true));
        // What is left of it is no beginning of the next.
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        assert_eq!(figures(transport.as_ref()).opened, 2);
        drop(transport);
    });
}

#[test]
fn how_long_a_connection_is_kept_counts_from_its_last_answer() {
    let serve = |_, mut stream: TcpStream| {
        while read_request(&mut stream) {
            let head = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=10\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(head).expect("writes");
        }
    };
    let clock = Arc::new(Ahead { clock: WallClock::start(), by: AtomicU64::new(0) });
    let ahead = Arc::clone(&clock);
    against_by(clock, Nanos::from_secs(5), serve, 2, |transport| async move {
        // It is given up a second before its server does.
        for (seconds, opened) in [(0, 1), (8, 0), (5, 0), (10, 1)] {
            ahead.by.fetch_add(Nanos::from_secs(seconds).0, Ordering::Relaxed);
            assert_eq!(status(&send(transport.as_ref()).await), 200);
            assert_eq!(figures(transport.as_ref()).opened, opened, "after {seconds} s");
        }
        drop(transport);
    });
}

#[test]
fn connections_are_opened_ahead_as_asked_and_used() {
    let serve = |_, mut stream: TcpStream| {
        std::thread::spawn(move || {
            while read_request(&mut stream) {
                stream.write_all(OK).expect("writes");
            }
        });
    };
    against(serve, 3, |transport| async move {
        transport.open_ahead(3).await;
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        let figures = figures(transport.as_ref());
        assert_eq!((figures.opened, figures.ahead), (3, 3));
        drop(transport);
    });
}

#[test]
fn nobody_there_is_said_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("has one");
    let serve = |_, _| {};
    against(serve, 0, |_| async move {
        let settings = settings(Nanos::from_secs(1), Nanos::from_millis(100));
        let clock = Arc::new(WallClock::start());
        let network = HttpNetwork::new(&format!("http://{free}"), "test", &settings, clock);
        let transport = network.expect("is a URL").transport().expect("a descriptor");
        let reached = transport.reach(std::time::Duration::from_millis(300)).await;
        assert!(reached.expect_err("nobody is there").contains("refused the connection"));
        assert!(transport.events().contains(&LineEvent::Failed));
    });
}

#[test]
fn a_request_that_no_connection_took_is_not_said_to_lack_an_answer() {
    // Nobody takes part in the handshake that the kernel has let in.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = mute.local_addr().expect("an address");
    let url = format!("https://{at}");
    against(
        |_, _| {},
        0,
        |_| async move {
            let settings = settings(Nanos::from_millis(50), Nanos::from_secs(60));
            let network = HttpNetwork::new(&url, "test", &settings, Arc::new(WallClock::start()));
            let transport = network.expect("is a URL").transport().expect("a descriptor");
            let exchange = send(transport.as_ref()).await;
            let said = format!(
                "no connection to send on within 50.0 ms: nothing of the request left; a TLS \
                 handshake with {at} was still under way, see what it waits for there"
            );
            assert_eq!(exchange.result.expect_err("is none"), Failure::Timeout(said));
            assert_eq!(exchange.bytes_sent, 0);
        },
    );
}
