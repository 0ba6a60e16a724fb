//! A body in chunks: each says its size, the last one is empty (RFC 9112, 7.1).

use super::malformed::{MOST_FIELDS, Malformed};

/// Extensions of all chunks, and what follows the last, may take so many bytes: nobody reads them.
const MOST_EXTRAS: u32 = 16 * 1024;
/// Digits of a size.
const MOST_DIGITS: u32 = 16;

/// Where in its chunks a body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    /// Blanks after the size.
    Blank,
    Extension,
    /// Before the line feed that ends the line of a size.
    SizeEnd,
    /// So many bytes are left of the chunk.
    Data(u64),
    /// Before the line's end after the data.
    DataEnd,
    DataFeed,
    /// At the beginning of a line after the last chunk.
    Trailer,
    /// Within such a line.
    TrailerLine,
    /// Before the line feed that ends it.
    TrailerFeed,
    /// Before the line feed of the last, empty line.
    End,
}

/// Reads chunks, however they are cut into pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    at: At,
    size: u64,
    digits: u32,
    extras: u32,
    /// Lines after the last chunk.
    trailer: Vec<u8>,
}

impl Chunks {
    /// Hands the data in `piece` to `data`. How many bytes are left over, once the body is
    /// whole, or `data` wants no more.
    ///
    /// # Errors
    /// Where those are no chunks.
    pub(super) fn add(
        &mut self,
        piece: &[u8],
        mut data: impl FnMut(&[u8]) -> bool,
    ) -> Result<Option<usize>, Malformed> {
        let mut left = piece;
        while let Some((byte, after)) = left.split_first() {
            if let At::Data(size) = self.at {
                let here = left.len().min(usize::try_from(size).unwrap_or(usize::MAX));
                let wanted = data(&left[..here]);
                left = &left[here..];
                if !wanted {
                    return Ok(Some(left.len()));
                }
                let rest = size - here as u64;
                self.at = if rest == 0 { At::DataEnd } else { At::Data(rest) };
                continue;
            }
            left = after;
            if self.read(*byte)? {
                return Ok(Some(left.len()));
            }
        }
        Ok(None)
    }

    /// A byte that is none of the data; whether it is the last.
    fn read(&mut self, byte: u8) -> Result<bool, Malformed> {
        self.at = match (self.at, byte) {
            (At::Start | At::Size, _) if byte.is_ascii_hexdigit() => self.digit(byte)?,
            (At::Size | At::Blank | At::Extension, b'\r') => At::SizeEnd,
            (At::Size | At::Blank, b' ' | b'\t') => self.extra(At::Blank)?,
            (At::Size | At::Blank, b';') => self.extra(At::Extension)?,
            // A line feed alone ends a line for some and not for others.
            (At::Extension, _) if byte != b'\n' => self.extra(At::Extension)?,
            (At::SizeEnd, b'\n') => {
                self.digits = 0;
                match std::mem::take(&mut self.size) {
                    0 => At::Trailer,
                    size => At::Data(size),
                }
            }
            (At::Start | At::Size | At::Blank | At::Extension | At::SizeEnd, _) => {
                return Err(Malformed::ChunkSize);
            }
            (At::DataEnd, b'\r') => At::DataFeed,
            (At::DataFeed, b'\n') => At::Start,
            (At::Trailer, b'\r') => At::End,
            (At::TrailerLine, b'\r') => self.trailer(byte, At::TrailerFeed)?,
            (At::TrailerFeed, b'\n') => self.trailer(byte, At::Trailer)?,
            (At::Trailer | At::TrailerLine, _) => self.trailer(byte, At::TrailerLine)?,
            (At::End, b'\n') => return self.ended(),
            (At::DataEnd | At::DataFeed | At::TrailerFeed | At::End | At::Data(_), _) => {
                return Err(Malformed::ChunkEnd);
            }
        };
        Ok(false)
    }

    fn trailer(&mut self, byte: u8, at: At) -> Result<At, Malformed> {
        self.trailer.push(byte);
        self.extra(at)
    }

    /// What follows the last chunk are header lines, or an answer whose head lacks its end
    /// could hide there.
    fn ended(&mut self) -> Result<bool, Malformed> {
        if !self.trailer.is_empty() {
            self.trailer.extend(b"\r\n");
            httparse::parse_headers(&self.trailer, &mut [httparse::EMPTY_HEADER; MOST_FIELDS])?;
        }
        Ok(true)
    }

    fn digit(&mut self, byte: u8) -> Result<At, Malformed> {
        self.digits += 1;
        if self.digits > MOST_DIGITS {
            return Err(Malformed::ChunkSize);
        }
        let digit = char::from(byte).to_digit(16).map(u64::from);
        let size = self.size.checked_mul(16).zip(digit).map(|(size, digit)| size + digit);
        self.size = size.ok_or(Malformed::ChunkSize)?;
        Ok(At::Size)
    }

    fn extra(&mut self, at: At) -> Result<At, Malformed> {
        self.extras += 1;
        if self.extras > MOST_EXTRAS { Err(Malformed::ChunkExtras) } else { Ok(at) }
    }
}
