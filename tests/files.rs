//! Files that postkey writes, and files that it obeys: which, where, and whose.

mod overwritten;
mod swapped;
mod trusted;
