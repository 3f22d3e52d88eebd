//! An object's fields: each must be known and occur once.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroize;

use super::fault::LineError;
use crate::key::{EffectiveStatus, Invalid, Label, Labels, Status, quoted};
use crate::settings;

/// The allowed fields: what is imported, common synonyms, and what postkey itself exports.
const FIELDS: [&str; 32] = [
    "name",
    "kind",
    "username",
    "hash",
    "digest",
    "password_hash",
    "password",
    "tail",
    "status",
    "enabled",
    "active",
    "disabled",
    "locked",
    "permission",
    "limit",
    "senders",
    "networks",
    "description",
    "labels",
    "owner",
    "created_at",
    "expires_at",
    "expires",
    "expiresAt",
    "expiry",
    "retires_at",
    "last_used_at",
    "requests_today",
    "mails_today",
    "recipients_today",
    "default",
    "rotate_every",
];

/// The names of the field for the expiry.
const EXPIRY_FIELDS: [&str; 4] = ["expires_at", "expires", "expiresAt", "expiry"];

/// The boolean fields, and the status that each means if it is true.
const STATUS_FIELDS: [(&str, Status); 4] = [
    ("enabled", Status::Active),
    ("active", Status::Active),
    ("disabled", Status::Inactive),
    ("locked", Status::Inactive),
];

/// An object's fields; strings are wiped on drop, since they may be passwords.
pub(super) struct Object(Vec<(String, Value)>);

impl Drop for Object {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct FieldVisitor;

        impl<'de> Visitor<'de> for FieldVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object(Vec::new());
                while let Some(field) = map.next_entry()? {
                    object.0.push(field);
                }
                Ok(object)
            }
        }

        from.deserialize_map(FieldVisitor)
    }
}

impl Object {
    /// The fields of an object.
    pub(super) fn read(value: &RawValue) -> Result<Self, LineError> {
        let object = serde_json::from_str::<Self>(value.get());
        let object = object.map_err(|_| LineError::new("it is not an object"))?;
        for (at, (name, _)) in object.0.iter().enumerate() {
            if !FIELDS.contains(&name.as_str()) {
                return Err(unknown(name));
            }
            if object.0[..at].iter().any(|(before, _)| before == name) {
                return Err(LineError::new(format!("it has `{name}` twice")));
            }
        }
        Ok(object)
    }

    fn get(&self, field: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(name, _)| name == field);
        found.map(|(_, value)| value)
    }

    /// A field's string; `None` for `null`.
    pub(super) fn text(&self, field: &str) -> Result<Option<&str>, LineError> {
        match self.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(LineError::new(format!("its `{field}` is not a string"))),
        }
    }

    /// A field's string, parsed.
    pub(super) fn parsed<T: FromStr<Err = Invalid>>(
        &self,
        field: &str,
    ) -> Result<Option<T>, LineError> {
        let text = self.text(field)?;
        Ok(text.map(T::from_str).transpose()?)
    }

    /// The labels, as an object; `None` for `null`.
    pub(super) fn labels(&self) -> Result<Option<Labels>, LineError> {
        let object = match self.get("labels") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(object)) => object,
            Some(_) => return Err(no_labels()),
        };
        let label = |(name, value): (&String, &Value)| {
            let value = value.as_str().ok_or_else(no_labels)?.parse()?;
            let name = name.parse()?;
            Ok::<_, LineError>(Label { name, value })
        };
        let all: Vec<Label> = object.iter().map(label).collect::<Result<_, _>>()?;
        Ok(Some(Labels::of(all)?))
    }

    /// A time in whole seconds.
    pub(super) fn moment(&self, field: &str) -> Result<Option<Timestamp>, LineError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let moment = text.parse::<Timestamp>();
        let moment = moment.and_then(|moment| Timestamp::from_second(moment.as_second()));
        moment.map(Some).map_err(|_| {
            let fault = LineError::new(format!("its `{field}` is not a time"));
            fault.with_hint("a time is written as in 2026-11-22T10:00:00Z")
        })
    }

    /// When it expires, if that is specified; `null` is never.
    pub(super) fn expires_at(&self) -> Result<Option<Option<Timestamp>>, LineError> {
        let mut given = EXPIRY_FIELDS
            .iter()
            .filter(|field| self.get(field).is_some());
        match (given.next(), given.next()) {
            (None, _) => Ok(None),
            (Some(field), None) => self.moment(field).map(Some),
            (Some(field), Some(other)) => {
                let fault = LineError::new(format!("it has `{field}` and `{other}`"));
                Err(fault.with_hint("give `expires_at` alone"))
            }
        }
    }

    /// Whether it is marked as expired.
    pub(super) fn is_expired(&self) -> Result<bool, LineError> {
        Ok(self.text("status")? == Some("expired"))
    }

    /// Whether it is marked as a decoy.
    pub(super) fn is_decoy(&self) -> Result<bool, LineError> {
        Ok(self.text("status")? == Some(EffectiveStatus::Decoy.into_str()))
    }

    /// The operator's status; the effective status is derived from the time again.
    pub(super) fn status(&self) -> Result<Option<Status>, LineError> {
        let mut said = match self.text("status")? {
            None => None,
            Some("active" | "rotating" | "expired" | "decoy") => Some(("status", Status::Active)),
            Some("inactive" | "disabled" | "locked") => Some(("status", Status::Inactive)),
            Some(_) => {
                return Err(LineError::new(
                    "its `status` is not active, inactive or decoy",
                ));
            }
        };
        for (field, on) in STATUS_FIELDS {
            let status = match (self.get(field), on) {
                (None, _) => continue,
                (Some(Value::Bool(true)), on) => on,
                (Some(Value::Bool(false)), Status::Active) => Status::Inactive,
                (Some(Value::Bool(false)), Status::Inactive) => Status::Active,
                (Some(_), _) => {
                    let fault = LineError::new(format!("its `{field}` is neither true nor false"));
                    return Err(fault.with_hint("`status` is \"active\" or \"inactive\""));
                }
            };
            match said {
                Some((before, other)) if other != status => {
                    return Err(LineError::new(format!(
                        "its `{before}` and `{field}` disagree"
                    )));
                }
                _ => said = Some((field, status)),
            }
        }
        Ok(said.map(|(_, status)| status))
    }
}

fn no_labels() -> LineError {
    let fault = LineError::new("its `labels` are not an object of strings");
    fault.with_hint("write them as in {\"env\": \"prod\"}")
}

/// Unknown fields are refused: one could limit a key, and would be lost.
fn unknown(name: &str) -> LineError {
    let fault = LineError::new(format!("it has an unknown field {}", quoted(name)));
    fault.with_hint(match name.to_ascii_lowercase().replace('-', "_").as_str() {
        "allow_nets" | "allownets" | "nologin" | "networks" | "ip" | "ips" => {
            "limits on a login cannot be imported: remove the field if it is not needed".to_owned()
        }
        _ => settings::hint(name, &FIELDS),
    })
}
