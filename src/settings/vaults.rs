//! Vaults with names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::nearest;
use super::path::whole_address;
use super::text::Text;
use crate::error::Error;
use crate::key::{Invalid, quoted};
use crate::vault::VaultAddress;

/// The longest name, in characters.
const MAX_LENGTH: usize = 64;

/// The end of a vault's file, which no name has.
const FILE_END: &str = ".db";

/// The vaults that the settings name.
#[derive(Clone, Debug, Default)]
pub struct Vaults(BTreeMap<VaultName, VaultAddress>);

/// A vault's name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit, and not ending
/// in `.db`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VaultName(String);

/// The address of a named vault.
#[derive(Clone, Debug)]
pub(super) struct NamedVault(VaultAddress);

impl<'de> Deserialize<'de> for NamedVault {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        whole_address(from).map(Self)
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
    pub(super) fn new(vaults: BTreeMap<Text<VaultName>, NamedVault>) -> Self {
        let vaults = vaults.into_iter();
        Self(
            vaults
                .map(|(Text(name), NamedVault(address))| (name, address))
                .collect(),
        )
    }

    /// All names and addresses, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &VaultAddress)> {
        let vaults = self.0.iter();
        vaults.map(|(name, address)| (name.as_str(), address))
    }

    /// The address of a vault that was given by it, or by its name or path.
    ///
    /// # Errors
    /// If no vault has the name, or the address of a database is invalid.
    pub fn address(&self, given: PathBuf) -> Result<VaultAddress, Error> {
        let text = given.to_string_lossy();
        if VaultAddress::is_url(&text) {
            return Ok(text.parse()?);
        }
        if !is_vault_name(&given) {
            return Ok(given.into());
        }
        if let Some((_, address)) = self.iter().find(|(name, _)| *name == text) {
            return Ok(address.to_owned());
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
        let path = |name: &&str| {
            let path = PathBuf::from(format!("/srv/{name}/vault.db"));
            NamedVault(path.into())
        };
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
            let found = named.address(given.into()).expect(given);
            assert_eq!(found.file(), Some(Path::new(path)), "{given}");
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
            let error = vaults(names).address(given.into()).expect_err(given);
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
