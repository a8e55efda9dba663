//! The milter.
