//! A key with its new secret.

use serde::Serialize;
use zeroize::Zeroizing;

use super::KeyView;
use crate::key::{KeyVariables, Kind, Secret};
use crate::ui::listing::csv_lines;
use crate::ui::{Format, json};

/// A key with its new secret, the only value that is shown only once.
pub struct Issued<'a> {
    key: KeyView<'a>,
    secret: &'a Secret,
    variables: KeyVariables,
}

/// Large enough for an issued key in any format, so that the buffer does not grow and leave copies
/// of the secret behind.
const BUFFER: usize = 8192;

impl<'a> Issued<'a> {
    /// The key as it will be once its secret is delivered.
    pub fn new(key: KeyView<'a>, secret: &'a Secret) -> Self {
        let variables = KeyVariables::of(&key.key.name, key.key.kind());
        Self {
            key,
            secret,
            variables,
        }
    }

    /// The same, with other variables than the key's default ones.
    pub fn in_variables(self, variables: KeyVariables) -> Self {
        Self { variables, ..self }
    }

    /// The key's name.
    pub fn name(&self) -> &'a str {
        self.key.key.name.as_str()
    }

    /// The key's kind.
    pub fn kind(&self) -> Kind {
        self.key.key.kind()
    }

    /// The key's username, if it has one.
    pub fn username(&self) -> Option<&'a str> {
        self.key.username
    }

    /// The secret.
    pub fn secret(&self) -> &Secret {
        self.secret
    }

    /// The text for standard output, or for the file.
    pub fn bytes(&self, format: Format) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(BUFFER));
        match format {
            Format::Text | Format::Ics | Format::Prometheus | Format::Markdown => {
                out.extend_from_slice(self.secret.expose().as_bytes())
            }
            Format::Json | Format::Jsonl => self.write_json(&mut out),
            Format::Csv => self.write_csv(&mut out),
            Format::Env => self.write_env(&mut out),
        }
        out.push(b'\n');
        out
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        #[derive(Serialize)]
        struct Json<'a> {
            #[serde(flatten)]
            key: &'a KeyView<'a>,
            secret: &'a str,
        }
        let json = Json {
            key: &self.key,
            secret: self.secret.expose(),
        };
        json::write(out, &json).expect("writing to memory does not fail");
    }

    fn write_csv(&self, out: &mut Vec<u8>) {
        let lines = csv_lines(&self.key);
        let mut lines = lines.lines();
        let (header, record) = (
            lines.next().unwrap_or_default(),
            lines.next().unwrap_or_default(),
        );
        for part in [
            header,
            ",secret\r\n",
            record,
            ",",
            self.secret.expose(),
            "\r",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn write_env(&self, out: &mut Vec<u8>) {
        for (at, (name, value)) in self.assignments().iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            for part in [gap, name, "=", value] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// The environment variables and their values, which are plain: sh, Docker and systemd read
    /// them alike without quotes.
    pub fn assignments(&self) -> Vec<(&str, &str)> {
        let username = self.variables.username.as_ref().zip(self.key.username);
        let username = username.map(|(name, value)| (name.as_str(), value));
        let secret = (self.variables.secret.as_str(), self.secret.expose());
        username.into_iter().chain([secret]).collect()
    }
}
