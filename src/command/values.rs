//! Parsers that the verbs share: words out of a closed list, completed by the shell.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// A parser for one of `all`, each known by its word.
pub(super) fn one_of<T, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(word)).map(move |text| {
        all.into_iter()
            .find(|&one| word(one) == text)
            .expect("clap let only these words through")
    })
}

/// The word by which the command line knows a value.
pub(super) fn word(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}
