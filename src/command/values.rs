//! Parsers that the verbs share: words out of a closed list, completed by the shell.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};

use crate::key::{Invalid, looks_like_a_secret};

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

/// A parser for paths; a secret is not one.
pub fn paths() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(path)
}

fn path(text: OsString) -> Result<PathBuf, Invalid> {
    path_of("a path", text, None)
        .map_err(|invalid| invalid.hint("name a file, as in `/srv/postkey/vault.db`"))
}

/// The path of what it is called; no secret, and not `-` if something stands against that.
pub(super) fn path_of(
    what: &'static str,
    text: OsString,
    against_dash: Option<&'static str>,
) -> Result<PathBuf, Invalid> {
    let lossy = text.to_string_lossy();
    let rule = match against_dash {
        _ if text.is_empty() => "a path is not empty",
        Some(why) if lossy == "-" => why,
        _ if looks_like_a_secret(&lossy) => "it looks like a secret",
        _ => return Ok(PathBuf::from(text)),
    };
    Err(Invalid::new(what, &lossy, rule))
}
