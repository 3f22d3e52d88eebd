//! The text that names a destination.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{DestinationSpec, PresetAddress, SecretVariables};
use crate::files;
use crate::key::{Invalid, KeyName, looks_like_a_secret};
use crate::settings::{Presets, Timeout, expanded};

/// Stands for the key's name in a destination.
pub const KEY_NAME: &str = "{name}";

/// The longest destination, in bytes.
const MAX_LENGTH: usize = 4096;

/// An example of each form, for hints.
const EXAMPLES: &str = "write it as in `env:.env#API_KEY`, `file:key.txt` or \
     `vault:secret/app#key`";

/// The text that names a destination, as in `vault:secret/app#key`; `{name}` in it stands for the
/// key's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationText {
    text: String,
    /// Where the rest begins, after the colon.
    rest: usize,
}

impl FromStr for DestinationText {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = |rule| Err(Invalid::new("a destination", text, rule).with_hint(EXAMPLES));
        match text.find(':') {
            _ if looks_like_a_secret(text) => refused("it looks like a secret"),
            _ if text.len() > MAX_LENGTH => refused("it is longer than 4 KiB"),
            _ if text.chars().any(char::is_control) => refused("it contains a control character"),
            None => refused("it names no kind before a colon"),
            Some(at) => Ok(Self {
                text: text.to_owned(),
                rest: at + 1,
            }),
        }
    }
}

impl fmt::Display for DestinationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl DestinationText {
    /// The kind of destination: `vault`.
    pub fn kind(&self) -> &str {
        &self.text[..self.rest - 1]
    }

    fn rest(&self) -> &str {
        &self.text[self.rest..]
    }

    /// Whether the secret is set in a variable there.
    pub fn has_variables(&self) -> bool {
        matches!(self.kind(), "env" | "github-env" | "github-output")
    }

    /// Whether it is a file with nothing but the secret.
    pub fn is_file(&self) -> bool {
        matches!(self.kind(), "file" | "dir")
    }

    /// Whether it takes the secrets of several keys, since it names each.
    pub fn is_of_each_key(&self) -> bool {
        match self.kind() {
            _ if self.text.contains(KEY_NAME) => true,
            "dir" | "command" => true,
            "env" => !self.rest().contains('#'),
            "github-env" | "github-output" => self.rest().is_empty(),
            _ => false,
        }
    }

    /// The folder for one file per key, if it is the same for all.
    pub fn folder(&self) -> Option<Result<PathBuf, Invalid>> {
        let is_one = self.kind() == "dir" && !self.text.contains(KEY_NAME);
        is_one.then(|| self.path(self.rest().trim_end_matches('/'), Path::new("")))
    }

    /// The destination of a key's secret. Paths are relative to `folder`; `command` are the words
    /// of the command for `command:`.
    ///
    /// # Errors
    /// If there is no such destination.
    pub fn spec(
        &self,
        name: &KeyName,
        presets: &Presets,
        folder: &Path,
        command: &[CommandWord],
    ) -> Result<DestinationSpec, Invalid> {
        let rest = self.rest().replace(KEY_NAME, name.as_str());
        let path = |text: &str| self.path(text, folder);
        Ok(match self.kind() {
            "file" => DestinationSpec::File(path(&rest)?),
            "dir" => DestinationSpec::Folder(path(rest.trim_end_matches('/'))?),
            "env" => {
                let (file, variable) = match rest.rsplit_once('#') {
                    Some((file, variable)) => (file, Some(variable)),
                    None => (rest.as_str(), None),
                };
                DestinationSpec::Env {
                    file: path(file)?,
                    variables: variables(variable)?,
                }
            }
            kind @ ("github-env" | "github-output") => DestinationSpec::Job {
                variables: variables(Some(rest.as_str()).filter(|rest| !rest.is_empty()))?,
                is_output: kind == "github-output",
            },
            "command" => DestinationSpec::Command {
                words: self.words(command)?,
                timeout: Timeout::default().0,
            },
            "url" => self.of_url(&rest, name, presets)?,
            kind => {
                let text = format!("{kind}:{rest}");
                let address = PresetAddress::parse(kind, &rest, &text, presets)?;
                DestinationSpec::Preset(address)
            }
        })
    }

    /// The destination of the URL with the login, not of the secret alone.
    fn of_url(
        &self,
        rest: &str,
        name: &KeyName,
        presets: &Presets,
    ) -> Result<DestinationSpec, Invalid> {
        let inner: Self = rest.parse()?;
        let spec = match inner.kind() {
            "url" | "command" => None,
            _ => Some(inner.spec(name, presets, Path::new(""), &[])?),
        };
        let of_url = match spec {
            Some(DestinationSpec::Preset(address)) => address.of_url(),
            _ => None,
        };
        of_url.map(DestinationSpec::Preset).ok_or_else(|| {
            self.refused("`url:` names one value in a secret manager")
                .with_hint("write it as in `url:pass:shop/mail`; env files have the URL anyway")
        })
    }

    fn words(&self, command: &[CommandWord]) -> Result<Vec<String>, Invalid> {
        let rule = match command {
            _ if !self.rest().is_empty() => "nothing follows `command:`",
            [] => "it needs a command after `--`",
            words => return Ok(words.iter().map(|CommandWord(word)| word.clone()).collect()),
        };
        Err(self
            .refused(rule)
            .with_hint("write the command last, as in `--to command: -- store-secret ci`"))
    }

    fn path(&self, text: &str, folder: &Path) -> Result<PathBuf, Invalid> {
        let refused = |rule| Err(self.refused(rule).with_hint(EXAMPLES));
        if text.is_empty() || text == "-" {
            return refused("it names no path");
        }
        match expanded(text.as_ref()) {
            Ok(path) if files::is_of_folder(&path) => refused("it names a folder"),
            Ok(path) => Ok(match folder.as_os_str().is_empty() {
                true => path,
                false => folder.join(path),
            }),
            Err(rule) => refused(rule),
        }
    }

    fn refused(&self, rule: &str) -> Invalid {
        Invalid::new("a destination", &self.text, rule)
    }
}

fn variables(variable: Option<&str>) -> Result<SecretVariables, Invalid> {
    let Some(variable) = variable else {
        return Ok(SecretVariables::OfKey);
    };
    Ok(SecretVariables::Named(variable.parse()?))
}

/// A word of a command that receives a secret; no secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandWord(pub String);

impl FromStr for CommandWord {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match looks_like_a_secret(text) {
            false => Ok(Self(text.to_owned())),
            true => Err(
                Invalid::new("a word of a command", text, "it looks like a secret")
                    .with_hint("the command gets what it needs on its standard input"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<DestinationSpec, Invalid> {
        let word = CommandWord("store".to_owned());
        let name = "ci".parse().expect("a name");
        let text: DestinationText = text.parse()?;
        text.spec(&name, &Presets::default(), Path::new("/srv"), &[word])
    }

    #[test]
    fn each_form_is_understood() {
        for (text, shown) in [
            ("file:a", "`/srv/a`"),
            ("file:/a:b", "`/a:b`"),
            ("dir:keys/", "`/srv/keys`"),
            ("env:.env", "`/srv/.env`"),
            ("env:.env#API_KEY", "`API_KEY` in `/srv/.env`"),
            ("env:{name}.env#K", "`K` in `/srv/ci.env`"),
            ("github-env:KEY", "the later steps of this job"),
            ("github-output:", "the outputs of this step"),
            ("command:", "`store`"),
            ("vault:secret/{name}#key", "`vault:secret/data/ci#key`"),
            ("vault:a/b/data/c#key", "`vault:a/b/data/c#key`"),
            (
                "systemd-creds:app",
                "`systemd-creds:/etc/credstore.encrypted/app`",
            ),
            ("url:pass:shop/mail", "`url:pass:shop/mail`"),
            ("aws-sm:app#smtp_{field}", "`aws-sm:app#smtp_{field}`"),
            (
                "kubernetes:shop/app#tls.key",
                "`kubernetes:shop/app#tls.key`",
            ),
        ] {
            assert_eq!(parsed(text).expect(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn each_mistake_is_named() {
        for (text, rule, hint) in [
            (".env", "names no kind", "env:.env#API_KEY"),
            ("file:", "names no path", "file:key.txt"),
            ("file:-", "names no path", "file:key.txt"),
            ("file:keys/", "names a folder", "file:key.txt"),
            ("env:.env#1", "not begin with a digit", "SMTP_PASSWORD"),
            ("env:.env#PATH", "how programs run", "API_KEY"),
            ("command:store", "nothing follows", "command: --"),
            (
                "vualt:secret/app#key",
                "does not begin with a known kind",
                "did you mean `vault`?",
            ),
            (
                "vault:secret/app",
                "an address is `{mount}/data/{path}#{key}` or `{mount}/{path}#{key}`",
                "vault:secret/data/app#key",
            ),
            (
                "docker-secret:a/b",
                "an address is `{name}`",
                "docker-secret:app-key-2",
            ),
            ("gcp-sm:--x", "an address is", "gcp-sm:app-key"),
            (
                "pass:shop//app",
                "nothing is between two",
                "pass:shop/app-key",
            ),
            (
                "vault:secret/app/#k",
                "behind the last",
                "vault:secret/data/app#key",
            ),
            (
                "pass:shop/{field}",
                "no fields for `{field}`",
                "`url:pass:shop/app-key`",
            ),
            (
                "aws-sm:{field}#{field}",
                "is only allowed in the name of a field",
                "`aws-sm:prod/app#{field}`",
            ),
            (
                "url:env:.env",
                "one value in a secret manager",
                "url:pass:shop/mail",
            ),
            ("url:vault:a/b#{field}", "one value", "url:pass:shop/mail"),
            ("url:url:pass:a", "one value", "url:pass:shop/mail"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.to_string().contains(rule), "{text}: {error}");
            assert!(
                error.hint().unwrap_or_default().contains(hint),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn several_keys_need_a_destination_that_names_each() {
        for (text, is_of_each) in [
            ("dir:keys", true),
            ("command:", true),
            ("env:.env", true),
            ("env:.env#KEY", false),
            ("env:{name}.env#KEY", true),
            ("github-env:", true),
            ("github-env:KEY", false),
            ("vault:secret/app#key", false),
            ("vault:secret/app#{name}", true),
        ] {
            let text: DestinationText = text.parse().expect(text);
            assert_eq!(text.is_of_each_key(), is_of_each, "{text}");
        }
    }
}
