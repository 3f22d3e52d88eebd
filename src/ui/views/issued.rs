//! A key with its new secret.

use std::borrow::Cow;

use serde::Serialize;
use zeroize::Zeroizing;

use super::KeyView;
use crate::key::{Kind, Secret};
use crate::ui::listing::csv_lines;
use crate::ui::{Format, json};

/// A key with its new secret: the one thing that is shown once.
pub struct Issued<'a> {
    key: KeyView<'a>,
    secret: &'a Secret,
}

/// Large enough for every form of an issued key, so that no copy of the secret stays behind
/// where a buffer grew.
const ISSUED: usize = 8192;

impl<'a> Issued<'a> {
    /// The key as it will stand once its secret is handed over.
    pub fn new(key: KeyView<'a>, secret: &'a Secret) -> Self {
        Self { key, secret }
    }

    /// What is written to standard output.
    pub fn bytes(&self, format: Format) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(ISSUED));
        match format {
            Format::Text | Format::Ics => out.extend_from_slice(self.secret.expose().as_bytes()),
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
        let name = variable(self.key.name);
        let parts: &[&str] = match (self.key.key.kind(), self.key.username) {
            (Kind::Smtp, Some(username)) => &[
                &name,
                "_SMTP_USERNAME=",
                username,
                "\n",
                &name,
                "_SMTP_PASSWORD=",
            ],
            _ => &[&name, "_API_KEY="],
        };
        for part in parts.iter().chain(&[self.secret.expose()]) {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// A key's name as the beginning of an environment variable's (POSIX, XBD 8.1).
fn variable(name: &str) -> Cow<'_, str> {
    let upper: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    if upper.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Cow::Owned(format!("KEY_{upper}"));
    }
    Cow::Owned(upper)
}
