//! Words that were mistyped, and those that were most likely meant.

/// What to say about a word that is none of those that are right: the one that was most likely
/// meant, or all of them.
pub fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("valid values: {}", known.join(", ")),
    }
}

/// The word that was most likely meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(word, name);
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.7).then_some(*best)
}
