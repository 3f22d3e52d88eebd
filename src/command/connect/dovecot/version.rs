//! Versions of Dovecot and their syntax.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use which::which_in;

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process;
use crate::ui::{ALLOWS_WEAK, refused_by_dovecot_2_4};
use crate::vault::Vault;

/// Where Debian and source builds install the server; not in every user's `PATH`.
const FOLDERS: &str = "/usr/local/sbin:/usr/sbin";

/// A version with its own syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::command::connect) enum Version {
    /// Dovecot 2.3, as in Debian 12
    #[value(name = "2.3")]
    V2_3,
    /// Dovecot 2.4, as in Debian 13
    #[value(name = "2.4")]
    V2_4,
}

/// A version's syntax, with placeholders.
pub(super) struct VersionWords {
    pub(super) name: &'static str,
    /// The settings that must come first.
    pub(super) head: &'static str,
    pub(super) database: &'static str,
    pub(super) query: &'static str,
    /// The same for a vault in PostgreSQL.
    pub(super) server: &'static str,
    pub(super) server_query: &'static str,
    pub(super) vault_passdbs: &'static str,
    pub(super) export_passdbs: &'static str,
    /// The comment on hashes that it considers weak.
    pub(super) weak: &'static str,
    /// The comment on its login reports.
    pub(super) attributes: &'static str,
}

const V2_3: VersionWords = VersionWords {
    name: "2.3",
    head: "",
    database: include_str!("2.3/database.conf"),
    query: include_str!("2.3/query.conf"),
    server: include_str!("2.3/server.conf"),
    server_query: include_str!("2.3/server-query.conf"),
    vault_passdbs: include_str!("2.3/passdbs-vault.conf"),
    export_passdbs: include_str!("2.3/passdbs-export.conf"),
    weak: "",
    attributes: include_str!("2.3/attributes.conf"),
};

const V2_4: VersionWords = VersionWords {
    name: "2.4",
    head: include_str!("2.4/head.conf"),
    database: include_str!("2.4/database.conf"),
    query: include_str!("2.4/query.conf"),
    server: include_str!("2.4/server.conf"),
    server_query: include_str!("2.4/server-query.conf"),
    vault_passdbs: include_str!("2.4/passdbs-vault.conf"),
    export_passdbs: include_str!("2.4/passdbs-export.conf"),
    weak: include_str!("2.4/weak.conf"),
    attributes: include_str!("2.4/attributes.conf"),
};

impl Version {
    pub(in crate::command::connect) const NEWEST: Self = Self::V2_4;

    /// The version to print for by default: the installed Dovecot, or the newest version with a
    /// note.
    pub(in crate::command::connect) fn choose(context: &Context) -> Result<Self, Error> {
        let newest = Self::NEWEST.spelling().name;
        let Some(program) = program() else {
            context.ui.note(format!(
                "no Dovecot found here: this is for Dovecot {newest}; --dovecot 2.3 prints for 2.3"
            ));
            return Ok(Self::NEWEST);
        };
        let said = version_output(&program);
        match numbers(&said) {
            Some((2, 3)) => Ok(Self::V2_3),
            Some((2, 4)) => Ok(Self::V2_4),
            Some(numbers) if numbers < (2, 3) => Err(too_old(numbers)),
            _ => {
                let program = quoted(&program.to_string_lossy());
                context.ui.note(format!(
                    "{program} is neither Dovecot 2.3 nor 2.4: this is for Dovecot {newest}"
                ));
                Ok(Self::NEWEST)
            }
        }
    }

    /// Warns of passwords in the vault that the version refuses.
    pub(in crate::command::connect) fn warn_of_refused(
        self,
        vault: &Vault,
        context: &Context,
    ) -> Result<(), Error> {
        let refused = match self {
            Self::V2_3 => Vec::new(),
            Self::V2_4 => vault.refused_by_dovecot_2_4()?,
        };
        if !refused.is_empty() {
            let refused = refused_by_dovecot_2_4(&refused);
            context.ui.warn(format!("{refused}; {ALLOWS_WEAK}"));
        }
        Ok(())
    }

    pub(super) fn spelling(self) -> &'static VersionWords {
        match self {
            Self::V2_3 => &V2_3,
            Self::V2_4 => &V2_4,
        }
    }
}

/// The version of the installed Dovecot.
fn program() -> Option<PathBuf> {
    let paths = process::search_path().unwrap_or_default();
    let named = which_in("dovecot", Some(paths), "/");
    named
        .or_else(|_| which_in("dovecot", Some(FOLDERS), "/"))
        .ok()
}

/// The output of `dovecot --version`; empty if it cannot be run.
fn version_output(program: &Path) -> String {
    let mut command = Command::new(program);
    let output = command.arg("--version").stdin(Stdio::null()).output();
    let said = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).into_owned()
}

/// The first two numbers of a version, such as `2.3.19.1 (9b53102964)`.
fn numbers(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.trim_start().split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?;
    let digits = minor.find(|letter: char| !letter.is_ascii_digit());
    let minor = &minor[..digits.unwrap_or(minor.len())];
    Some((major, minor.parse().ok()?))
}

fn too_old((major, minor): (u32, u32)) -> Error {
    let message =
        format!("Dovecot {major}.{minor} is installed here, but the oldest supported is 2.3");
    Error::new(ExitStatus::Trouble, message)
        .with_hint("upgrade it; for a Dovecot elsewhere, name its version with --dovecot")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_parsed_from_dovecots_output() {
        for (said, expected) in [
            ("2.3.19.1 (9b53102964)\n", Some((2, 3))),
            ("2.4.1-4 (7d8c0e5759)\n", Some((2, 4))),
            ("2.4\n", Some((2, 4))),
            ("2.4-rc1\n", Some((2, 4))),
            ("2.30.0\n", Some((2, 30))),
            ("3.0.0\n", Some((3, 0))),
            ("1.2.15\n", Some((1, 2))),
            ("", None),
            ("2\n", None),
            ("2.x\n", None),
            ("dovecot: unrecognized option '--version'\n", None),
            ("-2.4\n", None),
            ("99999999999.4\n", None),
        ] {
            assert_eq!(numbers(said), expected, "{said}");
        }
    }
}
