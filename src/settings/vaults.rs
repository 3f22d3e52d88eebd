//! Vaults with names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::nearest;
use super::path::whole_path;
use super::text::Text;
use crate::error::Error;
use crate::key::{Invalid, quoted};

/// The longest name, in characters.
const MAX_LENGTH: usize = 64;

/// The end of a vault's file, which no name has.
const FILE_END: &str = ".db";

/// The vaults that the settings name.
#[derive(Clone, Debug, Default)]
pub struct Vaults(BTreeMap<VaultName, PathBuf>);

/// A vault's name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit, and not ending
/// in `.db`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VaultName(String);

/// The path of a named vault.
#[derive(Clone, Debug)]
pub(super) struct VaultPath(PathBuf);

impl<'de> Deserialize<'de> for VaultPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        whole_path(from).map(Self)
    }
}

/// Whether what was given as a vault is a name of one, and no path.
pub fn is_vault_name(given: &Path) -> bool {
    let text = given.as_os_str().as_encoded_bytes();
    !text.contains(&b'/') && !text.ends_with(FILE_END.as_bytes())
}

impl VaultName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VaultName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_name = text.len() <= MAX_LENGTH && text.bytes().all(is_allowed);
        if starts_well && is_name && is_vault_name(text.as_ref()) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "a vault's name is 1 to 64 of A-Z a-z 0-9 . _ -, begins with a letter or digit, \
                    and does not end in .db";
        Err(Invalid::new("a vault's name", text, rule).with_hint("write it as in `staging`"))
    }
}

impl Vaults {
    pub(super) fn new(vaults: BTreeMap<Text<VaultName>, VaultPath>) -> Self {
        let vaults = vaults.into_iter();
        Self(
            vaults
                .map(|(Text(name), VaultPath(path))| (name, path))
                .collect(),
        )
    }

    /// All names and paths, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Path)> {
        let vaults = self.0.iter();
        vaults.map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// The path of a vault that was given by its name or its path.
    ///
    /// # Errors
    /// If no vault has the name.
    pub fn path(&self, given: PathBuf) -> Result<PathBuf, Error> {
        if !is_vault_name(&given) {
            return Ok(given);
        }
        let text = given.to_string_lossy();
        if let Some((_, path)) = self.iter().find(|(name, _)| *name == text) {
            return Ok(path.to_owned());
        }
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        let file = format!("`./{text}` is a file of that name");
        let hint = match (nearest(&text, &names), names.as_slice()) {
            (Some(name), _) => format!("did you mean `{name}`? {file}"),
            (None, []) => format!("{file}; [vaults] in the settings names vaults"),
            (None, names) => format!("the settings name {}; {file}", names.join(", ")),
        };
        let message = format!("the settings name no vault {}", quoted(&text));
        Err(Error::usage(message).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vaults(names: &[&str]) -> Vaults {
        let path = |name: &&str| VaultPath(format!("/srv/{name}/vault.db").into());
        let vaults = names
            .iter()
            .map(|name| (Text(name.parse().expect(name)), path(name)));
        Vaults::new(vaults.collect())
    }

    #[test]
    fn a_path_is_never_taken_for_a_name() {
        let named = vaults(&["staging", "prod"]);
        for (given, path) in [
            ("staging", "/srv/staging/vault.db"),
            ("prod", "/srv/prod/vault.db"),
            ("./staging", "./staging"),
            ("/srv/x", "/srv/x"),
            ("staging.db", "staging.db"),
            ("staging/vault", "staging/vault"),
        ] {
            let found = named.path(given.into()).expect(given);
            assert_eq!(found, Path::new(path), "{given}");
        }
    }

    #[test]
    fn a_name_that_is_not_defined_is_an_error_with_those_that_are() {
        for (names, given, hint) in [
            (
                &["staging", "prod"][..],
                "stagin",
                "did you mean `staging`?",
            ),
            (
                &["staging", "prod"],
                "x",
                "the settings name prod, staging; `./x` is",
            ),
            (
                &[],
                "staging",
                "`./staging` is a file of that name; [vaults] in",
            ),
            (&["staging"], "STAGING", "`./STAGING` is a file"),
        ] {
            let error = vaults(names).path(given.into()).expect_err(given);
            let message = format!("the settings name no vault `{given}`");
            assert_eq!(error.to_string(), message);
            let found = error.hint().unwrap_or_default();
            assert!(found.contains(hint), "{given}: {found}");
        }
    }

    #[test]
    fn a_name_is_one_that_a_path_cannot_be() {
        for text in ["staging", "eu-1", "team.shop", "9"] {
            assert!(text.parse::<VaultName>().is_ok(), "{text}");
        }
        for text in [
            "",
            "a/b",
            "vault.db",
            ".hidden",
            "-x",
            "a b",
            "größe",
            &"x".repeat(65),
        ] {
            assert!(text.parse::<VaultName>().is_err(), "{text}");
        }
    }
}
