//! The token that proves that a login report comes from Dovecot: random, in a file beside the vault
//! that only its owner and root can read.

use std::fs;
use std::path::{Path, PathBuf};

use hyper::header::{AUTHORIZATION, HeaderMap};
use subtle::ConstantTimeEq;

use crate::files::{Draft, FileRole, IfExists};
use crate::vault::{Error, beside, file_is_there};

/// The prefix of the file's only line: Dovecot sends it as a header, unchanged.
const HEADER: &str = "Authorization: ";

/// The prefix of the header's value.
const SCHEME: &str = "Bearer ";

/// The number of hexadecimal digits in a token.
const DIGITS: usize = 64;

/// The value of the header that a report must have.
#[derive(Debug)]
pub(super) struct Token(String);

impl Token {
    /// The token of the vault at a path; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::Unsafe`] if the file is not private or contains something else, [`Error::Io`].
    pub(super) fn of(vault: &Path) -> Result<Option<Self>, Error> {
        let path = path(vault);
        if !file_is_there(&path)? {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(|source| Error::Io {
            doing: "read",
            path: path.clone(),
            source,
        })?;
        let value = text
            .strip_prefix(HEADER)
            .filter(|value| has_token_form(value));
        let value = value.ok_or(Error::Unsafe {
            path,
            why: "does not contain a token",
            hint: "remove it: `postkey connect dovecot` creates another",
        })?;
        Ok(Some(Self(value.to_owned())))
    }

    /// Whether it is what was presented; compares in constant time.
    pub(super) fn is(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// The value in a request, if it has the form of a token.
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    (values.next().is_none() && has_token_form(value)).then_some(value)
}

/// The file with the token of the vault at a path; created from these bytes if missing.
///
/// # Errors
/// If it cannot be created, or an existing file is not private or has no token.
pub fn ensure(vault: &Path, bytes: [u8; DIGITS / 2]) -> Result<PathBuf, Error> {
    let path = path(vault);
    if Token::of(vault)?.is_none() {
        let digits = base16ct::lower::encode_string(&bytes);
        let mut draft = Draft::begin(&path, FileRole::Vault, IfExists::Keep)?;
        // Without a line end, which would become part of the header.
        draft.write(format!("{HEADER}{SCHEME}{digits}").as_bytes())?;
        match draft.publish() {
            // Another process may have created it first.
            Err(error) if Token::of(vault)?.is_none() => return Err(error.into()),
            _ => {}
        }
    }
    Ok(path)
}

/// The path of the token for the vault at a path.
fn path(vault: &Path) -> PathBuf {
    beside(vault, "dovecot-token")
}

fn has_token_form(value: &str) -> bool {
    value.strip_prefix(SCHEME).is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_created_once_and_only_matches_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = folder.path().join("vault.db");
        assert!(Token::of(&vault).expect("none").is_none());
        let path = ensure(&vault, [0xab; 32]).expect("made");
        assert_eq!(ensure(&vault, [0xcd; 32]).expect("there"), path);
        let token = Token::of(&vault).expect("read").expect("there");
        let right = format!("Bearer {}", "ab".repeat(32));
        assert!(token.is(&right));
        for wrong in [
            "",
            &right[..70],
            &format!("{right} "),
            &right.to_uppercase(),
            &right.replacen('a', "b", 1),
        ] {
            assert!(!token.is(wrong), "{wrong}");
        }
        fs::write(&path, "else").expect("written");
        assert!(matches!(Token::of(&vault), Err(Error::Unsafe { .. })));
    }
}
