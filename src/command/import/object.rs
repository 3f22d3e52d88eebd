//! JSON: an array of objects, or an object a line.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::Making;
use super::entry::{self, About, Entry};
use super::fault::{Fault, Faults};
use crate::key::{Grant, Hash, Invalid, KeyName, Kind, Limit, Status, Tail};

/// An object's fields; those that are texts are wiped on drop, for passwords may be among them.
struct Object(Map<String, Value>);

impl Drop for Object {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

/// What an object is about.
enum Found {
    Key(Entry),
    /// A secret of the key before it, good until then.
    OldSecret(Entry, Timestamp),
    /// One that is good no more.
    Retired,
}

impl Found {
    fn add_to(self, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        match self {
            Self::Key(entry) => entries.push(entry),
            Self::OldSecret(old, until) => {
                let key = entries.last_mut();
                let key = key.filter(|last| last.key.name.is_same(&old.key.name));
                let lost = "it is an old secret, but not below the new one of its key";
                key.ok_or_else(|| Fault::new(lost))?.retire(old, until)?;
            }
            Self::Retired => {}
        }
        Ok(())
    }
}

impl Making<'_> {
    /// The entries of JSON.
    pub(super) fn objects(&self, bytes: &[u8], faults: &mut Faults) -> Vec<Entry> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let line = lines_in(&bytes[..error.valid_up_to()]) + 1;
                faults.add(line, Fault::new("it is not UTF-8 text"));
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
            let fault = Fault::new(format!("it is not JSON, at column {column}"));
            let form = "JSON is an array of objects, or an object a line";
            faults.add(error.line() as u64, fault.hint(form));
        }
        entries
    }

    fn object(&self, line: u64, value: &RawValue) -> Result<Found, Fault> {
        let object = serde_json::from_str(value.get()).map(Object);
        let object = object.map_err(|_| Fault::new("it is not an object"))?;
        let entry = match object.parsed::<Tail>("tail")? {
            Some(tail) if !tail.is_imported() => self.whole(line, &object, tail),
            _ => self.password(line, &object),
        }?;
        Ok(match object.moment("retires_at")? {
            None => Found::Key(entry),
            Some(until) if until > self.now => Found::OldSecret(entry, until),
            Some(_) => Found::Retired,
        })
    }

    /// A key of another vault, secret and all.
    fn whole(&self, line: u64, object: &Object, tail: Tail) -> Result<Entry, Fault> {
        let grant = match object.kind()? {
            Some(Kind::Smtp) => Grant::Smtp {
                username: object.needed("username")?,
            },
            Some(Kind::Api) => Grant::Api {
                permission: self.permissions.expect(object.needed("permission")?)?,
                limit: object.parsed("limit")?.unwrap_or(Limit::None),
            },
            None => return Err(missing("kind")),
        };
        let text = object.text("hash")?.ok_or_else(|| missing("hash"))?;
        let hash = Hash::import(text)?.of_secret();
        let hash = hash.ok_or_else(|| Fault::new("a secret with a tail has an ARGON2ID hash"))?;
        let key = object.about(self)?.key(object.needed("name")?, grant, tail);
        Ok(Entry::whole(line, key, hash))
    }

    /// A password from elsewhere.
    fn password(&self, line: u64, object: &Object) -> Result<Entry, Fault> {
        if object.kind()? == Some(Kind::Api) {
            let fault = Fault::new("it is an API key without a `tail`");
            return Err(fault.hint("an API key is found by its tail only; generate a new one"));
        }
        let username = object.text("username")?;
        let username = entry::username(username.ok_or_else(|| missing("username"))?)?;
        let hash = match object.text("hash")? {
            None => object.text("password_hash")?,
            hash => hash,
        };
        let secret = match (hash, object.text("password")?) {
            (Some(hash), None) => self.secret(hash)?,
            (None, Some(password)) => self.clear(password)?,
            (Some(_), Some(_)) => return Err(Fault::new("it has a `hash` and a `password`")),
            (None, None) => return Err(missing("hash")),
        };
        let name = object.parsed("name")?;
        let name = name.unwrap_or_else(|| KeyName::near(username.as_str()));
        self.imported(line, name, username, secret, object.about(self)?)
    }
}

impl Object {
    /// A field's text; `null` is none.
    fn text(&self, field: &str) -> Result<Option<&str>, Fault> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::new(format!("its `{field}` is not a text"))),
        }
    }

    fn parsed<T: FromStr<Err = Invalid>>(&self, field: &str) -> Result<Option<T>, Fault> {
        let text = self.text(field)?;
        Ok(text.map(T::from_str).transpose()?)
    }

    fn needed<T: FromStr<Err = Invalid>>(&self, field: &str) -> Result<T, Fault> {
        self.parsed(field)?.ok_or_else(|| missing(field))
    }

    fn kind(&self) -> Result<Option<Kind>, Fault> {
        let Some(text) = self.text("kind")? else {
            return Ok(None);
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == text);
        kind.map(Some)
            .ok_or_else(|| Fault::new("its `kind` is neither smtp nor api"))
    }

    /// What it says of the key, and what is said where it says nothing.
    fn about(&self, making: &Making<'_>) -> Result<About, Fault> {
        let about = making.about();
        let created_at = self.moment("created_at")?.unwrap_or(about.created_at);
        if created_at > making.now {
            return Err(Fault::new("its `created_at` is yet to come"));
        }
        Ok(About {
            status: self.status()?.unwrap_or(about.status),
            description: self.parsed("description")?.or(about.description),
            created_at,
            expires_at: match self.0.contains_key("expires_at") {
                true => self.moment("expires_at")?,
                false => about.expires_at,
            },
        })
    }

    /// The operator's status; what follows from the time follows again.
    fn status(&self) -> Result<Option<Status>, Fault> {
        match self.text("status")? {
            None => Ok(None),
            Some("active" | "rotating" | "expired") => Ok(Some(Status::Active)),
            Some("inactive") => Ok(Some(Status::Inactive)),
            Some(_) => Err(Fault::new("its `status` is neither active nor inactive")),
        }
    }

    /// A time in whole seconds.
    fn moment(&self, field: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let moment = text.parse::<Timestamp>();
        let moment = moment.and_then(|moment| Timestamp::from_second(moment.as_second()));
        moment.map(Some).map_err(|_| {
            let fault = Fault::new(format!("its `{field}` is not a time"));
            fault.hint("a time is written as in 2026-11-22T10:00:00Z")
        })
    }
}

fn missing(field: &str) -> Fault {
    Fault::new(format!("it has no `{field}`"))
}

/// The values of an array, or those that follow each other, as far as it is JSON.
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
