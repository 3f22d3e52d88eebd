//! The text that a secret manager stores, and the values in it.

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::delivery::child::MAX_TEXT;
use crate::destination::PresetAddress;
use crate::settings::{BASE64_PART, Decoding, FIELDS_BASE64_PART, FIELDS_PART, VALUE_PART};

/// A value that a secret manager stores; empty if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlaceValue {
    /// The field that has it; `None` if it is alone.
    pub(super) field: Option<String>,
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl PlaceValue {
    pub(super) fn new(field: Option<String>, value: &str) -> Self {
        Self {
            field,
            value: Zeroizing::new(value.as_bytes().to_vec()),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.value).unwrap_or_default()
    }
}

/// The text to store for values: the only one alone, or the preset's document with them.
pub(super) fn input(address: &PresetAddress, values: &[PlaceValue]) -> Zeroizing<Vec<u8>> {
    // The buffer does not grow, which would leave copies of the secret behind.
    let mut out = Zeroizing::new(Vec::with_capacity(MAX_TEXT));
    let first = values.first().map_or("", PlaceValue::text);
    let Some(template) = &address.preset.input else {
        out.extend_from_slice(first.as_bytes());
        return out;
    };
    let written = template.write(&mut out, |part, out| {
        match part {
            VALUE_PART => write_json(first, out),
            BASE64_PART => write_base64(first, out),
            FIELDS_PART => write_object(values, out, |value, out| match value {
                "" => out.extend_from_slice(b"null"),
                value => write_text(value, out, write_json),
            }),
            FIELDS_BASE64_PART => {
                let kept: Vec<_> = values
                    .iter()
                    .filter(|value| !value.value.is_empty())
                    .collect();
                write_object(kept, out, |value, out| write_text(value, out, write_base64));
            }
            part => write_json(address.parts.get(part)?, out),
        }
        Some(())
    });
    written.expect("an input has no optional parts");
    out
}

/// Writes a JSON object with the fields of values, each written by `write`.
fn write_object<'a>(
    values: impl IntoIterator<Item = &'a PlaceValue>,
    out: &mut Vec<u8>,
    write: impl Fn(&str, &mut Vec<u8>),
) {
    out.push(b'{');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(value.field.as_deref().unwrap_or_default(), out, write_json);
        out.push(b':');
        write(value.text(), out);
    }
    out.push(b'}');
}

/// Writes a JSON string whose inside `write` writes.
fn write_text(text: &str, out: &mut Vec<u8>, write: impl Fn(&str, &mut Vec<u8>)) {
    out.push(b'"');
    write(text, out);
    out.push(b'"');
}

/// Writes a text as it is inside a JSON string.
fn write_json(text: &str, out: &mut Vec<u8>) {
    let json = serde_json::to_string(text).map(Zeroizing::new);
    let json = json.expect("text is valid JSON");
    out.extend_from_slice(&json.as_bytes()[1..json.len() - 1]);
}

fn write_base64(text: &str, out: &mut Vec<u8>) {
    let encoded = Zeroizing::new(Base64::encode_string(text.as_bytes()));
    out.extend_from_slice(encoded.as_bytes());
}

/// A stored document with the values in its fields; `None` if it is not a JSON object.
pub(super) fn with_fields(
    stored: Option<&[u8]>,
    values: &[PlaceValue],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut fields: Map<String, Value> = match stored {
        Some(stored) => serde_json::from_slice(stored).ok()?,
        None => Map::new(),
    };
    for value in values {
        fields.insert(value.field.clone()?, Value::from(value.text()));
    }
    serde_json::to_vec(&fields).ok().map(Zeroizing::new)
}

/// The document as it is `now`, with the fields of values as they were before; `None` if one is no
/// JSON object.
pub(super) fn with_fields_of(
    before: &[u8],
    now: &[u8],
    values: &[PlaceValue],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut before: Map<String, Value> = serde_json::from_slice(before).ok()?;
    let mut fields: Map<String, Value> = serde_json::from_slice(now).ok()?;
    for name in values.iter().filter_map(|value| value.field.as_ref()) {
        match before.remove(name) {
            Some(value) => fields.insert(name.clone(), value),
            None => fields.remove(name),
        };
    }
    serde_json::to_vec(&fields).ok().map(Zeroizing::new)
}

/// The value in what a tool printed, of a field of a document if one is named; empty if there is
/// none.
pub(super) fn value(printed: &[u8], field: Option<&str>, decode: Decoding) -> Zeroizing<Vec<u8>> {
    let printed = printed.strip_suffix(b"\n").unwrap_or(printed);
    let value = match field {
        None => Some(Zeroizing::new(printed.to_vec())),
        Some(field) => {
            let fields: Option<Map<String, Value>> = serde_json::from_slice(printed).ok();
            let value = fields
                .as_ref()
                .and_then(|fields| fields.get(field)?.as_str());
            value.map(|value| Zeroizing::new(value.as_bytes().to_vec()))
        }
    };
    let value = value.unwrap_or_default();
    match decode {
        Decoding::Raw => value,
        Decoding::Base64 => {
            let text = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
            Zeroizing::new(Base64::decode_vec(text).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{DestinationSpec, DestinationText};
    use crate::settings::Presets;

    fn address(text: &str) -> PresetAddress {
        let name = "ci".parse().expect("a name");
        let named: DestinationText = text.parse().expect(text);
        let spec = named.spec(&name, &Presets::default(), "".as_ref(), &[]);
        match spec.expect(text) {
            DestinationSpec::Preset(address) => address,
            other => panic!("{other:?}"),
        }
    }

    fn values(all: &[(&str, &str)]) -> Vec<PlaceValue> {
        let value = |(field, value): &(&str, &str)| {
            PlaceValue::new(
                Some((*field).to_owned()).filter(|field| !field.is_empty()),
                value,
            )
        };
        all.iter().map(value).collect()
    }

    #[test]
    fn a_document_has_the_secret_and_the_address_escaped() {
        let secret = values(&[("a\"b", "se\"cret")]);
        let text = input(&address("kubernetes:shop/app#a\"b"), &secret);
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(json["metadata"]["namespace"], "shop");
        assert_eq!(json["data"]["a\"b"], Base64::encode_string(b"se\"cret"));
        assert_eq!(*input(&address("pass:app"), &values(&[("", "x")])), b"x");
    }

    #[test]
    fn all_fields_are_in_one_document_and_what_is_empty_is_removed() {
        let all = values(&[("smtp_host", "a.b"), ("smtp_url", ""), ("q\"", "\"")]);
        let vault = input(&address("vault:secret/app#smtp_{field}"), &all);
        assert_eq!(*vault, br#"{"smtp_host":"a.b","smtp_url":null,"q\"":"\""}"#);
        let text = input(&address("kubernetes:shop/app#{FIELD}"), &all);
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        let data = json["data"].as_object().expect("an object");
        assert_eq!(data.len(), 2);
        assert_eq!(data["smtp_host"], Base64::encode_string(b"a.b"));
    }

    #[test]
    fn a_field_is_set_and_read_and_the_others_stay() {
        let stored = br#"{"user":"shop","n":1}"#;
        let text = with_fields(Some(stored), &values(&[("key", "new")])).expect("an object");
        assert_eq!(*text, br#"{"key":"new","n":1,"user":"shop"}"#);
        assert_eq!(*value(&text, Some("key"), Decoding::Raw), b"new");
        assert_eq!(*value(&text, Some("other"), Decoding::Raw), b"");
        assert_eq!(
            *with_fields(None, &values(&[("key", "new")])).expect("one"),
            br#"{"key":"new"}"#
        );
        assert!(with_fields(Some(b"plain"), &values(&[("key", "new")])).is_none());
        let now = br#"{"key":"new","n":2}"#;
        let restored = with_fields_of(stored, now, &values(&[("key", "")])).expect("objects");
        assert_eq!(*restored, br#"{"n":2}"#);
        let restored =
            with_fields_of(br#"{"key":3}"#, now, &values(&[("key", "")])).expect("objects");
        assert_eq!(*restored, br#"{"key":3,"n":2}"#);
        assert_eq!(*value(b"bmV3\n", None, Decoding::Base64), b"new");
        assert_eq!(*value(b"not base64", None, Decoding::Base64), b"");
        assert_eq!(*value(b"new\n", None, Decoding::Raw), b"new");
    }
}
