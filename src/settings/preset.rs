//! A preset: how the command-line tool of a secret manager stores a secret and reads it back.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::pattern::{AddressParts, AddressPattern, PartTemplate};
use super::text::Text;
use super::timeout::Timeout;

/// The part that is the path of a private file with the text to store.
pub const FILE_PART: &str = "file";

/// The part of an input that is the secret, as the inside of a JSON string.
pub const VALUE_PART: &str = "value";

/// The same in base64.
pub const BASE64_PART: &str = "value_base64";

/// The part of an input that is a JSON object with the fields; those to remove are null, as in a
/// JSON Merge Patch (RFC 7396).
pub const FIELDS_PART: &str = "fields";

/// The same with values in base64, without those to remove.
pub const FIELDS_BASE64_PART: &str = "fields_base64";

/// How a secret manager's tool stores a secret and reads it back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PresetSection")]
pub struct Preset {
    /// The tool, under each of its names.
    pub programs: Vec<String>,
    /// What an address looks like: patterns with the same parts, of which the first has one text
    /// for each place.
    pub addresses: Vec<AddressPattern>,
    /// Whether an address with a `/` is the path of a file.
    pub is_path: bool,
    /// The part that names a project, if the tool takes that of the current folder without it.
    pub project: Option<String>,
    /// An example of an address.
    pub example: String,
    /// Parts that an address may leave out.
    pub defaults: AddressParts,
    /// The arguments that store the secret.
    pub update: Option<Vec<PartTemplate>>,
    /// The arguments that store it if nothing is there, and never overwrite anything.
    pub create: Option<Vec<PartTemplate>>,
    /// What `read` and `update` print if nothing is there: any of these.
    pub missing: Vec<String>,
    /// The text to store; the secret if `None`.
    pub input: Option<PartTemplate>,
    /// The part that names the field of what is stored, if the address has it.
    pub field: Option<String>,
    /// The arguments that print what is stored: the field if they name it, else all fields as a JSON
    /// document, which is also what is stored then, unless there is an `input`.
    pub read: Option<Vec<PartTemplate>>,
    /// Where the object with the fields is in that document (RFC 6901); empty for all of it.
    pub fields_at: String,
    /// How that is encoded.
    pub decode: Decoding,
    /// For how long reading may still show what was there before.
    pub lag: Duration,
    /// How long each command may take.
    pub timeout: Duration,
    /// What to do if storing fails.
    pub hint: Option<String>,
}

/// How a stored secret is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decoding {
    /// As it is.
    #[default]
    Raw,
    /// In base64.
    Base64,
}

/// A preset as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetSection {
    program: Vec<String>,
    address: OneOrMore,
    #[serde(default)]
    path: bool,
    project: Option<String>,
    example: String,
    #[serde(default)]
    defaults: AddressParts,
    update: Option<Vec<String>>,
    create: Option<Vec<String>>,
    #[serde(default)]
    missing: Vec<String>,
    input: Option<String>,
    field: Option<String>,
    read: Option<Vec<String>>,
    #[serde(default)]
    fields_at: String,
    #[serde(default)]
    decode: Decoding,
    lag: Option<Text<Timeout>>,
    timeout: Option<Text<Timeout>>,
    hint: Option<String>,
}

/// A text, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a pattern or a list of patterns")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl TryFrom<PresetSection> for Preset {
    type Error = String;

    fn try_from(section: PresetSection) -> Result<Self, String> {
        let addresses = match section.address {
            OneOrMore::One(address) => vec![address],
            OneOrMore::More(all) => all,
        };
        let addresses = addresses.iter().map(|address| address.parse());
        let addresses: Result<Vec<AddressPattern>, _> = addresses.collect();
        let addresses = addresses.map_err(|rule| format!("`address`: {rule}"))?;
        let words = |words: Option<Vec<String>>| -> Option<Vec<PartTemplate>> {
            Some(words?.iter().map(|word| PartTemplate::of(word)).collect())
        };
        let preset = Self {
            programs: section.program,
            addresses,
            is_path: section.path,
            project: section.project,
            example: section.example,
            defaults: section.defaults,
            update: words(section.update),
            create: words(section.create),
            missing: section.missing,
            input: section.input.as_deref().map(PartTemplate::of),
            field: section.field,
            read: words(section.read),
            fields_at: section.fields_at,
            decode: section.decode,
            lag: section.lag.map_or(Duration::ZERO, |Text(lag)| lag.0),
            timeout: section.timeout.map(|Text(time)| time).unwrap_or_default().0,
            hint: section.hint,
        };
        preset.expect_whole().map(|()| preset)
    }
}

impl Preset {
    fn expect_whole(&self) -> Result<(), String> {
        if self.programs.is_empty() || self.programs.iter().any(String::is_empty) {
            return Err("`program` must name the tool, as in [\"vault\", \"bao\"]".to_owned());
        }
        if self.update.is_none() && self.create.is_none() {
            return Err("it needs `update`, the arguments that store the secret".to_owned());
        }
        if self.update.is_some() && self.create.is_some() && self.missing.is_empty() {
            return Err(
                "`create` needs `missing`, what `update` prints if nothing is there".to_owned(),
            );
        }
        let Some(first) = self.addresses.first() else {
            return Err("`address` is an empty list".to_owned());
        };
        let of = |address: &AddressPattern| {
            BTreeSet::from_iter(address.names().into_iter().map(str::to_owned))
        };
        if self
            .addresses
            .iter()
            .any(|address| of(address) != of(first))
        {
            return Err("each `address` must have the same parts".to_owned());
        }
        let Some(parts) = self.parts(&self.example) else {
            return Err("`example` does not match `address`".to_owned());
        };
        if self.address(&parts).is_none() {
            return Err("the first `address` cannot name the place of `example`".to_owned());
        }
        if self.field.is_some() && self.read.is_none() {
            return Err("`field` needs `read`: other fields of the document stay".to_owned());
        }
        let is_pointer = self.fields_at.is_empty() || self.fields_at.starts_with('/');
        if !is_pointer || (!self.fields_at.is_empty() && !self.is_document()) {
            let rule = "`fields_at` is where `read` prints all fields, as in `/data/data`";
            return Err(rule.to_owned());
        }
        if !self.fields_at.is_empty() && self.stores_document() {
            return Err("`fields_at` needs an `input` with the fields to store".to_owned());
        }
        if self.fields_part().is_some() && self.required_field().is_none() {
            return Err("`{fields}` needs `field`, a part that no address leaves out".to_owned());
        }
        self.expect_known_parts()
    }

    /// The part that names the field, if every address has it.
    fn required_field(&self) -> Option<&str> {
        let field = self.field.as_deref()?;
        let mut all = self.addresses.iter();
        all.all(|address| !address.optional_names().contains(&field))
            .then_some(field)
    }

    /// The part of the input that is all fields.
    fn fields_part(&self) -> Option<&str> {
        let mut parts = self.input.iter().flat_map(PartTemplate::names);
        parts.find(|part| [FIELDS_PART, FIELDS_BASE64_PART].contains(part))
    }

    /// Whether what `read` prints is stored again, with new fields.
    pub fn stores_document(&self) -> bool {
        self.is_document() && self.input.is_none()
    }

    /// Whether `read` prints a JSON document with all fields.
    pub fn is_document(&self) -> bool {
        let Some(field) = &self.field else {
            return false;
        };
        let mut parts = self.read.iter().flatten().flat_map(PartTemplate::names);
        !parts.any(|part| part == field)
    }

    /// Whether several fields can be stored at once.
    pub fn has_fields(&self) -> bool {
        self.stores_document() || self.fields_part().is_some()
    }

    /// Makes sure that templates only use parts that exist where they are used: a secret is never
    /// an argument.
    fn expect_known_parts(&self) -> Result<(), String> {
        let own = self.addresses[0].names();
        let expect = |templates: &[PartTemplate], others: &[&str]| {
            let mut names = templates.iter().flat_map(PartTemplate::names);
            match names.find(|name| !own.contains(name) && !others.contains(name)) {
                None => Ok(()),
                Some(name) => Err(format!("`{{{name}}}` is no part of `address`")),
            }
        };
        for words in [&self.update, &self.create].into_iter().flatten() {
            expect(words, &[FILE_PART])?;
        }
        expect(self.read.as_deref().unwrap_or_default(), &[])?;
        let of_secret = [VALUE_PART, BASE64_PART, FIELDS_PART, FIELDS_BASE64_PART];
        expect(self.input.as_slice(), &of_secret)?;
        let mut of_input = self.input.iter().flat_map(PartTemplate::names);
        let optional = self.addresses[0].optional_names();
        let is_lacking =
            |name: &&str| optional.contains(name) && !self.defaults.contains_key(*name);
        if let Some(name) = of_input.find(is_lacking) {
            return Err(format!(
                "`input` has `{{{name}}}`, which an address may leave out: it needs a default"
            ));
        }
        let of_preset = self.defaults.keys().chain(&self.field).chain(&self.project);
        match of_preset
            .into_iter()
            .find(|name| !own.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(format!("`{name}` is no part of `address`")),
        }
    }

    /// The parts that must not contain an equals sign: the tool takes what follows it for a value.
    pub fn assigned_parts(&self) -> impl Iterator<Item = &str> {
        let words = [&self.update, &self.create].into_iter().flatten();
        words.flatten().flat_map(PartTemplate::assigned)
    }

    /// The parts of an address, with the defaults; `None` if it does not match the pattern.
    pub fn parts(&self, address: &str) -> Option<AddressParts> {
        let mut all = self.addresses.iter();
        let mut parts = all.find_map(|pattern| pattern.parts(address))?;
        for (name, value) in &self.defaults {
            parts.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Some(parts)
    }

    /// The one address of the place with these parts, which may have others; `None` if the first
    /// pattern cannot name the place.
    pub fn address(&self, parts: &AddressParts) -> Option<String> {
        let address = self.addresses[0].address(parts)?;
        (self.parts(&address).as_ref() == Some(parts)).then_some(address)
    }

    /// The address with another text for the field, also where it had none.
    pub fn address_with_field(&self, parts: &AddressParts, field: &str) -> Option<String> {
        let mut parts = parts.clone();
        if let Some(part) = &self.field {
            parts.insert(part.clone(), field.to_owned());
        }
        self.addresses[0].address(&parts)
    }

    /// What an address looks like, for messages.
    pub fn shape(&self) -> String {
        let all = self.addresses.iter().map(|address| format!("`{address}`"));
        all.collect::<Vec<_>>().join(" or ").replace('*', "")
    }
}
