//! The text that a secret manager stores, and the values in it.

use std::fmt;

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::delivery::child::MAX_TEXT;
use crate::destination::PresetAddress;
use crate::settings::{BASE64_PART, Decoding, FIELDS_BASE64_PART, FIELDS_PART, VALUE_PART};

/// A value that a secret manager stores; empty if there is none.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PlaceValue {
    /// The field that has it; `None` if it is alone.
    pub(super) field: Option<String>,
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PlaceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PlaceValue");
        shown.field("field", &self.field);
        shown.field("length", &self.value.len());
        shown.finish_non_exhaustive()
    }
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

/// The text to store for values: the only one alone, or the preset's document with them. If the
/// document `before` is being restored, fields have its values, of any type.
pub(super) fn input(
    address: &PresetAddress,
    values: &[PlaceValue],
    before: Option<&[u8]>,
) -> Zeroizing<Vec<u8>> {
    // The buffer does not grow, which would leave copies of the secret behind.
    let mut out = Zeroizing::new(Vec::with_capacity(2 * MAX_TEXT));
    let first = values.first().map_or("", PlaceValue::text);
    let Some(template) = &address.preset.input else {
        out.extend_from_slice(first.as_bytes());
        return out;
    };
    let before = before.and_then(Fields::of);
    let stored = |value: &PlaceValue| Some(before.as_ref()?.0.get(value.field.as_ref()?));
    let written = template.write(&mut out, |part, out| {
        match part {
            VALUE_PART => write_json(first, out),
            BASE64_PART => write_base64(first, out),
            FIELDS_PART => write_object(values, out, |value, out| match stored(value) {
                Some(Some(stored)) => write_value(stored, out),
                None if !value.value.is_empty() => write_text(value.text(), out, write_json),
                _ => out.extend_from_slice(b"null"),
            }),
            FIELDS_BASE64_PART => {
                let is_kept = |value: &&PlaceValue| match stored(value) {
                    Some(stored) => stored.is_some(),
                    None => !value.value.is_empty(),
                };
                let kept = values.iter().filter(is_kept);
                write_object(kept, out, |value, out| match stored(value).flatten() {
                    Some(stored) => write_value(stored, out),
                    None => write_text(value.text(), out, write_base64),
                });
            }
            part => write_json(address.parts.get(part)?, out),
        }
        Some(())
    });
    written.expect("an input has no optional parts");
    out
}

/// The fields of a JSON document, whose texts are overwritten when they are no longer needed.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(document: &[u8]) -> Option<Self> {
        serde_json::from_slice(document).ok().map(Self)
    }

    fn text(&self, capacity: usize) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(capacity));
        serde_json::to_writer(&mut *out, &self.0).expect("JSON is written to memory");
        out
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        self.0.values_mut().for_each(erase);
    }
}

fn erase(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(all) => all.iter_mut().for_each(erase),
        Value::Object(all) => all.values_mut().for_each(erase),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("JSON is written to memory");
}

/// The part of a JSON document at a pointer (RFC 6901), empty if there is none; `None` if it is no
/// JSON.
pub(super) fn part_at(document: Zeroizing<Vec<u8>>, pointer: &str) -> Option<Zeroizing<Vec<u8>>> {
    if pointer.is_empty() || document.trim_ascii().is_empty() {
        return Some(document);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(2 * document.len()));
    let mut whole: Value = serde_json::from_slice(&document).ok()?;
    if let Some(part) = whole.pointer(pointer).filter(|part| !part.is_null()) {
        write_value(part, &mut out);
    }
    erase(&mut whole);
    Some(out)
}

/// Writes a JSON object with the fields of values, each written by `write`.
fn write_object<'a>(
    values: impl IntoIterator<Item = &'a PlaceValue>,
    out: &mut Vec<u8>,
    write: impl Fn(&PlaceValue, &mut Vec<u8>),
) {
    out.push(b'{');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(value.field.as_deref().unwrap_or_default(), out, write_json);
        out.push(b':');
        write(value, out);
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
    let mut fields = match stored {
        Some(stored) => Fields::of(stored)?,
        None => Fields(Map::new()),
    };
    for value in values {
        let text = Value::from(value.text());
        fields.0.insert(value.field.clone()?, text);
    }
    Some(fields.text(2 * MAX_TEXT))
}

/// The document as it is `now`, with the fields of values as they were before; `None` if one is no
/// JSON object.
pub(super) fn with_fields_of(
    before: &[u8],
    now: &[u8],
    values: &[PlaceValue],
) -> Option<Zeroizing<Vec<u8>>> {
    let (mut before, mut fields) = (Fields::of(before)?, Fields::of(now)?);
    for name in values.iter().filter_map(|value| value.field.as_ref()) {
        let now = match before.0.remove(name) {
            Some(value) => fields.0.insert(name.clone(), value),
            None => fields.0.remove(name),
        };
        now.into_iter().for_each(|mut now| erase(&mut now));
    }
    Some(fields.text(2 * MAX_TEXT))
}

/// The value in what a tool printed, of a field of a document if one is named; empty if there is
/// none.
pub(super) fn value(printed: &[u8], field: Option<&str>, decode: Decoding) -> Zeroizing<Vec<u8>> {
    let printed = printed.strip_suffix(b"\n").unwrap_or(printed);
    let value = match field {
        None => Some(Zeroizing::new(printed.to_vec())),
        Some(field) => {
            let fields = Fields::of(printed);
            match fields.as_ref().and_then(|fields| fields.0.get(field)) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(Zeroizing::new(text.as_bytes().to_vec())),
                Some(other) => Some(Zeroizing::new(other.to_string().into_bytes())),
            }
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
        let text = input(&address("kubernetes:shop/app#a\"b"), &secret, None);
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(json["metadata"]["namespace"], "shop");
        assert_eq!(json["data"]["a\"b"], Base64::encode_string(b"se\"cret"));
        assert_eq!(
            *input(&address("pass:app"), &values(&[("", "x")]), None),
            b"x"
        );
    }

    #[test]
    fn all_fields_are_in_one_document_and_what_is_empty_is_removed() {
        let all = values(&[("smtp_host", "a.b"), ("smtp_url", ""), ("q\"", "\"")]);
        let vault = input(&address("vault:secret/app#smtp_{field}"), &all, None);
        assert_eq!(*vault, br#"{"smtp_host":"a.b","smtp_url":null,"q\"":"\""}"#);
        let text = input(&address("kubernetes:shop/app#{FIELD}"), &all, None);
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        let data = json["data"].as_object().expect("an object");
        assert_eq!(data.len(), 2);
        assert_eq!(data["smtp_host"], Base64::encode_string(b"a.b"));
    }

    #[test]
    fn fields_are_restored_with_their_types() {
        let before = br#"{"data":{"data":{"smtp_port":465,"smtp_url":"","n":1}}}"#;
        let before = part_at(Zeroizing::new(before.to_vec()), "/data/data").expect("JSON");
        assert_eq!(*value(&before, Some("smtp_port"), Decoding::Raw), b"465");
        let all = values(&[("smtp_port", "465"), ("smtp_url", ""), ("smtp_host", "")]);
        let address = address("vault:secret/app#smtp_{field}");
        let text = input(&address, &all, Some(&before));
        assert_eq!(
            *text,
            br#"{"smtp_port":465,"smtp_url":"","smtp_host":null}"#
        );
        for (text, is_json) in [
            ("", true),
            ("{}", true),
            (r#"{"data":{"data":null}}"#, true),
            ("x", false),
        ] {
            let document = Zeroizing::new(text.as_bytes().to_vec());
            let part = part_at(document, "/data/data");
            assert_eq!(part, is_json.then(Zeroizing::default), "{text}");
        }
    }

    #[test]
    fn a_value_is_not_shown() {
        let shown = format!("{:?}", values(&[("key", "xkeypost-1")]));
        assert!(shown.contains("length: 10"), "{shown}");
        assert!(!shown.contains("xkeypost"), "{shown}");
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
