//! The last look at a table: it is read as a config would be, and holds no secret by its shape.

use super::error::ImportError;
use crate::secret::mask;

/// `text`, if it can be handed out.
///
/// # Errors
/// It is no TOML, which is a mistake of ours, and is told as one.
pub(super) fn held(text: String, name: &str) -> Result<String, ImportError> {
    let masked = mask(&text, &[]);
    if masked != text {
        // Whatever it was, it isn't printed; what stands there is said by the mask.
        return Ok(masked);
    }
    match toml::from_str::<toml::Table>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(ImportError::new(format!("what was read of {name} can't be said in TOML"))),
    }
}
