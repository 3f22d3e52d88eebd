//! Counts and lists as words.

use crate::key::quoted;

/// `1 key`, `3 keys`
pub fn counted(count: impl Into<i128>, one: &str, many: &str) -> String {
    match count.into() {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// How many names are listed.
const MAX_NAMED: usize = 5;

/// `` `web`, `ci` and 3 more``
pub fn quoted_names(names: &[String]) -> String {
    first_few(names.iter().map(|name| quoted(name)), MAX_NAMED)
}

/// The first of some words, and the number of others.
pub fn first_few(mut words: impl Iterator<Item = String>, most: usize) -> String {
    let first: Vec<String> = words.by_ref().take(most).collect();
    let first = first.join(", ");
    match words.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
