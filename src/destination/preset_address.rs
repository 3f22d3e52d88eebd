//! A secret's place in a secret manager.

use std::path::{Path, PathBuf};

use strum::VariantArray;

use super::login_field::{FIELD, LoginField, StoredParts, UPPER_FIELD, names_each_field};
use crate::key::Invalid;
use crate::settings::{AddressParts, MAX_ADDRESS, Preset, Presets};

/// The beginning of a destination that takes a URL.
const URL: &str = "url:";

/// A secret's place in a secret manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetAddress {
    /// The destination as it is named, always the same for one place: `vault:secret/data/app#key`
    pub text: String,
    /// How the secret manager's tool stores a secret there.
    pub preset: Box<Preset>,
    /// The parts of the address.
    pub parts: AddressParts,
    /// What of the key goes there.
    pub stored: StoredParts,
}

impl PresetAddress {
    /// Parses an address for the preset `name`; `text` is the whole destination.
    pub(super) fn parse(
        name: &str,
        address: &str,
        text: &str,
        presets: &Presets,
    ) -> Result<Self, Invalid> {
        let preset = presets.find(name, text)?;
        let refused = |rule: String| {
            Err(Invalid::new("a destination", text, rule)
                .with_hint(format!("write it as in `{name}:{}`", preset.example)))
        };
        if address.len() > MAX_ADDRESS {
            return refused("its address is longer than 1 KiB".to_owned());
        }
        let Some(parts) = preset.parts(address) else {
            let shape = preset.shape();
            let brackets = match shape.contains('[') {
                true => "; the part in brackets is optional",
                false => "",
            };
            return refused(format!("an address is {shape}{brackets}"));
        };
        // A second spelling of the place without it.
        let is_empty = |part: &String| part.contains("//") || part.ends_with('/');
        if !preset.is_path && parts.values().any(is_empty) {
            return refused("nothing is between two slashes, or behind the last".to_owned());
        }
        let mut assigned = preset.assigned_parts();
        let broken = assigned.find(|part| parts.get(*part).is_some_and(|part| part.contains('=')));
        if let Some(part) = broken {
            return refused(format!("`{{{part}}}` must not contain `=`"));
        }
        drop(assigned);
        let of_each = parts.iter().filter(|(_, part)| names_each_field(part));
        let of_each: Vec<&String> = of_each.map(|(part, _)| part).collect();
        let stored = match of_each.as_slice() {
            [] => StoredParts::Secret,
            [part] if preset.has_fields() && preset.field.as_ref() == Some(part) => {
                StoredParts::Login
            }
            _ => {
                let rule = match preset.has_fields() {
                    true => "`{field}` is only allowed in the name of a field",
                    false => "it has one value, and no fields for `{field}`",
                };
                let hint = match preset.has_fields() {
                    true => format!("write it as in `{name}:{}`", example_of_each(&preset)),
                    false => format!(
                        "write `url:{name}:{}` for one URL with the username, secret, host and port",
                        preset.example
                    ),
                };
                return Err(Invalid::new("a destination", text, rule).with_hint(hint));
            }
        };
        let Some(address) = preset.address(&parts) else {
            let shape = &preset.addresses[0];
            return refused(format!("`{shape}` cannot name the same place"));
        };
        Ok(Self {
            text: format!("{name}:{address}"),
            preset: Box::new(preset),
            parts,
            stored,
        })
    }

    /// The same place for the URL with the login; `None` if each field has a place of its own.
    pub(super) fn of_url(self) -> Option<Self> {
        let is_one = self.stored == StoredParts::Secret;
        is_one.then(|| Self {
            text: format!("{URL}{}", self.text),
            stored: StoredParts::Url,
            ..self
        })
    }

    /// The kind of secret manager, and the place there: `vault`, `secret/data/app#key`.
    pub fn kind_and_place(&self) -> (&str, &str) {
        let text = self.text.strip_prefix(URL).unwrap_or(&self.text);
        text.split_once(':').unwrap_or_default()
    }

    /// The whole secret or document, whatever field of it the address names, as one text. A path is
    /// relative to `folder`.
    pub fn document(&self, folder: &Path) -> String {
        let (kind, _) = self.kind_and_place();
        let whole = self.preset.address_with_field(&self.parts, "");
        let whole = whole.expect("the address was written from these parts");
        match self.path_of(&whole, folder) {
            Some(path) => format!("{kind}:{}", path.display()),
            None => format!("{kind}:{whole}"),
        }
    }

    /// The file, if the place is the path of one, relative to `folder`.
    pub fn path(&self, folder: &Path) -> Option<PathBuf> {
        self.path_of(self.kind_and_place().1, folder)
    }

    fn path_of(&self, place: &str, folder: &Path) -> Option<PathBuf> {
        let is_path = self.preset.is_path && place.contains('/');
        is_path
            .then(|| std::path::absolute(folder.join(place)).ok())
            .flatten()
    }

    /// The field of what is stored that the address names, if it names one.
    pub fn field(&self) -> Option<&str> {
        let part = self.preset.field.as_ref()?;
        self.parts.get(part).map(String::as_str)
    }

    /// The fields of the document that are set; `None` for the whole of it.
    pub fn fields(&self) -> Vec<Option<String>> {
        match self.stored {
            StoredParts::Secret | StoredParts::Url => vec![self.field().map(str::to_owned)],
            StoredParts::Login => {
                let named = |field: &LoginField| self.field_of(*field);
                LoginField::VARIANTS.iter().map(named).collect()
            }
        }
    }

    /// The field for a field of a login.
    pub fn field_of(&self, field: LoginField) -> Option<String> {
        let name = field.into_str();
        let text = self.field()?.replace(FIELD, name);
        Some(text.replace(UPPER_FIELD, &name.to_ascii_uppercase()))
    }
}

/// The example of an address that names each field of a login.
fn example_of_each(preset: &Preset) -> String {
    let parts = preset.parts(&preset.example).unwrap_or_default();
    let address = preset.address_with_field(&parts, FIELD);
    address.unwrap_or_else(|| preset.example.clone())
}
