//! Fills in Dovecot's configuration.

mod database;
mod version;

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::facts::{PlaceholderValue, TemplateFacts, fill};
use crate::context::random;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process;
use crate::serve::ensure_token;
use crate::settings::Listen;
use crate::vault;
pub(super) use database::PLACEHOLDERS as OF_DATABASE;
pub(super) use version::Version;
use version::VersionWords;

/// The placeholders of Dovecot's files.
pub(super) const PLACEHOLDERS: [(&str, PlaceholderValue); 18] = [
    ("dovecot_version", |facts| {
        Ok(facts.dovecot.spelling().name.to_owned())
    }),
    ("head", head),
    ("database", |facts| match facts.database {
        None => version_words(facts, |own| own.database),
        Some(_) => version_words(facts, |own| own.server),
    }),
    ("query", |facts| match facts.database {
        None => version_words(facts, |own| own.query),
        Some(_) => version_words(facts, |own| own.server_query),
    }),
    ("passdbs", passdbs),
    ("vault_passdbs", |facts| {
        version_words(facts, |own| own.vault_passdbs)
    }),
    ("export_passdbs", |facts| {
        version_words(facts, |own| own.export_passdbs)
    }),
    ("weak", weak),
    ("vault_uri", |facts| Ok(uri(facts.vault))),
    ("export", export),
    ("worker", reading_user),
    ("owner", |_| owner()),
    ("report", report),
    ("attributes", |facts| {
        version_words(facts, |own| own.attributes)
    }),
    ("listen", |facts| Ok(facts.listen.to_string())),
    ("nonce", |_| nonce()),
    ("token", token),
    ("unreported", why_not),
];

/// Text in the syntax of this version, filled in.
fn version_words(
    facts: TemplateFacts,
    pick: fn(&VersionWords) -> &'static str,
) -> Result<String, Error> {
    let text = fill(pick(facts.dovecot.spelling()), facts)?;
    Ok(text.trim_end().to_owned())
}

/// The settings that must come first, and a blank line.
fn head(facts: TemplateFacts) -> Result<String, Error> {
    let head = version_words(facts, |own| own.head)?;
    Ok(match head.is_empty() {
        true => head,
        false => head + "\n\n",
    })
}

/// Where Dovecot looks secrets up: in the vault, or in an export of it.
fn passdbs(facts: TemplateFacts) -> Result<String, Error> {
    let text = match (facts.export, facts.database) {
        (Some(_), _) => include_str!("dovecot/passdbs-export.conf"),
        (None, Some(_)) => include_str!("dovecot/passdbs-database.conf"),
        (None, None) => include_str!("dovecot/passdbs-vault.conf"),
    };
    Ok(fill(text, facts)?.trim_end().to_owned())
}

/// The comment on hashes that this version considers weak, after a blank line.
fn weak(facts: TemplateFacts) -> Result<String, Error> {
    let weak = version_words(facts, |own| own.weak)?;
    Ok(match weak.is_empty() {
        true => weak,
        false => format!("\n{weak}\n"),
    })
}

/// The user that reads the vault, if Dovecot reads a file.
fn reading_user(facts: TemplateFacts) -> Result<String, Error> {
    match facts.export.is_some() || facts.database.is_some() {
        false => fill(include_str!("dovecot/worker.conf"), facts).map(|text| text + "\n"),
        true => Ok(String::new()),
    }
}

/// The path of an export, if it needs no quoting in Dovecot's configuration.
fn export(facts: TemplateFacts) -> Result<String, Error> {
    let path = facts.export.unwrap_or(Path::new("")).to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    if path.starts_with('/') && path.bytes().all(is_plain) {
        return Ok(path.into_owned());
    }
    let message = format!(
        "{} cannot be written in Dovecot's configuration",
        crate::key::quoted(&path)
    );
    Err(Error::usage(message).with_hint(
        "use an absolute path of letters, digits and `._-+@`, as in /etc/dovecot/postkey-users",
    ))
}

/// The path as an SQLite URI (sqlite.org/uri.html), with every character encoded that SQLite or
/// Dovecot could misread.
fn uri(path: &Path) -> String {
    let encoded = path.as_os_str().as_bytes().iter().map(|&byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    format!("file:{}?mode=rw", encoded.collect::<String>())
}

/// The name of the vault's owner, who is the current user.
fn owner() -> Result<String, Error> {
    let name = process::user();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.filter(|name| !name.is_empty() && name.bytes().all(is_plain))
        .ok_or_else(|| {
            let message =
                "the name of the vault's owner cannot be written in Dovecot's configuration";
            let hint =
                "keep the vault as a user whose name has only letters, digits, `.`, `_` and `-`";
            Error::new(ExitStatus::Trouble, message).with_hint(hint)
        })
}

/// The salt for hashed passwords in Dovecot's login reports; the reports have none, but Dovecot
/// does not start without the setting.
fn nonce() -> Result<String, Error> {
    let bytes: [u8; 16] = random()?;
    Ok(base16ct::lower::encode_string(&bytes))
}

/// How Dovecot reports logins to `serve`, if it can.
fn report(facts: TemplateFacts) -> Result<String, Error> {
    let text = match unless_reporting(facts)? {
        None => fill(include_str!("dovecot/report.conf"), facts)?,
        Some(_) => fill(include_str!("dovecot/no-report.conf"), facts)?,
    };
    Ok(text.trim_end().to_owned())
}

/// Why Dovecot cannot report logins to `serve`, as a comment of two lines.
fn why_not(facts: TemplateFacts) -> Result<String, Error> {
    Ok(unless_reporting(facts)?.unwrap_or_default().to_owned())
}

fn unless_reporting(facts: TemplateFacts) -> Result<Option<&'static str>, Error> {
    if matches!(facts.listen, Listen::Unix(_)) {
        return Ok(Some(
            "it reports over TCP only, and the\n# settings have `serve` listen on a unix socket.",
        ));
    }
    if facts.database.is_some() {
        return Ok(Some(
            "the token that\n# its reports come with is kept beside a vault in a file.",
        ));
    }
    let Some(vault) = facts.served else {
        return Ok(Some(
            "there is no vault on this\n# machine that it could serve.",
        ));
    };
    // A `#` would begin a comment, and a line end would end the setting.
    let is_odd = |letter: char| letter == '#' || letter.is_control();
    let is_told = vault.to_str().is_some_and(|path| !path.contains(is_odd));
    if !is_told {
        return Ok(Some(
            "its configuration cannot hold the\n# vault's path: keep the vault in a folder without `#` in its name.",
        ));
    }
    match ensure_token(vault, random()?) {
        Err(vault::Error::Io { source, .. }) if is_read_only(&source) => Ok(Some(
            "the vault is read-only: the token\n# that its reports come with cannot be created beside it.",
        )),
        ensured => Ok(ensured.map(|_| None)?),
    }
}

/// Whether the error is about a read-only file system or folder.
fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
    )
}

/// The file with the token that authenticates Dovecot's reports.
fn token(facts: TemplateFacts) -> Result<String, Error> {
    let path = ensure_token(facts.served.unwrap_or(facts.vault), random()?)?;
    Ok(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_characters_are_encoded() {
        for (path, encoded) in [
            (
                "/srv/postkey/vault.db",
                "file:/srv/postkey/vault.db?mode=rw",
            ),
            ("/a b#c'd\"e", "file:/a%20b%23c%27d%22e?mode=rw"),
            (
                "/50%?mode=ro&x={owner}\n",
                "file:/50%25%3Fmode%3Dro%26x%3D%7Bowner%7D%0A?mode=rw",
            ),
            ("/schlüssel", "file:/schl%C3%BCssel?mode=rw"),
        ] {
            assert_eq!(uri(Path::new(path)), encoded);
        }
    }
}
