//! The presets: those that come with postkey, and those of the settings.

use std::collections::BTreeMap;

use super::hint;
use super::preset::Preset;
use crate::key::Invalid;

/// The presets that come with postkey, in the form of the settings' `[destinations.NAME]`.
const BUILT_IN: [(&str, &str); 11] = [
    ("aws-sm", include_str!("presets/aws-sm.toml")),
    ("azure-kv", include_str!("presets/azure-kv.toml")),
    ("docker-secret", include_str!("presets/docker-secret.toml")),
    ("gcp-sm", include_str!("presets/gcp-sm.toml")),
    ("github-secret", include_str!("presets/github-secret.toml")),
    ("gitlab-var", include_str!("presets/gitlab-var.toml")),
    ("gopass", include_str!("presets/gopass.toml")),
    ("kubernetes", include_str!("presets/kubernetes.toml")),
    ("pass", include_str!("presets/pass.toml")),
    ("systemd-creds", include_str!("presets/systemd-creds.toml")),
    ("vault", include_str!("presets/vault.toml")),
];

/// The destinations that are no presets.
const OTHER_FORMS: [&str; 7] = [
    "file",
    "env",
    "dir",
    "github-env",
    "github-output",
    "command",
    "url",
];

/// The presets of the settings by their names; others come with postkey.
#[derive(Clone, Debug, Default)]
pub struct Presets(BTreeMap<String, Preset>);

impl Presets {
    /// Adds presets.
    pub(super) fn add(
        &mut self,
        presets: impl Iterator<Item = (String, Preset)>,
    ) -> Result<(), Invalid> {
        for (name, preset) in presets {
            if let Some(rule) = broken_rule(&name) {
                return Err(Invalid::new("a name of a destination", &name, rule)
                    .with_hint("choose another name for [destinations.NAME]"));
            }
            self.0.insert(name, preset);
        }
        Ok(())
    }

    /// All presets, sorted by name; those of the settings replace those that come with postkey.
    pub fn all(&self) -> BTreeMap<&str, Preset> {
        let built_in = BUILT_IN.iter().map(|(name, text)| (*name, parsed(text)));
        let own = self.0.iter();
        let own = own.map(|(name, preset)| (name.as_str(), preset.clone()));
        built_in.chain(own).collect()
    }

    /// The preset of that name.
    ///
    /// # Errors
    /// If there is none; `text` is the whole destination.
    pub fn find(&self, name: &str, text: &str) -> Result<Preset, Invalid> {
        if let Some(preset) = self.0.get(name) {
            return Ok(preset.clone());
        }
        if let Some((_, text)) = BUILT_IN.iter().find(|(own, _)| *own == name) {
            return Ok(parsed(text));
        }
        let names = BUILT_IN.iter().map(|(name, _)| *name);
        let own = self.0.keys().map(String::as_str);
        let known: Vec<&str> = OTHER_FORMS.into_iter().chain(names).chain(own).collect();
        let rule = "it does not begin with a known kind of destination";
        Err(Invalid::new("a destination", text, rule).with_hint(hint(name, &known)))
    }
}

fn parsed(text: &str) -> Preset {
    toml::from_str(text).expect("the built-in presets are presets")
}

/// The rule that a preset's name breaks, if any.
fn broken_rule(name: &str) -> Option<&'static str> {
    let is_fit = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    match name {
        "" => Some("it is empty"),
        name if OTHER_FORMS.contains(&name) => Some("it has another meaning"),
        name if !name.bytes().all(is_fit) => Some("only a-z, 0-9 and - are allowed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_preset() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/settings/presets");
        let files = std::fs::read_dir(folder).expect("presets").count();
        assert_eq!(Presets::default().all().len(), files);
    }

    #[test]
    fn what_a_preset_lacks_is_said() {
        let good = "program = [\"x\"]\naddress = \"{name}\"\nexample = \"a\"\nupdate = [\"set\", \"{name}\"]\n";
        toml::from_str::<Preset>(good).expect("whole");
        for (from, to, why) in [
            ("[\"x\"]", "[]", "`program` must name the tool"),
            (
                "\"{name}\"\nex",
                "\"name}\"\nex",
                "`address`: it must have a part",
            ),
            (
                "example = \"a\"",
                "example = \"a/b\"",
                "`example` does not match",
            ),
            ("update", "read", "it needs `update`"),
            (
                "\"set\"",
                "\"{value}\"",
                "`{value}` is no part of `address`",
            ),
            (
                "example",
                "create = [\"new\"]\nexample",
                "`create` needs `missing`",
            ),
            (
                "example",
                "field = \"name\"\nexample",
                "`field` needs `read`",
            ),
            (
                "example",
                "field = \"key\"\nread = [\"get\"]\nexample",
                "`key` is no part",
            ),
            (
                "\"{name}\"\nexample",
                "\"[{app}/]{name}\"\ninput = \"{app}:{value}\"\nexample",
                "`input` has `{app}`, which an address may leave out",
            ),
            (
                "\"{name}\"\nexample",
                "[\"{name}\", \"{app}/{key}\"]\nexample",
                "each `address` must have the same parts",
            ),
            (
                "\"{name}\"\nexample = \"a\"",
                "[\"{app}/{name}\", \"[{app}/]{name}\"]\nexample = \"a\"",
                "the first `address` cannot name the place of `example`",
            ),
            (
                "example",
                "input = \"{fields}\"\nexample",
                "`{fields}` needs `field`",
            ),
            (
                "example",
                "read = [\"get\"]\nfields_at = \"/data\"\nexample",
                "`fields_at` is where",
            ),
            (
                "example",
                "read = [\"get\"]\nfield = \"name\"\nfields_at = \"/data\"\nexample",
                "`fields_at` needs an `input`",
            ),
            ("address = \"{name}\"", "address = 1", "a list of patterns"),
            ("example", "timeout = \"2h\"\nexample", "at most 30 minutes"),
            ("example", "argv = [\"x\"]\nexample", "unknown field `argv`"),
        ] {
            let text = good.replacen(from, to, 1);
            let error = toml::from_str::<Preset>(&text).expect_err(&text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
