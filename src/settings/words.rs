//! Suggestions for misspelled words.

/// The hint for an invalid word: the closest valid one, or all of them.
pub fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("valid values: {}", known.join(", ")),
    }
}

/// The closest valid word.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(word, name);
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.7).then_some(*best)
}
