//! (room report)

mod compare_text;

pub use compare_text::compare_text;
