//! What has been seen before, in bounded memory.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Remembers the last `most` things by a 64-bit hash, oldest forgotten first.
///
/// At a million things two of them share a hash with a chance of 3 in 10⁸,
/// which costs one wrong answer; a thing costs about 20 bytes.
#[derive(Debug)]
pub(super) struct Memory {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    most: usize,
}

impl Memory {
    /// Remembers nothing yet, and never more than `most` things.
    pub(super) fn new(most: usize) -> Self {
        Self { seen: HashSet::new(), order: VecDeque::new(), most }
    }

    /// Whether `thing` was remembered; it is from now on.
    pub(super) fn recall(&mut self, thing: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        thing.hash(&mut hasher);
        let hash = hasher.finish();
        if !self.seen.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut memory = Memory::new(3);
        assert!(["a", "b", "c"].iter().all(|thing| !memory.recall(thing)));
        assert!(memory.recall("a") && memory.recall("c"));
        assert!(!memory.recall("d"));
        assert!(memory.recall("b") && memory.recall("d"));
        assert!(!memory.recall("a"), "forgotten when d came");
        assert_eq!(memory.seen.len(), 3);
    }
}
