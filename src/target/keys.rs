//! API keys: which are known, whose they are, and new ones.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// A customer: what usage and the key's limiters are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Customer(pub(super) u64);

/// Customers of configured keys are numbered from here, apart from onboarded ones.
const CONFIGURED: u64 = 1 << 62;
/// Customers made up for unknown keys while the key check is off.
const STRANGERS: u64 = 1 << 63;

/// Recognises keys. A key that was handed out carries its customer's number and
/// a tag that only this ring can make, so that any number of customers needs no
/// memory.
#[derive(Clone, Debug)]
pub(super) struct Keyring {
    configured: HashMap<String, Customer>,
    mac: Hmac<Sha256>,
}

impl Keyring {
    /// Knows `keys`, and every key that a ring of the same `seed` made.
    pub(super) fn new(keys: &[Secret], seed: u64) -> Self {
        let configured = (CONFIGURED..)
            .zip(keys)
            .map(|(number, key)| (key.expose().to_owned(), Customer(number)))
            .collect();
        Self { configured, mac: keyed(seed) }
    }

    /// Whose `key` is.
    pub(super) fn owner(&self, key: &str) -> Option<Customer> {
        if let Some(customer) = self.configured.get(key) {
            return Some(*customer);
        }
        let bytes = URL_SAFE_NO_PAD.decode(key.strip_prefix("rsolv_")?).ok()?;
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        let (number, tag) = bytes.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(*number) ^ self.veil(tag);
        (self.key(number) == key).then_some(Customer(number))
    }

    /// The key of customer `number`: `rsolv_` and 43 characters of URL-safe base64.
    pub(super) fn key(&self, number: u64) -> String {
        let tag = self.digest(b"key", &number.to_be_bytes());
        let tag = &tag[..24];
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number ^ self.veil(tag)).to_be_bytes());
        bytes[8..].copy_from_slice(tag);
        format!("rsolv_{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A credential as a provider would issue it; `n` tells one from the next.
    pub(super) fn credential(&self, provider: &str, n: u64) -> String {
        let digest = self.digest(provider.as_bytes(), &n.to_be_bytes());
        format!("sk-{provider}-{}", URL_SAFE_NO_PAD.encode(digest))
    }

    /// Hides the number in a key, which would otherwise begin with `AAAAAA`.
    fn veil(&self, tag: &[u8]) -> u64 {
        let digest = self.digest(b"veil", tag);
        digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    fn digest(&self, label: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(label);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

fn keyed(seed: u64) -> Hmac<Sha256> {
    // A whole block, so that making the MAC can't fail.
    let mut block = [0; 64];
    block[..8].copy_from_slice(&seed.to_be_bytes());
    block[8..33].copy_from_slice(b"load-gate embedded target");
    Hmac::new(&block.into())
}

/// The customer that an unknown `key` stands for while keys aren't checked.
pub(super) fn stranger(key: &str) -> Customer {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    Customer(STRANGERS | hasher.finish())
}

/// `n` API keys for a target of its own, that `seed` decides.
#[must_use]
pub fn example_keys(seed: u64, n: usize) -> Vec<Secret> {
    let ring = Keyring::new(&[], seed);
    (CONFIGURED..).take(n).map(|number| Secret::new(ring.key(number))).collect()
}

/// A webhook secret for a target of its own, that `seed` decides.
#[must_use]
pub fn example_webhook_secret(seed: u64) -> Secret {
    let digest = Keyring::new(&[], seed).digest(b"webhook", &[]);
    Secret::new(format!("whsec_{}", hex::encode(&digest[..24])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_handed_out_is_known_and_shaped() {
        let ring = Keyring::new(&[Secret::new("opaque")], 5);
        let key = ring.key(4_711);
        assert_eq!(key.len(), 6 + 43);
        assert!(key[6..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(ring.owner(&key), Some(Customer(4_711)));
        assert_eq!(ring.owner("opaque"), Some(Customer(CONFIGURED)));
        assert_ne!(ring.key(4_712)[..10], key[..10]);
    }

    #[test]
    fn nothing_else_is_known() {
        let ring = Keyring::new(&[], 5);
        let key = ring.key(4_711);
        for at in 0..key.len() {
            let mut forged = key.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(ring.owner(&String::from_utf8(forged).unwrap()), None);
        }
        assert_eq!(ring.owner(&format!("rsolv_{}", "a".repeat(43))), None);
        assert_eq!(ring.owner(""), None);
        assert_eq!(Keyring::new(&[], 6).owner(&key), None, "of another seed");
    }

    #[test]
    fn example_secrets_differ_by_seed_and_number() {
        let keys = example_keys(1, 3);
        assert_ne!(keys[0].expose(), keys[1].expose());
        assert_ne!(keys[0].expose(), example_keys(2, 1)[0].expose());
        assert!(example_webhook_secret(1).expose().starts_with("whsec_"));
    }
}
