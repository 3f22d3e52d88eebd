//! An entry to import.

use jiff::Timestamp;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::defaults::{ImportDefaults, InputFormat};
use super::fault::{InvalidLines, LineError};
use super::line::{self, User};
use crate::context::random;
use crate::error::Error;
use crate::key::{
    Access, Description, FORBIDDEN_IN_PASSWORDS, Hash, HashMemory, Invalid, Key, KeyName, Labels,
    Limit, Networks, Owner, Retiring, Senders, Status, Tail, Username, Verifier, plaintext,
    without_mark,
};
use crate::vault;

/// The longest plaintext password, in bytes: what `verify` accepts.
const MAX_PASSWORD: usize = 1023;

/// A key and the verifier of its secret.
pub(super) struct ImportEntry {
    pub(super) line: u64,
    pub(super) key: Key,
    pub(super) secret_at: Timestamp,
    secret: ImportedSecret,
    /// The verifier of its old secret, if it is being rotated.
    pub(super) old: Option<Box<Verifier>>,
}

/// The verifier of an imported secret.
pub(super) enum ImportedSecret {
    Kept(Box<Verifier>),
    Clear(Zeroizing<String>),
}

/// The properties of a key besides its name and its secret.
pub(super) struct About {
    pub(super) status: Status,
    pub(super) is_decoy: bool,
    pub(super) networks: Networks,
    pub(super) description: Option<Description>,
    pub(super) labels: Labels,
    pub(super) owner: Option<Owner>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

impl ImportDefaults<'_> {
    /// Reads all entries of an input; adds invalid ones to the faults.
    pub(super) fn entries(&self, bytes: &[u8], faults: &mut InvalidLines) -> Vec<ImportEntry> {
        let bytes = without_mark(bytes);
        match self.form {
            InputFormat::Dovecot | InputFormat::Htpasswd => self.lines(bytes, faults),
            InputFormat::Json => self.objects(bytes, faults),
        }
    }

    /// Reads the entries of a passwd-file.
    fn lines(&self, bytes: &[u8], faults: &mut InvalidLines) -> Vec<ImportEntry> {
        let mut entries = Vec::new();
        for (number, bytes) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            let entry = line::user(bytes, self.form)
                .and_then(|user| user.map(|user| self.password_of(number, &user)).transpose());
            match entry {
                Ok(entry) => entries.extend(entry),
                Err(fault) => faults.add(number, fault),
            }
        }
        entries
    }

    /// The properties of a key that the input does not describe.
    pub(super) fn about(&self) -> About {
        About {
            status: self.status,
            is_decoy: false,
            networks: Networks::default(),
            description: self.description.clone(),
            labels: Labels::default(),
            owner: None,
            created_at: self.now,
            expires_at: self.expires_at,
        }
    }

    /// Reads a user of a passwd-file.
    pub(super) fn password_of(&self, line: u64, user: &User<'_>) -> Result<ImportEntry, LineError> {
        let username = username(user.username)?;
        let secret = self.secret(user.password)?;
        let name = KeyName::near(username.as_str());
        let access = Access::Smtp {
            username,
            senders: Senders::default(),
            limit: Limit::None,
        };
        self.imported(line, name, access, secret, self.about())
    }

    /// Reads a hash, or a plaintext password with its scheme.
    pub(super) fn secret(&self, text: &str) -> Result<ImportedSecret, LineError> {
        match plaintext(text) {
            Some(clear) => self.clear(clear),
            None => Ok(ImportedSecret::Kept(Box::new(Hash::import(text)?.into()))),
        }
    }

    /// A plaintext password, if it is allowed here.
    pub(super) fn clear(&self, password: &str) -> Result<ImportedSecret, LineError> {
        if !self.is_input {
            let fault = LineError::new(
                "its password is plaintext, which must not be stored in a \
                                        file",
            );
            return Err(fault.with_hint(
                "plaintext passwords are only read from standard input: pass `-` instead of the \
                 file, pipe it in, and delete it",
            ));
        }
        if password.is_empty() {
            return Err(LineError::new("its password is empty"));
        }
        if password.len() > MAX_PASSWORD || password.contains(FORBIDDEN_IN_PASSWORDS) {
            return Err(LineError::new(
                "its password is too long, or contains a NUL, tab or line break, which no login \
                 can have",
            ));
        }
        Ok(ImportedSecret::Clear(Zeroizing::new(password.to_owned())))
    }

    /// A key with nothing but a password.
    pub(super) fn imported(
        &self,
        line: u64,
        name: KeyName,
        access: Access,
        secret: ImportedSecret,
        about: About,
    ) -> Result<ImportEntry, LineError> {
        let tail = Tail::imported(&mut SysRng)
            .map_err(|error| LineError::from(Error::no_random_bytes(error)))?;
        Ok(ImportEntry {
            line,
            secret_at: self.now,
            key: about.key(name, access, tail),
            secret,
            old: None,
        })
    }
}

/// Parses a username; hints at how to fix an invalid one. Does not show what may be a hash, as
/// where a line lacks its first field.
pub(super) fn username(text: &str) -> Result<Username, LineError> {
    if text.starts_with('{') || text.contains('$') {
        let fault = LineError::new("it has a hash instead of a username");
        return Err(fault.with_hint("the username comes first, and contains no `$`"));
    }
    text.parse().map_err(|invalid: Invalid| {
        let hint = "rename the user, also in the program that logs in";
        LineError::from(invalid).with_hint(hint)
    })
}

impl About {
    pub(super) fn key(self, name: KeyName, access: Access, tail: Tail) -> Key {
        Key {
            networks: self.networks,
            status: self.status,
            description: self.description,
            labels: self.labels,
            owner: self.owner,
            expires_at: self.expires_at,
            is_decoy: self.is_decoy,
            ..Key::new(name, access, tail, self.created_at)
        }
    }
}

impl ImportEntry {
    /// A key from another vault, with the verifier of a secret with a known tail.
    pub(super) fn with_secret(line: u64, key: Key, secret: Verifier) -> Self {
        Self {
            line,
            secret_at: key.created_at,
            key,
            secret: ImportedSecret::Kept(Box::new(secret)),
            old: None,
        }
    }

    /// Takes another entry of the same key for its old secret, which is valid until its end.
    pub(super) fn retire(&mut self, old: Self, until: Timestamp) -> Result<(), LineError> {
        if self.old.is_some() {
            return Err(LineError::new("it is a third secret of one key"));
        }
        let is_same = self.key.access == old.key.access
            && self.key.networks == old.key.networks
            && self.key.is_decoy == old.key.is_decoy;
        if !is_same {
            return Err(LineError::new(
                "it is an old secret, but its access differs from that of its key's new one",
            ));
        }
        let ImportedSecret::Kept(secret) = old.secret else {
            return Err(LineError::new("an old secret has a `digest` or a `hash`"));
        };
        let until = self.key.expires_at.map_or(until, |end| end.min(until));
        let tail = old.key.tail;
        self.key.retiring = Some(Box::new(Retiring {
            tail,
            until,
            retired_at: None,
        }));
        self.old = Some(secret);
        Ok(())
    }

    /// Hashes a plaintext password, and drops it.
    pub(super) fn hash(&mut self, memory: &mut HashMemory) -> Result<(), Error> {
        if let ImportedSecret::Clear(password) = &self.secret {
            let hash = Hash::of_password(password, random()?, memory);
            let hash = hash.map_err(vault::Error::from)?;
            self.secret = ImportedSecret::Kept(Box::new(hash.into()));
        }
        Ok(())
    }

    /// The entry and its verifier, once a plaintext password has been hashed.
    pub(super) fn kept(&self) -> Option<(&Self, &Verifier)> {
        match &self.secret {
            ImportedSecret::Kept(kept) => Some((self, kept)),
            ImportedSecret::Clear(_) => None,
        }
    }

    /// The scheme by which its secret is verified.
    pub(super) fn scheme(&self) -> &'static str {
        self.kept().map_or("ARGON2ID", |(_, kept)| kept.scheme())
    }
}
