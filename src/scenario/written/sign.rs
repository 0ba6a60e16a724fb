//! Signatures over a request: HMAC-SHA256, Stripe's way or any other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::super::stripe;
use super::spec::{Encoding, Scheme, SignSpec};
use crate::secret::Secret;

/// The value of the signature's header. `payload` is what the template of the payload
/// gave, `unix` whole seconds since 1970.
pub(super) fn signature(
    spec: &SignSpec,
    secret: &Secret,
    unix: u64,
    body: &[u8],
    payload: &[u8],
) -> String {
    if let Scheme::Stripe = spec.scheme {
        return stripe::sign(secret, unix, body);
    }
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(payload);
    let bytes = mac.finalize().into_bytes();
    let text = match spec.encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
    };
    format!("{}{text}", spec.prefix)
}
