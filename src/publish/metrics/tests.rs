//! Exporters against receivers that take, refuse and hang.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::config::Access;
use crate::series::{Common, Family, Kind};

/// A receiver that answers the n-th request with a head, or with nothing; its URL, and
/// the sizes of the bodies it took.
fn receiver(
    answer: impl Fn(usize) -> Option<&'static str> + Send + 'static,
) -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/api/v1/write", listener.local_addr().expect("an address"));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&taken);
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                let lower = line.to_lowercase();
                if let Some(n) = lower.strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let n = {
                let mut taken = kept.lock().expect("a lock");
                taken.push(length);
                taken.len() - 1
            };
            let mut stream = reader.into_inner();
            match answer(n) {
                Some(head) => {
                    // partial_success { rejected_data_points: 2, error_message: "too old" }
                    let partial: &[u8] = b"\x0a\x0b\x08\x02\x12\x07too old";
                    let body = if head == PARTLY { partial } else { b"" };
                    let length = body.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
                    );
                    let _ = stream.write_all(body);
                }
                None => held.push(stream),
            }
        }
    });
    (url, taken)
}

/// A receiver of OTLP that takes all but two points of everything.
const PARTLY: &str = "200 OK\r\nContent-Type: application/x-protobuf\r\nX-Body: partial";

fn exporter(url: &str) -> Exporter {
    let (url, access) = (url.to_owned(), Access::default());
    let receiver = Receiver::RemoteWrite { url, access, native: false };
    let limits = Allowance { queue: 4, backoff: Duration::from_millis(1) };
    Exporter::start(receiver, 0, limits).expect("a thread")
}

fn otlp(url: &str) -> Exporter {
    let receiver = Receiver::Otlp {
        url: url.to_owned(),
        access: Access::default(),
        resource: Vec::new(),
        interval: Duration::ZERO,
        timeout: Duration::from_secs(5),
        gzip: true,
        ca_file: None,
    };
    let limits = Allowance { queue: 4, backoff: Duration::from_millis(1) };
    Exporter::start(receiver, 0, limits).expect("a thread")
}

fn batch(at: i64) -> Batch {
    const SOME: Family = Family::new("loadgate_some", Kind::Gauge, "", "Something.");
    Batch { at, series: vec![Common::of("e", "p", "t").number(&SOME, &[], 1.0)] }
}

#[test]
fn what_is_refused_for_good_is_not_sent_again_and_said_once() {
    let (url, taken) = receiver(|_| Some("400 Bad Request"));
    let exporter = exporter(&url);
    exporter.offer(batch(1));
    let warning = exporter.finish(batch(2), Duration::from_secs(5), || false).expect("a warning");
    // One, and the last one with the markers that end the series: apart or together.
    assert!((1..=2).contains(&taken.lock().expect("a lock").len()));
    assert!(warning.what.starts_with("2 of 2 batches"), "{warning}");
    assert!(warning.reason.contains("400"), "{warning}");
}

#[test]
fn what_may_be_sent_again_arrives() {
    let head =
        |n| if n < 2 { "503 Service Unavailable\r\nRetry-After: 0" } else { "204 No Content" };
    let (url, taken) = receiver(move |n| Some(head(n)));
    let exporter = exporter(&url);
    exporter.offer(batch(1));
    assert_eq!(exporter.finish(batch(2), Duration::from_secs(10), || false), None);
    // Two refusals, and both batches after them, apart or together.
    assert!((3..=4).contains(&taken.lock().expect("a lock").len()));
}

#[test]
fn a_receiver_that_hangs_costs_a_bounded_queue() {
    let (url, _) = receiver(|_| None);
    let exporter = exporter(&url);
    for at in 0..100 {
        exporter.offer(batch(at));
    }
    let warning =
        exporter.finish(batch(100), Duration::from_millis(50), || false).expect("a warning");
    assert!(warning.to_string().contains("batches of metrics for http://127.0.0.1"), "{warning}");
}

#[test]
fn what_a_receiver_rejects_of_points_that_it_takes_is_told() {
    let (url, _) = receiver(|_| Some(PARTLY));
    let exporter = otlp(&url);
    let warning = exporter.finish(batch(2), Duration::from_secs(5), || false).expect("a warning");
    assert!(warning.reason.contains("2 points were rejected: too old"), "{warning}");
}

#[test]
fn an_error_that_otlp_calls_final_is_not_sent_again() {
    let (url, taken) = receiver(|_| Some("500 Internal Server Error"));
    let exporter = otlp(&url);
    exporter.offer(batch(1));
    let warning = exporter.finish(batch(2), Duration::from_secs(5), || false).expect("a warning");
    assert_eq!(taken.lock().expect("a lock").len(), 2);
    assert!(warning.what.starts_with("2 of 2 batches"), "{warning}");
}
