//! Counts by place while spans are recorded: room for what was met, not for all that might be.

use super::packed::{HALF, HIGHEST_MICROS, index};

/// Places that get their room together.
const BLOCK: usize = 64;
/// How often that goes into a power of two.
const BLOCKS: usize = HALF as usize / BLOCK;
/// Powers of two up to the longest span.
const OCTAVES: usize = (index(HIGHEST_MICROS) / HALF) as usize + 1;

/// Counts of places next to one another.
#[derive(Clone, Debug)]
enum Block {
    /// None of them is above 255: late answers are few, and lie far apart.
    Few(Box<[u8; BLOCK]>),
    Many(Box<[u32; BLOCK]>),
}

type Octave = [Option<Block>; BLOCKS];

/// Counts of spans by their places. Some hundred of these are filled at once: one late answer
/// takes a small block of each that it enters, where a list up to the longest span would grow
/// by all that lies between.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    octaves: [Option<Box<Octave>>; OCTAVES],
    all: u64,
}

impl Counts {
    /// Counts `n` more at a place.
    pub(super) fn add(&mut self, index: u64, n: u32) {
        let (octave, place) = ((index / HALF) as usize, (index % HALF) as usize);
        // No span is longer than the longest.
        let Some(octave) = self.octaves.get_mut(octave) else { return };
        let block = &mut octave.get_or_insert_default()[place / BLOCK];
        block.get_or_insert_with(|| Block::Few(Box::new([0; BLOCK]))).add(place % BLOCK, n);
        self.all = self.all.saturating_add(n.into());
    }

    /// All counts together.
    pub(super) const fn all(&self) -> u64 {
        self.all
    }

    /// Places with a count, ascending.
    pub(super) fn steps(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let octaves = (0..).step_by(HALF as usize).zip(&self.octaves);
        let octaves = octaves.filter_map(|(at, octave)| Some((at, octave.as_deref()?)));
        let blocks = octaves.flat_map(|(at, octave)| (at..).step_by(BLOCK).zip(octave));
        let blocks = blocks.filter_map(|(at, block)| Some((at, block.as_ref()?)));
        let places = blocks.flat_map(|(at, block)| (at..).zip(block.counts()));
        places.filter(|(_, n)| *n > 0).map(|(at, n)| (at, u64::from(n)))
    }
}

impl Block {
    fn add(&mut self, place: usize, n: u32) {
        if let Self::Few(counts) = self {
            if let Ok(sum) = u8::try_from(n.saturating_add(counts[place].into())) {
                counts[place] = sum;
                return;
            }
            *self = Self::Many(Box::new(counts.map(u32::from)));
        }
        if let Self::Many(counts) = self {
            counts[place] = counts[place].saturating_add(n);
        }
    }

    fn counts(&self) -> impl Iterator<Item = u32> + '_ {
        let (few, many): (&[u8], &[u32]) = match self {
            Self::Few(few) => (few.as_slice(), &[]),
            Self::Many(many) => (&[], many.as_slice()),
        };
        few.iter().map(|n| u32::from(*n)).chain(many.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_map_that_adds_up(
            places in prop::collection::vec((0..=index(HIGHEST_MICROS), 0_u32..300), 0..60),
            often in 0_u64..3,
        ) {
            let mut counts = Counts::default();
            let mut map: BTreeMap<u64, u64> = BTreeMap::new();
            for (at, n) in places.iter().cycle().take(places.len() * often as usize) {
                counts.add(*at, *n);
                *map.entry(*at).or_default() += u64::from(*n);
            }
            map.retain(|_, n| *n > 0);
            prop_assert_eq!(counts.all(), map.values().sum::<u64>());
            prop_assert!(counts.steps().eq(map));
        }
    }

    #[test]
    fn a_late_answer_takes_one_small_block() {
        let blocks = |counts: &Counts| {
            let all = counts.octaves.iter().flatten().flat_map(|octave| octave.iter().flatten());
            let (few, many): (Vec<_>, Vec<_>) =
                all.partition(|block| matches!(block, Block::Few(_)));
            (few.len(), many.len())
        };
        let mut counts = Counts::default();
        (0..30_000).for_each(|n| counts.add(index(400 + n % 64), 1));
        assert_eq!(blocks(&counts), (0, 2));
        counts.add(index(2_000_000), 1);
        assert_eq!(blocks(&counts), (1, 2));
        // What is counted beyond any count stays the most there is.
        counts.add(index(2_000_000), u32::MAX);
        assert!(counts.steps().last() == Some((index(2_000_000), u32::MAX.into())));
    }
}
