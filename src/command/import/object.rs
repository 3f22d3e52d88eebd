//! JSON: an array of objects, or one object per line.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::defaults::ImportDefaults;
use super::entry::{self, About, ImportEntry};
use super::fault::{InvalidLines, LineError};
use super::field::Object;
use crate::key::{Access, Hash, Invalid, KeyName, Kind, Limit, Tail, Username, Verifier};

/// What an object describes.
enum ObjectKind {
    Key(ImportEntry),
    /// A key's old secret, valid until then.
    OldSecret(ImportEntry, Timestamp),
    /// A retired secret.
    Retired,
}

impl ObjectKind {
    fn add_to(self, entries: &mut Vec<ImportEntry>) -> Result<(), LineError> {
        match self {
            Self::Key(entry) => entries.push(entry),
            Self::OldSecret(old, until) => {
                let key = entries.last_mut();
                let key = key.filter(|last| last.key.name.is_same(&old.key.name));
                let lost = "it is an old secret, but not below the new one of its key";
                key.ok_or_else(|| LineError::new(lost))?
                    .retire(old, until)?;
            }
            Self::Retired => {}
        }
        Ok(())
    }
}

impl ImportDefaults<'_> {
    /// Reads the entries of JSON.
    pub(super) fn objects(&self, bytes: &[u8], faults: &mut InvalidLines) -> Vec<ImportEntry> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let line = lines_in(&bytes[..error.valid_up_to()]) + 1;
                faults.add(line, LineError::new("it is not UTF-8 text"));
                return Vec::new();
            }
        };
        let (values, error) = values(text);
        let mut entries = Vec::new();
        let (mut at, mut line) = (0, 1);
        for value in values {
            let start = value.get().as_ptr().addr() - text.as_ptr().addr();
            line += lines_in(&bytes[at..start]);
            at = start;
            let found = self.object(line, value);
            if let Err(fault) = found.and_then(|found| found.add_to(&mut entries)) {
                faults.add(line, fault);
            }
        }
        if let Some(error) = error {
            let column = error.column();
            let fault = LineError::new(format!("it is not JSON, at column {column}"));
            let form = "JSON is an array of objects, or one object per line";
            faults.add(error.line() as u64, fault.with_hint(form));
        }
        entries
    }

    fn object(&self, line: u64, value: &RawValue) -> Result<ObjectKind, LineError> {
        let object = Object::read(value)?;
        let entry = match object.parsed::<Tail>("tail")? {
            Some(tail) if !tail.is_imported() => self.with_secret(line, &object, tail),
            _ => self.password(line, &object),
        }?;
        Ok(match object.moment("retires_at")? {
            None => ObjectKind::Key(entry),
            Some(until) if until > self.now => ObjectKind::OldSecret(entry, until),
            Some(_) => ObjectKind::Retired,
        })
    }

    /// A key of another vault with its secret.
    fn with_secret(
        &self,
        line: u64,
        object: &Object,
        tail: Tail,
    ) -> Result<ImportEntry, LineError> {
        let kind = object.kind()?.ok_or_else(|| missing("kind"))?;
        if kind == Kind::Api && object.text("senders")?.is_some() {
            let fault = LineError::new("an API key has no `senders`");
            return Err(
                fault.with_hint("leave it out; `permission` restricts what the key may call")
            );
        }
        let access = match kind {
            Kind::Smtp => object.smtp(object.needed("username")?)?,
            // A decoy's permission is not exported: it opens nothing.
            Kind::Api if object.is_decoy()? => Access::Api {
                permission: "full".parse()?,
                limit: Limit::None,
            },
            Kind::Api => Access::Api {
                permission: self.permissions.expect(object.needed("permission")?)?,
                limit: object.parsed("limit")?.unwrap_or(Limit::None),
            },
        };
        let secret = object.verifier(kind)?;
        if object.is_decoy()? && secret.digest().is_none() {
            return Err(missing("digest").with_hint("a decoy needs the `digest` of its secret"));
        }
        let key = object
            .about(self)?
            .key(object.needed("name")?, access, tail);
        Ok(ImportEntry::with_secret(line, key, secret))
    }

    /// A password from another system.
    fn password(&self, line: u64, object: &Object) -> Result<ImportEntry, LineError> {
        if object.kind()? == Some(Kind::Api) {
            let fault = LineError::new("it is an API key without a `tail`");
            return Err(fault.with_hint("an API key is found by its tail only; generate a new one"));
        }
        if object.text("digest")?.is_some() {
            let fault = LineError::new("an imported password has no `digest`");
            return Err(
                fault.with_hint("give its `hash`, or the `tail` of a secret that postkey created")
            );
        }
        if object.is_decoy()? {
            let fault = LineError::new("an imported password cannot be a decoy");
            return Err(fault.with_hint("`postkey generate smtp NAME --decoy` makes one"));
        }
        let username = object.text("username")?;
        let username = entry::username(username.ok_or_else(|| missing("username"))?)?;
        let hash = match (object.text("hash")?, object.text("password_hash")?) {
            (Some(_), Some(_)) => {
                return Err(LineError::new("it has a `hash` and a `password_hash`"));
            }
            (hash, None) | (None, hash) => hash,
        };
        let secret = match (hash, object.text("password")?) {
            (Some(hash), None) => self.secret(hash)?,
            (None, Some(password)) => self.clear(password)?,
            (Some(_), Some(_)) => return Err(LineError::new("it has a `hash` and a `password`")),
            (None, None) => return Err(missing("hash")),
        };
        let name = object.parsed("name")?;
        let name = name.unwrap_or_else(|| KeyName::near(username.as_str()));
        let access = object.smtp(username)?;
        self.imported(line, name, access, secret, object.about(self)?)
    }
}

impl Object {
    /// What an SMTP key may do; a permission would be lost.
    fn smtp(&self, username: Username) -> Result<Access, LineError> {
        if self.text("permission")?.is_some() {
            let fault = LineError::new("an SMTP key has no `permission`");
            return Err(fault.with_hint("leave it out; `senders` restricts what the key may send"));
        }
        Ok(Access::Smtp {
            username,
            senders: self.parsed("senders")?.unwrap_or_default(),
            limit: self.parsed("limit")?.unwrap_or(Limit::None),
        })
    }

    /// The verifier of another vault's secret: mail servers need the hash of an SMTP key. Exports
    /// of API keys used to have nothing but a hash.
    fn verifier(&self, kind: Kind) -> Result<Verifier, LineError> {
        let digest = self.parsed("digest")?;
        let hash = self.text("hash")?.map(Hash::import).transpose()?;
        let hash = hash.map(|hash| {
            let not_ours = || LineError::new("a secret with a tail has an ARGON2ID hash");
            hash.of_secret().ok_or_else(not_ours)
        });
        let hash = hash.transpose()?;
        let hash = match kind {
            Kind::Smtp => Some(hash.ok_or_else(|| missing("hash"))?),
            Kind::Api => hash.filter(|_| digest.is_none()),
        };
        Verifier::new(digest, hash).ok_or_else(|| missing("digest"))
    }

    fn needed<T: FromStr<Err = Invalid>>(&self, field: &str) -> Result<T, LineError> {
        self.parsed(field)?.ok_or_else(|| missing(field))
    }

    fn kind(&self) -> Result<Option<Kind>, LineError> {
        let Some(text) = self.text("kind")? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| LineError::new("its `kind` is neither smtp nor api"))
    }

    /// The properties of the key, with defaults.
    fn about(&self, making: &ImportDefaults<'_>) -> Result<About, LineError> {
        let about = making.about();
        let created_at = self.moment("created_at")?.unwrap_or(about.created_at);
        if created_at > making.now {
            return Err(LineError::new("its `created_at` is in the future"));
        }
        let is_decoy = self.is_decoy()?;
        let expires_at = self.expires_at()?.unwrap_or(about.expires_at);
        let expires_at = expires_at.filter(|_| !is_decoy);
        let has_expired = expires_at.is_some_and(|end| end <= making.now);
        if self.is_expired()? && !has_expired {
            let fault =
                LineError::new("its `status` is expired, but it has no `expires_at` in the past");
            return Err(fault
                .with_hint("give the time at which it expired, or \"inactive\" as its `status`"));
        }
        Ok(About {
            status: self.status()?.unwrap_or(about.status),
            is_decoy,
            networks: self.parsed("networks")?.unwrap_or_default(),
            description: self.parsed("description")?.or(about.description),
            labels: self.labels()?.unwrap_or_default(),
            owner: self.parsed("owner")?,
            created_at,
            expires_at,
        })
    }
}

fn missing(field: &str) -> LineError {
    LineError::new(format!("it has no `{field}`"))
}

/// The values of an array, or of one after another, as far as they are JSON.
fn values(text: &str) -> (Vec<&RawValue>, Option<serde_json::Error>) {
    if text.trim_start().starts_with('[') {
        return match serde_json::from_str(text) {
            Ok(values) => (values, None),
            Err(error) => (Vec::new(), Some(error)),
        };
    }
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter() {
        match value {
            Ok(value) => values.push(value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

fn lines_in(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
