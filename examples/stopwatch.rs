//! A target that does nothing but note when requests come in: what `benches/peers.py`
//! measures load generators against.
//!
//! Answers every POST with 200 `{"status":"success"}` and `GET /times` with the
//! moments of all POSTs since the last asking, in nanoseconds, one a line. With an
//! argument, it answers a POST only after so many milliseconds.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a tool that takes the time")]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Times = Arc<Mutex<Vec<u64>>>;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let delay = std::env::args().nth(1).and_then(|millis| millis.parse().ok());
    let delay = std::time::Duration::from_millis(delay.unwrap_or(0));
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let (times, origin) = (Times::default(), Instant::now());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream, Arc::clone(&times), origin, delay));
        }
    })
}

async fn serve(
    mut stream: TcpStream,
    times: Times,
    origin: Instant,
    delay: std::time::Duration,
) -> std::io::Result<()> {
    let mut pending = Vec::with_capacity(4096);
    loop {
        let read = stream.read_buf(&mut pending).await?;
        if read == 0 {
            return Ok(());
        }
        let now = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        while let Some(end) = request_end(&pending) {
            let answer = if pending.starts_with(b"GET /times") {
                let mut text = String::new();
                for time in times.lock().expect("not poisoned").drain(..) {
                    let _ = writeln!(text, "{time}");
                }
                text
            } else {
                times.lock().expect("not poisoned").push(now);
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                r#"{"status":"success"}"#.to_owned()
            };
            pending.drain(..end);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + &answer).as_bytes()).await?;
        }
    }
}

/// Where the first whole request in `bytes` ends.
fn request_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|value| value.trim().parse().ok()).unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}
