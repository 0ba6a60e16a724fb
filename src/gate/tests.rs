//! The rules of DESIGN.md, "Verdict", one by one.
