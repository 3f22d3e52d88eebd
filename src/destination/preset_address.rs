//! A secret's place in a secret manager.

use crate::key::Invalid;
use crate::settings::{AddressParts, Preset, Presets};

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
        let Some(parts) = preset.parts(address) else {
            let pattern = preset.address_text.replace('*', "");
            let rule = format!("an address is `{pattern}`, without what is in brackets or with it");
            let rule = match pattern.contains('[') {
                true => rule,
                false => format!("an address is `{pattern}`"),
            };
            return Err(Invalid::new("a destination", text, rule)
                .with_hint(format!("write it as in `{name}:{}`", preset.example)));
        };
        Ok(Self {
            text: text.to_owned(),
            preset: Box::new(preset),
            parts,
        })
    }
}
