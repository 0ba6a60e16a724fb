//! A small histogram of one second: buckets and how often each was met, in order.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::packed::{read_varint, write_varint};

/// Buckets by their numbers, each with a count: a map that is gone through far more often than
/// it is changed. Copies share it until one of them changes: of a checkpoint's hundreds of
/// seconds that is the last one. Stored as a map.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// A list while it is added to. Where it is there, nothing is in `closed`.
    open: Option<Arc<Vec<(u16, u32)>>>,
    /// Of each how far it is from the one before, and its count, in two or three bytes: what
    /// hundreds of seconds hold is the most that grows while a run lasts.
    closed: Arc<[u8]>,
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl Eq for Buckets {}

impl Buckets {
    /// Counts `n` more in `bucket`.
    pub fn add(&mut self, bucket: u16, n: u32) {
        let all = self.open();
        match all.binary_search_by_key(&bucket, |(own, _)| *own) {
            Ok(place) => all[place].1 += n,
            Err(place) => all.insert(place, (bucket, n)),
        }
    }

    /// Adds all of `other`, in time that grows with both.
    pub fn merge(&mut self, other: &Self) {
        let all = self.open();
        let mut place = 0;
        let mut news = Vec::new();
        for (bucket, n) in other {
            while all.get(place).is_some_and(|(own, _)| *own < bucket) {
                place += 1;
            }
            match all.get_mut(place).filter(|(own, _)| *own == bucket) {
                Some((_, count)) => *count += n,
                None => news.push((bucket, n)),
            }
        }
        if !news.is_empty() {
            all.extend(news);
            // Two runs in order: that is found, and they are merged.
            all.sort_by_key(|(bucket, _)| *bucket);
        }
    }

    fn open(&mut self) -> &mut Vec<(u16, u32)> {
        let closed = std::mem::take(&mut self.closed);
        let open = self.open.get_or_insert_with(|| Arc::new(Places::closed(&closed).collect()));
        Arc::make_mut(open)
    }

    /// Nothing more is likely to be added: takes as little room as it can.
    pub fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let mut bytes = Vec::with_capacity(3 * open.len());
        let mut before = 0;
        for (bucket, n) in open.iter() {
            write_varint((bucket - before).into(), &mut bytes);
            write_varint((*n).into(), &mut bytes);
            before = *bucket;
        }
        self.closed = bytes.into();
    }

    /// Buckets and counts, ascending.
    #[must_use]
    pub fn iter(&self) -> Places<'_> {
        let open = self.open.as_ref().map_or_else(Default::default, |open| open.iter());
        Places { open, ..Places::closed(&self.closed) }
    }

    /// How many bytes its places take.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| open.capacity() * size_of::<(u16, u32)>());
        open + self.closed.len()
    }

    /// The highest bucket.
    #[must_use]
    pub fn highest(&self) -> Option<u16> {
        self.iter().last().map(|(bucket, _)| bucket)
    }

    /// All counts together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, n)| u64::from(n)).sum()
    }
}

/// Goes through buckets, in whichever form they are kept: the other one is empty.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    open: std::slice::Iter<'a, (u16, u32)>,
    closed: &'a [u8],
    at: u16,
}

impl<'a> Places<'a> {
    fn closed(closed: &'a [u8]) -> Self {
        Self { open: [].iter(), closed, at: 0 }
    }
}

impl Iterator for Places<'_> {
    type Item = (u16, u32);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(place) = self.open.next() {
            return Some(*place);
        }
        self.at += read_varint(&mut self.closed)? as u16;
        Some((self.at, read_varint(&mut self.closed)? as u32))
    }
}

impl<'a> IntoIterator for &'a Buckets {
    type Item = (u16, u32);
    type IntoIter = Places<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<(u16, u32)> for Buckets {
    fn from_iter<I: IntoIterator<Item = (u16, u32)>>(all: I) -> Self {
        let mut buckets = Self::default();
        all.into_iter().for_each(|(bucket, n)| buckets.add(bucket, n));
        buckets
    }
}

impl Serialize for Buckets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Buckets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Buckets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counts by bucket")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Buckets, A::Error> {
                let mut all: Vec<(u16, u32)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                // In order, as they are written; whoever sorted them as texts is read too. Of
                // one that is there twice the last counts, as in any map.
                if !all.is_sorted_by(|(one, _), (next, _)| one < next) {
                    all.reverse();
                    all.sort_by_key(|(bucket, _)| *bucket);
                    all.dedup_by_key(|(bucket, _)| *bucket);
                }
                let mut read = Buckets { open: Some(Arc::new(all)), ..Buckets::default() };
                read.close();
                Ok(read)
            }
        }

        deserializer.deserialize_map(Reader)
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
            one in prop::collection::vec((0_u16..700, 0_u32..1000), 0..40),
            other in prop::collection::vec((0_u16..700, 0_u32..1000), 0..40),
            close: bool,
        ) {
            let mut map: BTreeMap<u16, u32> = BTreeMap::new();
            for (bucket, n) in one.iter().chain(&other) {
                *map.entry(*bucket).or_default() += n;
            }
            let mut buckets: Buckets = one.into_iter().collect();
            let mut other: Buckets = other.into_iter().collect();
            if close {
                buckets.close();
                other.close();
            }
            buckets.merge(&other);
            let mut closed = buckets.clone();
            closed.close();
            prop_assert_eq!(&closed, &buckets);
            prop_assert_eq!(closed.total(), map.values().map(|n| u64::from(*n)).sum::<u64>());
            prop_assert!(buckets.iter().eq(map.iter().map(|(bucket, n)| (*bucket, *n))));
            prop_assert_eq!(buckets.highest(), map.keys().next_back().copied());
            let text = serde_json::to_string(&buckets).expect("serialises");
            prop_assert_eq!(&text, &serde_json::to_string(&map).expect("serialises"));
            prop_assert_eq!(serde_json::from_str::<Buckets>(&text).expect("is read"), buckets);
        }
    }

    #[test]
    fn in_whatever_order_they_stand_they_are_read() {
        let read: Buckets = serde_json::from_str(r#"{"12":1,"7":2}"#).expect("is read");
        assert!(read.iter().eq([(7, 2), (12, 1)]));
        let twice: Buckets = serde_json::from_str(r#"{"7":2,"3":5,"7":9}"#).expect("is read");
        assert!(twice.iter().eq([(3, 5), (7, 9)]));
        assert!(serde_json::from_str::<Buckets>(r#"{"70000":1}"#).is_err());
    }

    #[test]
    fn a_copy_is_shared_until_one_of_both_changes() {
        let mut one: Buckets = [(3, 1), (9, 2)].into_iter().collect();
        let copy = one.clone();
        let kept = |buckets: &Buckets| std::ptr::from_ref(buckets.iter().open.as_slice());
        assert_eq!(kept(&one), kept(&copy));
        one.add(3, 4);
        assert!(one.iter().eq([(3, 5), (9, 2)]) && copy.iter().eq([(3, 1), (9, 2)]));
    }

    #[test]
    fn closed_it_holds_the_largest_there_may_be_in_few_bytes() {
        let widest = [(0, 0), (1, u32::MAX), (u16::MAX, u32::MAX)];
        let mut buckets: Buckets = widest.into_iter().collect();
        buckets.close();
        assert!(buckets.iter().eq(widest));
        buckets = (300..400).map(|bucket| (bucket, 9)).collect();
        buckets.close();
        assert_eq!(buckets.room(), 201);
    }
}
