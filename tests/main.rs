//! The one test program: the real binary in a sandboxed folder, judged from outside.
#![allow(missing_docs, clippy::unwrap_used)]

mod generated;
mod house;
mod keys;
mod readme;
mod sandbox;
