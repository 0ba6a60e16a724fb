//! Secrets that can't be printed or serialised, and the mask for text that may quote one.

mod clean;
mod escapes;
mod excerpt;
mod forms;
mod known;
mod mask;
#[cfg(test)]
mod tests;
mod view;

pub use clean::{clean, text_of};
pub use excerpt::excerpt;
pub use known::Secret;
pub use mask::{NO_WORD, mask, shows_secret};
