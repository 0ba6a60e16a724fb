//! Stripe's webhook signature: HMAC-SHA256 over `<t>.<body>`, keyed by the secret as it stands.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Signs with one secret, whose key is prepared once for all requests.
pub(super) struct Signer(Option<Hmac<Sha256>>);

impl Signer {
    /// The key is the secret verbatim, its `whsec_` prefix included
    /// (<https://docs.stripe.com/webhooks#verify-manually>).
    pub(super) fn new(secret: &Secret) -> Self {
        // HMAC takes keys of any length.
        Self(Hmac::new_from_slice(secret.expose().as_bytes()).ok())
    }

    /// The value of `Stripe-Signature` for `body` as sent at `unix` (whole seconds
    /// since 1970): `t=<unix>,v1=<lower-case hex>`.
    pub(super) fn sign(&self, unix: u64, body: &[u8]) -> String {
        let Some(mut mac) = self.0.clone() else { return String::new() };
        let mut header = format!("t={unix},v1=");
        mac.update(&header.as_bytes()[2..header.len() - 4]);
        mac.update(b".");
        mac.update(body);
        let mut hex = [0; 64];
        // As long as twice a SHA-256: it fits.
        let _ = hex::encode_to_slice(mac.finalize().into_bytes(), &mut hex);
        header.extend(hex.map(char::from));
        header
    }
}

/// One signature with a secret that is used once.
pub(super) fn sign(secret: &Secret, unix: u64, body: &[u8]) -> String {
    Signer::new(secret).sign(unix, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors made with Python's `hmac`; the first two were also put before
    /// `stripe.WebhookSignature.verify_header` of Stripe's own library, 16.1.0.
    #[test]
    fn known_answers() {
        let vectors: [(&str, u64, &[u8], &str); 3] = [
            (
                "whsec_test_secret",
                1_492_774_577,
                b"{\"id\":\"evt_1\"}",
                "t=1492774577,v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f",
            ),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                1_760_000_000,
                "{\"object\":\"event\",\"name\":\"Zoë\"}".as_bytes(),
                "t=1760000000,v1=72017bff28a5fc6f17f8c177396685fd7d1d11a83ae1f3b7c8f5acd9d8daed67",
            ),
            (
                "whsec_x",
                0,
                b"",
                "t=0,v1=4e8c2621ad6b7e8ee9325e803d12429025d82e5abc79b476cf0efabfaf9a6e57",
            ),
        ];
        for (secret, unix, body, header) in vectors {
            assert_eq!(sign(&Secret::new(secret), unix, body), header);
        }
    }

    #[test]
    fn every_part_is_signed() {
        let secret = Secret::new("whsec_a");
        let header = sign(&secret, 1, b"2.3");
        assert_ne!(header, sign(&secret, 1, b"2.4"));
        assert_ne!(header.split_once(','), sign(&secret, 12, b".3").split_once(','));
        assert_ne!(header, sign(&Secret::new("whsec_b"), 1, b"2.3"));
        // The prefix is part of the key.
        assert_ne!(header, sign(&Secret::new("a"), 1, b"2.3"));
    }
}
