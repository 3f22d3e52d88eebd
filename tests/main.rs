//! The one test program: the real binary in a sandboxed folder, judged from outside.
#![allow(missing_docs, clippy::unwrap_used)]

mod backup;
mod check;
mod completing;
mod damage;
mod edges;
mod gateway;
mod generated;
mod house;
mod keys;
mod leaks;
mod mail;
mod permissions;
mod place;
mod prompts;
mod readme;
mod reveal;
mod rotate;
mod sandbox;
mod save;
mod secrecy;
mod serve;
mod text;
mod together;
mod usage;
