//! A secret's place in a secret manager.

use crate::key::Invalid;
use crate::settings::{AddressParts, MAX_ADDRESS, Preset, Presets};

/// A secret's place in a secret manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetAddress {
    /// The destination as it is named: `vault:secret/app#key`
    pub text: String,
    /// How the secret manager's tool stores a secret there.
    pub preset: Box<Preset>,
    /// The parts of the address.
    pub parts: AddressParts,
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
            let pattern = preset.address_text.replace('*', "");
            let brackets = match pattern.contains('[') {
                true => "; the part in brackets is optional",
                false => "",
            };
            return refused(format!("an address is `{pattern}`{brackets}"));
        };
        let mut assigned = preset.assigned_parts();
        let broken = assigned.find(|part| parts.get(*part).is_some_and(|part| part.contains('=')));
        if let Some(part) = broken {
            return refused(format!("`{{{part}}}` must not contain `=`"));
        }
        drop(assigned);
        Ok(Self {
            text: text.to_owned(),
            preset: Box::new(preset),
            parts,
        })
    }
}
