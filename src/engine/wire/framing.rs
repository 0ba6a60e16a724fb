//! An HTTP/1.1 answer as its bytes come, in whatever pieces: its head, and where its body ends.
//!
//! After RFC 9112: httparse reads the head, section 6.3 says where the body ends. What is
//! malformed is refused; nothing is guessed.

mod chunks;
mod malformed;
#[cfg(test)]
mod tests;

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use self::chunks::Chunks;
use self::malformed::{MOST_FIELDS, MOST_HEAD};
use super::answer::{Collected, MOST_INTERIM, Standing, TooManyInterim};
use crate::engine::transport::Response;

pub(super) use self::malformed::Malformed;

/// How the end of a body is known.
#[derive(Debug, PartialEq, Eq)]
enum Body {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunks),
    /// It ends with the connection.
    ToTheEnd,
}

/// What there is of an answer.
enum Part {
    Head(Vec<u8>),
    Body { status: u16, headers: HeaderMap, body: Body, collected: Collected },
    Whole(Response),
}

/// One answer, final and whole once it has come.
pub(super) struct Framing {
    part: Part,
    /// Whether it is to HEAD: such an answer has no body, whatever it says.
    bodiless: bool,
    /// The longest body that is taken.
    most: u64,
    interim: u32,
    /// Whether another answer may follow on the connection.
    keeps: bool,
    /// Whether more came than the answer.
    beyond: bool,
}

impl Framing {
    /// Of the answer to `method`; a body longer than `most` bytes isn't read to its end.
    pub(super) fn of(method: &http::Method, most: u64) -> Self {
        Self {
            part: Part::Head(Vec::new()),
            bodiless: method == http::Method::HEAD,
            most,
            interim: 0,
            keeps: true,
            beyond: false,
        }
    }

    /// Adds what came next. Whether the answer is whole with that.
    ///
    /// # Errors
    /// When that is no answer.
    pub(super) fn add(&mut self, piece: &[u8]) -> Result<bool, Malformed> {
        if let Part::Head(head) = &mut self.part {
            let seen = head.len();
            head.extend_from_slice(piece);
            return self.read_heads(seen)?.map_or(Ok(false), |rest| self.add_body(&rest));
        }
        self.add_body(piece)
    }

    /// The connection has ended. Whether the answer is whole with that.
    ///
    /// # Errors
    /// When what came is no beginning of an answer either.
    pub(super) fn ends(&mut self) -> Result<bool, Malformed> {
        match &mut self.part {
            Part::Head(head) => {
                read_head(&Bytes::from(std::mem::take(head)))?;
            }
            Part::Body { body: Body::ToTheEnd, .. } => self.complete(),
            Part::Body { .. } | Part::Whole(_) => {}
        }
        Ok(matches!(self.part, Part::Whole(_)))
    }

    /// The answer, where it is whole, and how the connection stands after it.
    pub(super) fn take(self) -> Option<(Response, Standing)> {
        let Part::Whole(response) = self.part else { return None };
        let standing = match (self.beyond, self.keeps) {
            (true, _) => Standing::Unsolicited,
            (false, true) => Standing::Ready,
            (false, false) => Standing::Closed,
        };
        Some((response, standing))
    }

    /// Reads heads up to that of the final answer: what follows it. `seen` of the bytes had
    /// been looked at before.
    fn read_heads(&mut self, seen: usize) -> Result<Option<Bytes>, Malformed> {
        let Part::Head(head) = &mut self.part else { return Ok(None) };
        let new = &head[seen.saturating_sub(3)..];
        // Who drips a head isn't read from the start with each byte.
        if seen > 0 && !ends_a_head(new) {
            return if head.len() > MOST_HEAD { Err(Malformed::Head) } else { Ok(None) };
        }
        let mut text = Bytes::from(std::mem::take(head));
        loop {
            let Some(read) = read_head(&text)? else {
                if text.len() > MOST_HEAD {
                    return Err(Malformed::Head);
                }
                self.part = Part::Head(text.into());
                return Ok(None);
            };
            if read.length > MOST_HEAD {
                return Err(Malformed::Head);
            }
            let rest = text.slice(read.length..);
            if let 100 | 102..=199 = read.status {
                self.interim += 1;
                if self.interim > MOST_INTERIM {
                    return Err(TooManyInterim.into());
                }
                text = rest;
                continue;
            }
            self.begin_body(read)?;
            return Ok(Some(rest));
        }
    }

    fn begin_body(&mut self, head: Head) -> Result<(), Malformed> {
        let Head { status, minor, headers, .. } = head;
        let says = |what| tokens(&headers, &header::CONNECTION).any(|said| is(said, what));
        self.keeps = !says("close") && (minor > 0 || says("keep-alive"));
        let none = self.bodiless || matches!(status, 101 | 204 | 304);
        // What another protocol would follow on takes no more requests.
        self.keeps &= status != 101;
        let body = if none {
            Body::Length(0)
        } else if headers.contains_key(header::TRANSFER_ENCODING) {
            // RFC 9112, 6.1: with both, whoever sent it may have meant another end.
            self.keeps &= !headers.contains_key(header::CONTENT_LENGTH);
            let last = tokens(&headers, &header::TRANSFER_ENCODING).last();
            match last {
                _ if minor == 0 => return Err(Malformed::Encoding),
                Some(last) if is(last, "chunked") => Body::Chunked(Chunks::default()),
                _ => Body::ToTheEnd,
            }
        } else {
            length(&headers)?.map_or(Body::ToTheEnd, Body::Length)
        };
        self.keeps &= body != Body::ToTheEnd;
        let expected = if let Body::Length(length) = body { Some(length) } else { None };
        let collected = Collected::new(self.most, expected);
        self.part = Part::Body { status, headers, body, collected };
        Ok(())
    }

    fn add_body(&mut self, piece: &[u8]) -> Result<bool, Malformed> {
        let Part::Body { body, collected, .. } = &mut self.part else {
            self.goes_beyond(piece);
            return Ok(true);
        };
        let (rest, whole) = match body {
            Body::Length(left) => {
                let here = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= here as u64;
                (piece.len() - here, !collected.add(&piece[..here]) || *left == 0)
            }
            Body::Chunked(chunks) => {
                let rest = chunks.add(piece, |data| collected.add(data))?;
                (rest.unwrap_or(0), rest.is_some())
            }
            Body::ToTheEnd => (0, !collected.add(piece)),
        };
        if whole {
            self.complete();
            self.goes_beyond(&piece[piece.len() - rest..]);
        }
        Ok(whole)
    }

    /// More came than the answer. Behind one that ends its connection an empty line says
    /// nothing, nor do bytes of the protocol that a 101 has switched to.
    fn goes_beyond(&mut self, rest: &[u8]) {
        let Part::Whole(response) = &self.part else { return };
        let says = |byte: &u8| self.keeps || !matches!(byte, b'\r' | b'\n');
        self.beyond |= response.status != 101 && rest.iter().any(says);
    }

    fn complete(&mut self) {
        let part = std::mem::replace(&mut self.part, Part::Head(Vec::new()));
        self.part = match part {
            Part::Body { status, headers, collected, .. } => {
                Part::Whole(collected.response(status, headers))
            }
            other => other,
        };
    }
}

/// The answer to a POST that comes in these pieces before its connection ends, where it is
/// whole and well-formed; a body longer than `most` bytes is left out. For whoever tries what
/// the load takes for an answer.
pub fn read_answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, most: u64) -> Option<Response> {
    let mut framing = Framing::of(&http::Method::POST, most);
    for piece in pieces {
        framing.add(piece).ok()?;
    }
    framing.ends().ok()?;
    Some(framing.take()?.0)
}

/// The head of one answer, interim or final.
struct Head {
    /// Bytes it has.
    length: usize,
    status: u16,
    /// Of the version 1.x.
    minor: u8,
    headers: HeaderMap,
}

/// Reads a head where it is whole.
fn read_head(text: &Bytes) -> Result<Option<Head>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut answer, text, &mut fields);
    let httparse::Status::Complete(length) = parsed? else { return Ok(None) };
    let (Some(status), Some(minor)) = (answer.code, answer.version) else { return Ok(None) };
    if status < 100 {
        return Err(Malformed::Status);
    }
    let mut headers = HeaderMap::with_capacity(answer.headers.len());
    for field in answer.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed::Header)?;
        let value = HeaderValue::from_maybe_shared(text.slice_ref(field.value));
        headers.append(name, value.map_err(|_| Malformed::Header)?);
    }
    Ok(Some(Head { length, status, minor, headers }))
}

/// Whether an empty line is among the bytes.
fn ends_a_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|two| two == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// What a header lists, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let listed = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    listed.filter(|said| !said.is_empty())
}

fn is(said: &[u8], what: &str) -> bool {
    said.eq_ignore_ascii_case(what.as_bytes())
}

/// `Content-Length`, where the answer has one. Said twice alike it is said once (RFC 9112, 6.3).
fn length(headers: &HeaderMap) -> Result<Option<u64>, Malformed> {
    let mut found = None;
    for line in headers.get_all(header::CONTENT_LENGTH) {
        for said in line.to_str().map_err(|_| Malformed::Length)?.split(',').map(str::trim) {
            let digits = !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit());
            let length = said.parse().ok().filter(|_| digits).ok_or(Malformed::Length)?;
            if found.replace(length).is_some_and(|before: u64| before != length) {
                return Err(Malformed::Length);
            }
        }
    }
    Ok(found)
}
