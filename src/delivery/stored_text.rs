//! The text that a secret manager stores, and the secret in it.

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::delivery::child::MAX_TEXT;
use crate::destination::PresetAddress;
use crate::settings::{BASE64_PART, Decoding, VALUE_PART};

/// The text to store for a secret: the secret alone, or the preset's document with it.
pub(super) fn input(address: &PresetAddress, secret: &str) -> Zeroizing<Vec<u8>> {
    // The buffer does not grow, which would leave copies of the secret behind.
    let mut out = Zeroizing::new(Vec::with_capacity(MAX_TEXT));
    let Some(template) = &address.preset.input else {
        out.extend_from_slice(secret.as_bytes());
        return out;
    };
    let written = template.write(&mut out, |part, out| {
        match part {
            VALUE_PART => write_json(secret, out),
            BASE64_PART => {
                let encoded = Zeroizing::new(Base64::encode_string(secret.as_bytes()));
                out.extend_from_slice(encoded.as_bytes());
            }
            part => write_json(address.parts.get(part)?, out),
        }
        Some(())
    });
    written.expect("an input has no optional parts");
    out
}

/// Writes a text as it is inside a JSON string.
fn write_json(text: &str, out: &mut Vec<u8>) {
    let json = serde_json::to_string(text).map(Zeroizing::new);
    let json = json.expect("text is valid JSON");
    out.extend_from_slice(&json.as_bytes()[1..json.len() - 1]);
}

/// A stored document with the secret in a field of it; `None` if it is not a JSON object.
pub(super) fn with_field(
    stored: Option<&[u8]>,
    field: &str,
    secret: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut fields: Map<String, Value> = match stored {
        Some(stored) => serde_json::from_slice(stored).ok()?,
        None => Map::new(),
    };
    fields.insert(field.to_owned(), Value::from(secret));
    serde_json::to_vec(&fields).ok().map(Zeroizing::new)
}

/// The document as it is `now`, with a field as it was before; `None` if one is no JSON object.
pub(super) fn with_field_of(before: &[u8], now: &[u8], field: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut before: Map<String, Value> = serde_json::from_slice(before).ok()?;
    let mut fields: Map<String, Value> = serde_json::from_slice(now).ok()?;
    match before.remove(field) {
        Some(value) => fields.insert(field.to_owned(), value),
        None => fields.remove(field),
    };
    serde_json::to_vec(&fields).ok().map(Zeroizing::new)
}

/// The secret in what a tool printed; empty if there is none.
pub(super) fn secret(printed: &[u8], field: Option<&str>, decode: Decoding) -> Zeroizing<Vec<u8>> {
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

    #[test]
    fn a_document_has_the_secret_and_the_address_escaped() {
        let text = input(&address("kubernetes:shop/app#a\"b"), "se\"cret");
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(json["metadata"]["namespace"], "shop");
        assert_eq!(json["data"]["a\"b"], Base64::encode_string(b"se\"cret"));
        assert_eq!(*input(&address("vault:secret/app#key"), "x"), b"x");
    }

    #[test]
    fn a_field_is_set_and_read_and_the_others_stay() {
        let stored = br#"{"user":"shop","n":1}"#;
        let text = with_field(Some(stored), "key", "new").expect("an object");
        assert_eq!(*text, br#"{"key":"new","n":1,"user":"shop"}"#);
        assert_eq!(*secret(&text, Some("key"), Decoding::Raw), b"new");
        assert_eq!(*secret(&text, Some("other"), Decoding::Raw), b"");
        assert_eq!(
            *with_field(None, "key", "new").expect("one"),
            br#"{"key":"new"}"#
        );
        assert!(with_field(Some(b"plain"), "key", "new").is_none());
        let now = br#"{"key":"new","n":2}"#;
        let restored = with_field_of(stored, now, "key").expect("objects");
        assert_eq!(*restored, br#"{"n":2}"#);
        let restored = with_field_of(br#"{"key":3}"#, now, "key").expect("objects");
        assert_eq!(*restored, br#"{"key":3,"n":2}"#);
        assert_eq!(*secret(b"bmV3\n", None, Decoding::Base64), b"new");
        assert_eq!(*secret(b"not base64", None, Decoding::Base64), b"");
        assert_eq!(*secret(b"new\n", None, Decoding::Raw), b"new");
    }
}
