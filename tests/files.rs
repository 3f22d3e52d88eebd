//! Files that postkey writes, and files that it trusts: which, where, and whose.

mod emergencies;
mod named;
mod overwritten;
mod pipes;
mod swapped;
mod trusted;
mod unsynced;
