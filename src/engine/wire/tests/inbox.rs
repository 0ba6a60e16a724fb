//! Answers that are looked at later than they came.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use super::*;
use crate::engine::clock::LocalFuture;

/// Soon enough for answers to wait for it.
const SOON: Nanos = Nanos::from_millis(1);

/// Whether the answer is there, after everything that could bring it has had its turn.
async fn is_there(sending: &mut LocalFuture<'static, Exchange>) -> Option<Exchange> {
    for _ in 0..20 {
        let polled =
            std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *sending).poll(context)))
                .await;
        if let Poll::Ready(exchange) = polled {
            return Some(exchange);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// A server that answers each request, and who is told of each answer.
fn answering() -> (impl Fn(usize, TcpStream) + Send + 'static, Receiver<()>) {
    let (told, tell) = channel();
    let serve = move |_, mut stream: TcpStream| {
        while read_request(&mut stream) {
            stream.write_all(OK).expect("writes");
            let _ = told.send(());
        }
    };
    (serve, tell)
}

/// A request whose answer has come and waits to be looked for. The kernel begins to note
/// moments a little after it is asked to; before that, nothing waits.
async fn answered(
    transport: &dyn Transport,
    tell: &Receiver<()>,
) -> LocalFuture<'static, Exchange> {
    transport.open_ahead(1).await;
    for _ in 0..1000 {
        transport.rest(SOON);
        let mut sending = transport.send(&mut request());
        if is_there(&mut sending).await.is_none() {
            tell.recv().expect("answers");
            if is_there(&mut sending).await.is_none() {
                return sending;
            }
        } else {
            tell.recv().expect("has answered");
        }
    }
    panic!("the kernel never noted when an answer came");
}

#[test]
fn an_answer_is_dated_when_it_came_and_not_when_it_was_read() {
    let (serve, tell) = answering();
    let clock = WallClock::start();
    against_by(Arc::new(clock), Nanos::from_secs(5), serve, 1, |transport| async move {
        transport.open_ahead(1).await;
        let mut dated = 0;
        // The kernel begins to note moments a little after it is asked to.
        for _ in 0..1000 {
            let mut sending = transport.send(&mut request());
            assert!(
                std::future::poll_fn(|context| Poll::Ready(sending.as_mut().poll(context)))
                    .await
                    .is_pending()
            );
            tell.recv().expect("answers");
            let then = clock.now();
            let exchange = sending.await;
            assert_eq!(status(&exchange), 200);
            assert!(exchange.sent <= exchange.first_byte && exchange.first_byte <= exchange.done);
            // Not where this thread lost its core between the two clocks: nobody can tell then.
            dated += u32::from(exchange.done <= then);
            if dated == 20 {
                break;
            }
        }
        assert_eq!(dated, 20);
        drop(transport);
    });
}

#[test]
fn nobody_is_woken_for_an_answer_that_is_looked_for_soon() {
    let (serve, tell) = answering();
    against(serve, 1, |transport| async move {
        let mut sending = answered(transport.as_ref(), &tell).await;
        assert_eq!(transport.answered(), 0, "nobody has looked");
        transport.look();
        assert_eq!(transport.answered(), 1);
        assert_eq!(status(&is_there(&mut sending).await.expect("was looked for")), 200);
        assert_eq!(transport.answered(), 0);
        // Nobody looks soon: the runtime is told.
        let sending = answered(transport.as_ref(), &tell).await;
        transport.rest(Nanos::MAX);
        assert_eq!(status(&sending.await), 200);
        drop(transport);
    });
}

#[test]
fn the_rest_of_an_answer_waits_for_nobody() {
    let (told, tell) = channel();
    let (go, going) = channel::<()>();
    let serve = move |_, mut stream: TcpStream| {
        while read_request(&mut stream) {
            let (some, rest) = OK.split_at(20);
            stream.write_all(some).expect("writes");
            told.send(()).expect("is awaited");
            if going.recv().is_err() {
                return;
            }
            stream.write_all(rest).expect("writes");
        }
    };
    against(serve, 1, |transport| async move {
        transport.open_ahead(1).await;
        for _ in 0..50 {
            transport.rest(SOON);
            let mut sending = transport.send(&mut request());
            assert!(is_there(&mut sending).await.is_none());
            tell.recv().expect("answers");
            transport.look();
            assert!(is_there(&mut sending).await.is_none(), "is not whole");
            go.send(()).expect("is awaited");
            assert_eq!(status(&sending.await), 200);
        }
        drop((go, transport));
    });
}

#[test]
fn a_target_that_gives_long_answers_waits_for_nobody() {
    let (told, tell) = channel();
    let wanted = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&wanted);
    let serve = move |_, mut stream: TcpStream| {
        let mut long = b"HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n".to_vec();
        long.resize(long.len() + 40_000, b' ');
        while read_request(&mut stream) {
            let answer = if asked.load(Ordering::Relaxed) { &long } else { OK };
            stream.write_all(answer).expect("writes");
            if told.send(()).is_err() {
                return;
            }
        }
    };
    against(serve, 1, |transport| async move {
        let sending = answered(transport.as_ref(), &tell).await;
        transport.rest(Nanos::MAX);
        assert_eq!(status(&sending.await), 200);
        wanted.store(true, Ordering::Relaxed);
        assert_eq!(send(transport.as_ref()).await.bytes_received, 40_042);
        tell.recv().expect("has answered");
        transport.rest(SOON);
        let mut sending = transport.send(&mut request());
        std::future::poll_fn(|context| Poll::Ready(sending.as_mut().poll(context).is_ready()))
            .await;
        tell.recv().expect("answers");
        assert_eq!(status(&is_there(&mut sending).await.expect("was told at once")), 200);
        drop(transport);
    });
}

#[test]
fn a_timeout_looks_before_it_gives_up() {
    let (serve, tell) = answering();
    let timeout = Nanos::from_millis(300);
    against_by(Arc::new(WallClock::start()), timeout, serve, 1, |transport| async move {
        // Whoever promised to look does not come.
        let sending = answered(transport.as_ref(), &tell).await;
        assert_eq!(status(&sending.await), 200);
        drop(transport);
    });
}

/// What was read before the connection was reset is there all the same.
#[test]
fn an_answer_before_a_reset_is_an_answer() {
    let (told, tell) = pair_of_channels();
    let serve = move |_, mut stream: TcpStream| {
        assert!(read_request(&mut stream));
        stream.write_all(OK).expect("writes");
        stream.read_exact(&mut [0; 100]).expect("begins");
        stream.write_all(TOO_LARGE).expect("writes");
        // With unread bytes: that resets it.
        drop(stream);
        let _ = told.send(());
    };
    against(serve, 1, |transport| async move {
        assert_eq!(status(&send(transport.as_ref()).await), 200);
        let mut long = long_request();
        let mut sending = transport.send(&mut long);
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        let refused = match sending.as_mut().poll(context) {
            // Mostly: it was reset while it was written to.
            Poll::Ready(exchange) => exchange,
            Poll::Pending => {
                tell.recv().expect("is sent");
                sending.await
            }
        };
        assert_eq!(status(&refused), 413);
        drop(transport);
    });
}
