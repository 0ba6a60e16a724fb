//! Randomness that is the same for the same words, on every platform and in every version.

use rand::rand_core::{Rng, SeedableRng};
use rand::rngs::Xoshiro256PlusPlus;

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of `SplitMix64` (Steele, Lea, Flood: "Fast splittable
/// pseudorandom number generators", 2014): a bijection in which every bit of the
/// input moves about half the bits of the output.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One number from several: each word is folded in by a round of `SplitMix64`, so
/// words that differ in one place (arrival 7 and 8) give unrelated numbers.
pub(super) fn fold(words: &[u64]) -> u64 {
    words.iter().fold(0, |state, word| mix((state ^ word).wrapping_add(GOLDEN)))
}

/// A number from a text: FNV-1a, 64 bit, mixed once more.
pub(super) fn fold_text(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash)
}

/// A stream of random values that a few words decide: xoshiro256++ from four
/// rounds of `SplitMix64`. Values are derived by the formulas here and not by rand's
/// distributions, whose results may change from one of its versions to the next.
pub(super) struct Draw(Xoshiro256PlusPlus);

impl Draw {
    /// The stream of `words`.
    pub(super) fn of(words: &[u64]) -> Self {
        let mut state = fold(words);
        let mut seed = [0; 32];
        for eight in seed.chunks_exact_mut(8) {
            state = state.wrapping_add(GOLDEN);
            eight.copy_from_slice(&mix(state).to_le_bytes());
        }
        Self(Xoshiro256PlusPlus::from_seed(seed))
    }

    /// 64 random bits.
    pub(super) fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// `length` lower-case letters and digits.
    pub(super) fn alphanumeric(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| char::from(ALPHABET[self.below(ALPHABET.len())])).collect()
    }

    /// A number from 0 to `bound` - 1; 0 when `bound` is 0. Multiply and shift
    /// (Lemire 2019) without its rejection step: the bias is below `bound` / 2^64.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 to just below 1, in steps of 2^-53.
    pub(super) fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `choices`; `None` when there are none.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }

    /// `length` characters of url-safe base64.
    pub(super) fn text(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..length).map(|_| char::from(ALPHABET[self.below(ALPHABET.len())])).collect()
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values worked out apart from this code (in Python, from the papers' formulas):
    /// a change of any of them makes old runs unrepeatable.
    #[test]
    fn the_stream_of_the_same_words_never_changes() {
        // The first output of `SplitMix64` from state 0 is e220a8397b1dcdaf (Vigna).
        assert_eq!(fold(&[0]), 0xe220_a839_7b1d_cdaf);
        let mut draw = Draw::of(&[1, 2, 3]);
        let values: Vec<usize> = (0..6).map(|_| draw.below(1000)).collect();
        assert_eq!(values, [287, 968, 659, 917, 456, 778]);
        assert_eq!(Draw::of(&[1, 2, 3]).text(12), "S9q6dxlRsPbA");
        assert_eq!(fold_text("run-1"), 0x9ccf_6179_fa6a_acd7);
    }

    #[test]
    fn neighbours_are_unrelated_and_values_are_even() {
        let mut counts = [0_u32; 10];
        let mut sum = 0.0;
        for n in 0..10_000 {
            let mut draw = Draw::of(&[42, n]);
            counts[draw.below(10)] += 1;
            sum += draw.share();
        }
        assert!(counts.iter().all(|count| (880..1120).contains(count)), "{counts:?}");
        assert!((sum / 10_000.0 - 0.5).abs() < 0.02);
        assert_eq!(Draw::of(&[1]).below(0), 0);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<usize> = (0..50).collect();
        Draw::of(&[7]).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
