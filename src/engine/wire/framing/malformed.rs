//! What may be wrong with an answer, and how much of one is taken.

use crate::engine::wire::answer::TooManyInterim;

/// The longest head that is taken.
pub(super) const MOST_HEAD: usize = 256 * 1024;
/// Header lines that are taken.
pub(super) const MOST_FIELDS: usize = 100;

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine::wire) enum Malformed {
    #[error("the head of the answer isn't made of lines as HTTP/1.1 has them")]
    Lines,
    #[error("what came doesn't begin as an HTTP/1.1 answer does")]
    Start,
    #[error("the first line of the answer isn't a version, a status and words")]
    Status,
    #[error("a header of the answer has a name or value with characters that none may have")]
    Header,
    #[error("the answer has more than {MOST_FIELDS} headers")]
    Headers,
    #[error("the answer's head is longer than {} KiB", MOST_HEAD / 1024)]
    Head,
    #[error("the answer's Content-Length is no number, or says two different ones")]
    Length,
    #[error("the answer is HTTP/1.0 and has a Transfer-Encoding, which only 1.1 knows")]
    Encoding,
    #[error("a chunk of the answer doesn't begin with its size and a line's end")]
    ChunkSize,
    #[error("a chunk of the answer doesn't end where its size says")]
    ChunkEnd,
    #[error("a chunk's extensions, or what follows the last one, are too long")]
    ChunkExtras,
    #[error(transparent)]
    Interim(#[from] TooManyInterim),
}

impl Malformed {
    /// Whether it is HTTP, and only more of it than is taken.
    pub(in crate::engine::wire) const fn is_too_much(self) -> bool {
        matches!(self, Self::Headers | Self::Head | Self::ChunkExtras)
    }
}

impl From<httparse::Error> for Malformed {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::Version => Self::Start,
            httparse::Error::Status => Self::Status,
            httparse::Error::HeaderName | httparse::Error::HeaderValue => Self::Header,
            httparse::Error::TooManyHeaders => Self::Headers,
            _ => Self::Lines,
        }
    }
}
