//! Answers in all pieces and forms; hyper, which reads them too, says the same of each.

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;

const MOST: u64 = 1000;

/// Status, body and what follows on the connection; or what was wrong.
type Came = Result<Option<(u16, Option<Vec<u8>>, Standing)>, Malformed>;

/// What comes of `bytes` in pieces that end at `cuts`, then the end of the connection.
fn read(bytes: &[u8], cuts: &[usize]) -> Came {
    let mut framing = Framing::of(&http::Method::POST, MOST);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut from = 0;
    for to in cuts.into_iter().chain([bytes.len()]) {
        if from < to {
            framing.add(&bytes[from..to])?;
        }
        from = to;
    }
    framing.ends()?;
    Ok(framing.take().map(|(response, found)| (response.status, response.body, found)))
}

fn whole(text: &str) -> (u16, String, Standing) {
    let (status, body, found) = read(text.as_bytes(), &[]).expect("well-formed").expect("whole");
    (status, String::from_utf8(body.expect("short")).expect("text"), found)
}

fn wrong(text: &str) -> Malformed {
    read(text.as_bytes(), &[]).expect_err("malformed")
}

#[test]
fn a_body_ends_where_its_head_says() {
    for (text, body) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2;x=\"y\"\r\nab\r\n00B \r\n\
             cdefghijklm\r\n0\r\nTrailer: 1\r\n\r\n",
            "abcdefghijklm",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\n{",
            "{",
        ),
        ("HTTP/1.1 200 OK\ncontent-length: 1\n\n{", "{"),
    ] {
        let (_, said, found) = whole(text);
        assert_eq!((said.as_str(), found), (body, Standing::Ready), "{text:?}");
        let (_, said, found) = whole(&format!("{text}HTTP/1.1 200 OK\r\n"));
        assert_eq!((said.as_str(), found), (body, Standing::Unsolicited), "{text:?}");
    }
}

#[test]
fn a_connection_takes_another_request_unless_its_answer_says_otherwise() {
    let found = |head: &str| whole(&format!("{head}\r\n\r\n")).2;
    assert_eq!(found("HTTP/1.1 204 No Content\r\nConnection: keep-alive"), Standing::Ready);
    assert_eq!(found("HTTP/1.1 204 No Content\r\nConnection: foo, Close"), Standing::Closed);
    assert_eq!(found("HTTP/1.0 204 No Content"), Standing::Closed);
    assert_eq!(found("HTTP/1.0 204 No Content\r\nConnection: Keep-Alive"), Standing::Ready);
    assert_eq!(found("HTTP/1.0 204 No Content\r\nConnection: Keep-Alive, close"), Standing::Closed);
    assert_eq!(found("HTTP/1.1 204 No Content\r\nConnection: \u{e4}, close"), Standing::Closed);
    assert_eq!(found("HTTP/1.1 101 Switching Protocols"), Standing::Closed);
    // What follows is another protocol's; an empty line is old servers' habit; an answer is one.
    assert_eq!(found("HTTP/1.1 101 Switching Protocols\r\n\r\nPRI *"), Standing::Closed);
    assert_eq!(found("HTTP/1.0 204 No Content\r\n"), Standing::Closed);
    assert_eq!(found("HTTP/1.0 204 No Content\r\n\r\nHTTP/1.0 500 E"), Standing::Unsolicited);
    // Nobody knows where such a body was meant to end.
    let both =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n";
    assert_eq!(whole(both), (200, String::new(), Standing::Closed));
    let to_the_end = "HTTP/1.1 200 OK\r\n\r\nall of it";
    assert_eq!(whole(to_the_end), (200, "all of it".to_owned(), Standing::Closed));
}

#[test]
fn an_answer_to_head_has_no_body() {
    let mut framing = Framing::of(&http::Method::HEAD, MOST);
    assert!(framing.add(b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n").expect("well-formed"));
    let (response, found) = framing.take().expect("whole");
    assert_eq!((response.body, found), (Some(Vec::new()), Standing::Ready));
}

#[test]
fn what_ends_too_soon_is_not_whole() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        assert_eq!(read(text.as_bytes(), &[]), Ok(None), "{text:?}");
    }
}

#[test]
fn what_is_malformed_is_said() {
    let chunked =
        |body: &str| wrong(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
    assert_eq!(wrong("SSH-2.0-OpenSSH_9.2\r\n"), Malformed::Start);
    assert_eq!(wrong("HTTP/2.0 200 OK\r\n\r\n"), Malformed::Start);
    assert_eq!(wrong("HTTP/1.1 200 OK\rhm\r\n\r\n"), Malformed::Status);
    assert_eq!(wrong("HTTP/1.1 2x0 OK\r\n\r\n"), Malformed::Status);
    assert_eq!(wrong("HTTP/1.1 099 OK\r\n\r\n"), Malformed::Status);
    assert_eq!(wrong("HTTP/1.1 200 OK\r\na b: c\r\n\r\n"), Malformed::Header);
    assert_eq!(wrong("HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\n"), Malformed::Length);
    assert_eq!(wrong("HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n\r\n"), Malformed::Length);
    assert_eq!(wrong("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n"), Malformed::Length);
    let old = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(wrong(old), Malformed::Encoding);
    assert_eq!(chunked("zz\r\n"), Malformed::ChunkSize);
    assert_eq!(chunked("\r\n"), Malformed::ChunkSize);
    assert_eq!(chunked("3\nabc"), Malformed::ChunkSize);
    assert_eq!(chunked("10000000000000000\r\n"), Malformed::ChunkSize);
    assert_eq!(chunked(&"0".repeat(17)), Malformed::ChunkSize);
    assert_eq!(chunked("0\r\nHTTP/1.1 201 Created\r\n\r\n"), Malformed::Header);
    assert_eq!(chunked(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(101))), Malformed::Headers);
    assert_eq!(chunked("3\r\nabcd\r\n"), Malformed::ChunkEnd);
    assert_eq!(chunked(&format!("3;{}", "x".repeat(20_000))), Malformed::ChunkExtras);
    assert_eq!(chunked(&format!("0\r\nx: {}", "x".repeat(20_000))), Malformed::ChunkExtras);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert_eq!(wrong(&many), Malformed::Headers);
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(MOST_HEAD));
    assert_eq!(wrong(&long), Malformed::Head);
    assert_eq!(read(long.as_bytes(), &[5]), Err(Malformed::Head));
    assert_eq!(wrong(&format!("{long}\r\n\r\n")), Malformed::Head);
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(MOST_INTERIM as usize + 1);
    assert!(matches!(wrong(&flood), Malformed::Interim(_)));
}

#[test]
fn a_body_over_the_cap_is_not_read_further() {
    for text in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{}", "x".repeat(1001)),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{}", "x".repeat(1001)),
        format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001)),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{}no end",
            "x".repeat(1001)
        ),
    ] {
        let mut framing = Framing::of(&http::Method::POST, MOST);
        assert!(framing.add(text.as_bytes()).expect("well-formed"));
        assert_eq!(framing.take().expect("ended").0.body, None);
    }
}

/// What hyper makes of the same bytes.
async fn by_hyper(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.ok()?;
    let driving = tokio::spawn(connection);
    let request = http::Request::post("/").body(Full::new(Bytes::new())).expect("is a request");
    let answered = async {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        Some((head.status.as_u16(), body.collect().await.ok()?.to_bytes().to_vec()))
    };
    let serving = async move {
        // Not before it was asked.
        tokio::io::AsyncReadExt::read(&mut theirs, &mut [0; 64]).await.expect("reads");
        theirs.write_all(bytes).await.expect("writes");
        drop(theirs);
    };
    let (answer, ()) = tokio::join!(answered, serving);
    driving.abort();
    answer
}

/// First lines.
const STARTS: [&str; 13] = [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 201 Created\r\n",
    "HTTP/1.1 204 None\r\n",
    "HTTP/1.1 304\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\n",
    "HTTP/2 200\r\n",
    "HTTP/1.1 20 OK\r\n",
    "\r\nHTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\n",
    "junk\r\n",
    "HTTP/1.1 099 X\r\n",
];

/// Lines of a head.
const FIELDS: [&str; 23] = [
    "content-length: 5\r\n",
    "content-length: 5\r\n",
    "Content-Length: 7\r\n",
    "content-length: 5,5\r\n",
    "content-length: 05\r\n",
    "content-length: -1\r\n",
    "content-length: \r\n",
    "content-length: 5x\r\n",
    "content-length : 5\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: gzip\r\n",
    "transfer-encoding: chunked, gzip\r\n",
    "transfer-encoding: CHUNKED \r\n",
    "connection: close\r\n",
    "transfer-encoding: \u{e4}\r\n",
    "x: y\r\n",
    "x: \u{e4}\r\n",
    "x:\r\n",
    ": y\r\n",
    " folded\r\n",
    "x\r\n",
    "x: \0\r\n",
];

/// Pieces of a body.
const PARTS: [&str; 26] = [
    "5\r\nhello\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\n\r\n",
    "hello",
    "a;b=c\r\n0123456789\r\n",
    "5 \r\nhello\r\n",
    "5\nhello\r\n",
    "5\r\nhello",
    "5\r\nhello!\r\n",
    "g\r\n",
    "ffffffffffffffffff\r\n",
    "0\r\nx: y\r\n\r\n",
    "\r\n",
    "-1\r\n",
    "05\r\nhello\r\n",
    " 5\r\nhello\r\n",
    "0;x\r\n\r\n",
    "5\t;\r\nhello\r\n",
    "5;\n\r\nhello\r\n",
    "5 5\r\nhello\r\n",
    "0\r\nx: y\n\r\n",
    "0 5\r\nhello\r\n",
    "0\r\nno header\r\n\r\n",
    "0\r\nHTTP/1.1 201 Created\r\nx: y\r\n\r\n",
    "0\r\nx: a\r\n b\r\n\r\n",
];

/// Answers as they are and as they shouldn't be.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let (start, field) = (prop::sample::select(&STARTS[..]), prop::sample::select(&FIELDS[..]));
    let part = prop::sample::select(&PARTS[..]);
    let (fields, parts) = (prop::collection::vec(field, 0..3), prop::collection::vec(part, 0..4));
    (start, fields, prop::bool::weighted(0.95), parts).prop_map(|(start, fields, ends, parts)| {
        let end = if ends { "\r\n" } else { "" };
        [start, &fields.concat(), end, &parts.concat()].concat().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_is_the_same_in_whatever_pieces_it_comes(
        bytes in answers(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
        let each: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(read(&bytes, &each), read(&bytes, &[]));
    }

    #[test]
    fn hyper_reads_the_same(bytes in answers()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let theirs = runtime.block_on(by_hyper(&bytes));
        let ours = read(&bytes, &[]).ok().flatten();
        let ours = ours.map(|(status, body, _)| (status, body.expect("short")));
        prop_assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(&bytes));
    }
}
