//! (room target)
