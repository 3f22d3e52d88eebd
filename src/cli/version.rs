//! `--version`, and with `--verbose` the details for a bug report.

use std::env;
use std::env::consts::{ARCH, OS};

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process;
use crate::ui::Ui;
use crate::{usage, vault};

/// Whether only the version is asked for: that is answered without building the whole definition,
/// which would take longer than everything else together.
pub(super) fn is_only_version() -> bool {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let is_version = |word: &_| word == "--version" || word == "-V";
    words.iter().any(is_version)
        && words
            .iter()
            .all(|word| is_version(word) || word == "--verbose")
}

/// Prints the version as clap would, and the details with `--verbose`.
pub(super) fn print(ui: &Ui) -> Result<ExitStatus, Error> {
    let version = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n");
    let is_verbose = env::args_os().any(|word| word == "--verbose");
    let details = if is_verbose { details() } else { String::new() };
    ui.print(&format!("{version}{details}"))?;
    Ok(ExitStatus::Done)
}

/// The details for a bug report, one per line.
fn details() -> String {
    let schemas = |schemas: std::ops::RangeInclusive<i64>| {
        let (oldest, newest) = schemas.into_inner();
        format!("{newest}, reads {oldest} to {newest}")
    };
    let lines = [
        ("vault schema", schemas(vault::schemas())),
        ("usage record", schemas(usage::versions())),
        ("SQLite", vault::sqlite_version().to_owned()),
        ("target", target()),
        ("system", process::system()),
    ];
    let lines = lines.map(|(name, value)| format!("{name} {value}\n"));
    lines.concat()
}

/// `x86_64-linux-musl`
fn target() -> String {
    let library = match cfg!(target_env = "musl") {
        true => "musl",
        false => "gnu",
    };
    format!("{ARCH}-{OS}-{library}")
}

/// The error that `--verbose` only applies to `--version`.
pub(super) fn verbose_without_version() -> Error {
    Error::usage("--verbose applies to --version only")
        .with_hint("`postkey --version --verbose` prints what a bug report needs")
}
