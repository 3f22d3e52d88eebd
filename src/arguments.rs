//! Value parsers that the commands share: words from a closed list, completed by the shell, and
//! paths.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use strum::{ParseError, VariantArray};

use crate::key::{Invalid, looks_like_a_secret};
use crate::settings::expanded;

/// A parser for the words of an enum's values.
pub fn one_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + Into<&'static str> + FromStr<Err = ParseError> + Copy + Send + Sync,
{
    PossibleValuesParser::new(T::VARIANTS.iter().map(|&one| one.into()))
        .try_map(|text| T::from_str(&text))
}

/// The word for a value on the command line.
pub fn word(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// The meaning of `-` where a path is expected.
#[derive(Clone, Copy, Debug)]
pub enum DashMeaning {
    /// Standard input or output, as the command supports.
    Stream,
    /// Not supported, for this reason.
    Nothing(&'static str),
}

/// A parser for paths of files; refuses secrets and `-`.
pub fn paths() -> impl TypedValueParser<Value = PathBuf> {
    parser("a path", DashMeaning::Nothing("must be a file"))
}

/// A parser for paths, or `-` for standard input or output.
pub fn paths_or_dash() -> impl TypedValueParser<Value = PathBuf> {
    parser("a path", DashMeaning::Stream)
}

/// A parser for paths of what `what` describes.
pub fn parser(what: &'static str, dash: DashMeaning) -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(move |text| path(what, text, dash))
}

/// Whether a path is `-`, standard input or output.
pub fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

fn path(what: &'static str, text: OsString, dash: DashMeaning) -> Result<PathBuf, Invalid> {
    let lossy = text.to_string_lossy();
    let refused = |rule, hint| Err(Invalid::new(what, &lossy, rule).with_hint(hint));
    let example = "name a file, as in `/srv/postkey/file`";
    match dash {
        _ if text.is_empty() => refused("a path must not be empty", example),
        DashMeaning::Stream if lossy == "-" => Ok(PathBuf::from(text)),
        DashMeaning::Nothing(why) if lossy == "-" => refused(why, "`./-` is a file of that name"),
        _ if looks_like_a_secret(&lossy) => refused("it looks like a secret", example),
        _ => match expanded(&text) {
            Ok(path) => Ok(path),
            Err(rule) => refused(rule, "use the full path; `./~…` is a file of that name"),
        },
    }
}
