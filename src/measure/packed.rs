//! A histogram as it is stored, HDR V2's run lengths, read where it lies.

/// The longest span told apart: one hour, in microseconds.
pub(super) const HIGHEST_MICROS: u64 = 3_600_000_000;
/// Significant digits kept.
pub(super) const DIGITS: u8 = 3;

/// Bytes before the counts: cookie, length, offset, digits, lowest, highest, ratio.
const HEADER: usize = 40;
/// HDR V2, with words of a byte and more.
const COOKIE: u32 = 0x1c84_9303 | 0x10;
/// Spans that share a power of two, to three digits.
pub(super) const HALF: u64 = 1024;
/// The longest text that a histogram can have: a byte or two for each of its places.
pub(super) const MOST_TEXT: usize = 256 << 10;

/// Counts of spans from 1 µs to 1 h, in the bytes of HDR V2: checked when they were
/// read, so that they can be gone through without a doubt.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    bytes: Box<[u8]>,
    count: u64,
}

impl Packed {
    /// Writes places with a count, ascending, byte by byte as `hdrhistogram` does: equal
    /// counts are equal bytes, however they came about.
    pub(super) fn written(steps: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut bytes = vec![0; HEADER];
        let (mut next, mut count) = (0, 0);
        for (at, n) in steps {
            match at - next {
                0 => {}
                // One without a count is written as it is, several as how many they are.
                1 => bytes.push(0),
                gap => write_varint(gap * 2 - 1, &mut bytes),
            }
            write_varint(n * 2, &mut bytes);
            (next, count) = (at + 1, count + n);
        }
        if next == 0 {
            return Self::default();
        }
        let (lowest, size) = place(next - 1);
        // It begins with two octaves, whose end isn't told.
        let highest = if next > 2 * HALF { lowest + size - 1 } else { 2 };
        let length = (bytes.len() - HEADER) as u32;
        let head = [COOKIE, length, 0, DIGITS.into()].map(u32::to_be_bytes).concat();
        let rest = [1, highest, 1_f64.to_bits()].map(u64::to_be_bytes).concat();
        bytes.splice(..HEADER, head.into_iter().chain(rest));
        Self { bytes: bytes.into(), count }
    }

    /// Reads what may come from anybody.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, &'static str> {
        let word = |at: usize| {
            let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
            word.map(u32::from_be_bytes)
        };
        let long = |at: usize| Some(u64::from(word(at)?) << 32 | u64::from(word(at + 4)?));
        if word(0) != Some(COOKIE) {
            return Err("not an HDR V2 histogram");
        }
        let length = word(4).and_then(|length| usize::try_from(length).ok());
        if length != bytes.len().checked_sub(HEADER) {
            return Err("the histogram has another length than it says");
        }
        // What it says of its highest value tells how it grew, and nothing is made by it.
        let ours = (word(8), word(12), long(16)) == (Some(0), Some(DIGITS.into()), Some(1));
        if !ours {
            return Err("not a histogram of 1 µs to 1 h to three digits");
        }
        let (mut rest, mut at, mut count) = (bytes.get(HEADER..).unwrap_or_default(), 0_u64, 0_u64);
        while !rest.is_empty() {
            let word = varint(&mut rest).ok_or("the histogram breaks off")?;
            at = at.saturating_add(if word < 0 { word.unsigned_abs() } else { 1 });
            if at > index(HIGHEST_MICROS) + 1 {
                return Err("the histogram goes past an hour");
            }
            if word > i64::from(u32::MAX) {
                return Err("the histogram counts more than can be counted");
            }
            count += u64::try_from(word).unwrap_or(0);
        }
        Ok(Self { bytes: bytes.into(), count })
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Places with a count, ascending.
    pub(super) fn steps(&self) -> Steps<'_> {
        Steps { rest: self.bytes.get(HEADER..).unwrap_or_default(), at: 0 }
    }

    /// The first and the last place with a count; `None`: there is none.
    pub(super) fn ends(&self) -> Option<(u64, u64)> {
        let mut steps = self.steps().map(|(index, _)| index);
        let first = steps.next()?;
        Some((first, steps.last().unwrap_or(first)))
    }

    /// Whether spans that were counted so can have that sum, in nanoseconds.
    pub(super) fn may_add_up_to(&self, sum: u64) -> bool {
        let (mut least, mut most) = (0_u128, 0_u128);
        let last = index(HIGHEST_MICROS);
        for (index, count) in self.steps() {
            let (low, size) = place(index);
            let count = u128::from(count);
            // Rounded to whole microseconds; shorter than one counts as one.
            let lowest = if low <= 1 { 0 } else { u128::from(low) * 1000 - 500 };
            let highest = u128::from(low + size) * 1000;
            least += count * lowest;
            // Longer than an hour counts as an hour; a sum that can't be stored neither.
            most += if index >= last { u128::from(u64::MAX) } else { count * highest };
        }
        // What saturated was larger.
        u128::from(sum) <= most && (u128::from(sum) >= least || sum == u64::MAX)
    }
}

/// Goes through the counts.
pub(super) struct Steps<'a> {
    rest: &'a [u8],
    at: u64,
}

impl Iterator for Steps<'_> {
    /// A place, and its count.
    type Item = (u64, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let word = varint(&mut self.rest)?;
            let here = self.at;
            if word < 0 {
                self.at += word.unsigned_abs();
                continue;
            }
            self.at += 1;
            if word > 0 {
                return Some((here, word.unsigned_abs()));
            }
        }
    }
}

/// Takes a zig-zag word, as HDR V2 has them.
fn varint(rest: &mut &[u8]) -> Option<i64> {
    let value = read_varint(rest)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Takes a word of 7 bits a byte, at most nine bytes long.
pub(super) fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for n in 0..9 {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        let byte = u64::from(*byte);
        // The ninth has no bit to say that there are more.
        if n == 8 || byte < 0x80 {
            value |= byte << (7 * n);
            break;
        }
        value |= (byte & 0x7f) << (7 * n);
    }
    Some(value)
}

/// Adds a word of 7 bits a byte. None here has more than 34: how it ends beyond 56 is not asked.
pub(super) fn write_varint(mut word: u64, bytes: &mut Vec<u8>) {
    while word >= 0x80 {
        bytes.push(word as u8 | 0x80);
        word >>= 7;
    }
    bytes.push(word as u8);
}

/// The place of a span of so many microseconds.
pub(super) const fn index(micros: u64) -> u64 {
    // Eleven bits are kept.
    let shift = 53 - (micros | (2 * HALF - 1)).leading_zeros() as u64;
    shift * HALF + (micros >> shift)
}

/// The lowest span of a place, in microseconds, and how many share it.
const fn place(index: u64) -> (u64, u64) {
    let shift = (index / HALF).saturating_sub(1);
    ((index - shift * HALF) << shift, 1 << shift)
}

/// The span that a place stands for, in microseconds.
pub(super) const fn median(index: u64) -> u64 {
    let (lowest, size) = place(index);
    lowest + size / 2
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer as _, V2Serializer};
    use proptest::prelude::*;

    use super::*;

    fn bytes(histogram: &Histogram<u32>) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(histogram, &mut bytes).expect("is written");
        bytes
    }

    proptest! {
        /// Against the library that writes them.
        #[test]
        fn what_the_library_wrote_is_read(
            values in prop::collection::vec((0_u32..32, 0_u64..1 << 32, 1_u32..70_000), 1..60),
        ) {
            let mut histogram = Histogram::<u32>::new(DIGITS).expect("three digits");
            histogram.auto(true);
            for (shift, value, count) in values {
                let value = (value >> shift).clamp(1, HIGHEST_MICROS);
                histogram.record_n(value, count).expect("fits");
                prop_assert_eq!(median(index(value)), histogram.median_equivalent(value));
                prop_assert_eq!(place(index(value)).0, histogram.lowest_equivalent(value));
            }
            let packed = Packed::read(bytes(&histogram)).expect("reads");
            prop_assert_eq!(packed.count(), histogram.len());
            let theirs: Vec<(u64, u64)> = histogram
                .iter_recorded()
                .map(|step| (index(step.value_iterated_to()), step.count_since_last_iteration()))
                .collect();
            prop_assert_eq!(packed.steps().collect::<Vec<_>>(), theirs);
            // And as they write it, so it is written here.
            let mut fresh = Histogram::<u32>::new(DIGITS).expect("three digits");
            fresh.auto(true);
            fresh.add(&histogram).expect("grows");
            let written = Packed::written(packed.steps());
            prop_assert_eq!(written.bytes(), bytes(&fresh));
            prop_assert_eq!(written.count(), histogram.len());
        }

        #[test]
        fn what_anybody_wrote_is_refused_or_read_without_a_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..80), header: bool, highest: u64,
        ) {
            if header {
                let length = bytes.len() as u32;
                let mut whole = COOKIE.to_be_bytes().to_vec();
                whole.extend([length, 0, DIGITS.into(), 0, 1].map(u32::to_be_bytes).concat());
                whole.extend(highest.to_be_bytes());
                whole.extend([0; 8]);
                whole.append(&mut bytes);
                bytes = whole;
            }
            if let Ok(packed) = Packed::read(bytes) {
                prop_assert_eq!(packed.steps().map(|(_, n)| n).sum::<u64>(), packed.count());
                prop_assert!(packed.steps().all(|(at, _)| median(at) <= 2 * HIGHEST_MICROS));
            }
        }
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut histogram = Histogram::<u32>::new(DIGITS).expect("three digits");
        histogram.auto(true);
        histogram.record(5).expect("fits");
        let honest = bytes(&histogram);
        assert!(Packed::read(honest.clone()).is_ok());
        for (at, byte) in [(0, 0), (4, 0xff), (7, 0xff), (11, 1), (15, 2), (23, 0)] {
            let mut lying = honest.clone();
            lying[at] = byte;
            assert!(Packed::read(lying).is_err(), "byte {at}");
        }
    }
}
