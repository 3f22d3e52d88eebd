//! Formats an export, one secret at a time.
//!
//! The same secrets always result in the same bytes.

use std::collections::BTreeSet;
use std::mem;

use jiff::Timestamp;
use memchr::memmem;

use super::json;
use super::views::ValidSecretView;
use crate::key::Tail;
use crate::settings::ExportFormat;
use crate::vault::ValidSecret;

/// How much text is buffered, in bytes.
const BUFFER: usize = 64 << 10;

/// What precedes the vault's mark at the end of the first line.
const VAULT_LABEL: &str = " Vault: ";

/// How many omitted keys are named.
const MAX_NAMED: usize = 3;

/// An export in progress: its text is taken out in chunks.
#[derive(Debug)]
pub struct ExportText {
    format: ExportFormat,
    now: Timestamp,
    text: Vec<u8>,
    counts: ExportCounts,
    /// The logins for which there may be only one line, among those that keys may share.
    logins: BTreeSet<String>,
}

/// The contents of an export.
#[derive(Debug, Default)]
pub struct ExportCounts {
    /// The number of secrets in it.
    pub secrets: u64,
    /// The number of valid secrets that the format cannot contain.
    pub left_out: u64,
    /// The first keys of these, and why.
    named: Vec<String>,
    /// The number of damaged keys.
    pub damaged: u64,
    /// The first errors about these.
    damage: Vec<String>,
}

impl ExportCounts {
    /// Which secrets are left out and why, if any.
    pub fn describe_left_out(&self) -> Option<String> {
        let more = self.left_out.saturating_sub(self.named.len() as u64);
        let more = (more > 0).then(|| format!("{more} more"));
        let all: Vec<_> = self.named.iter().cloned().chain(more).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// The errors about damaged keys, as far as they are kept.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    fn leave_out(&mut self, what: String) {
        self.left_out += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(what);
        }
    }
}

impl ExportText {
    /// Begins an export of secrets that are valid at `now`, in the vault with this mark.
    pub fn new(format: ExportFormat, now: Timestamp, mark: Option<&str>) -> Self {
        let mark = mark.filter(|_| format != ExportFormat::Json);
        let mark = mark.map_or_else(String::new, |mark| format!("{VAULT_LABEL}{mark}"));
        let text = [beginning(format), &mark, "\n"].concat().into_bytes();
        Self {
            format,
            now,
            text,
            counts: ExportCounts::default(),
            logins: BTreeSet::new(),
        }
    }

    /// Adds a secret, or counts it as left out.
    pub fn push(&mut self, good: &ValidSecret) {
        let refused = match self.format {
            ExportFormat::Dovecot => self.push_login(good),
            ExportFormat::Json => self.push_object(good),
        };
        let name = &good.record.key.name;
        match refused {
            None => self.counts.secrets += 1,
            Some(why) => self.counts.leave_out(format!("{why} of `{name}`")),
        }
    }

    /// Skips a damaged key, which is refused anyway.
    pub fn skip_damaged(&mut self, damage: String) {
        self.counts.damaged += 1;
        if self.counts.damage.len() < MAX_NAMED {
            self.counts.damage.push(damage);
        }
    }

    /// Whether there is enough text to take out.
    pub fn is_full(&self) -> bool {
        self.text.len() >= BUFFER
    }

    /// Takes out the text so far.
    pub fn take(&mut self) -> Vec<u8> {
        mem::replace(&mut self.text, Vec::with_capacity(BUFFER))
    }

    /// The rest of the text, and the counts.
    pub fn finish(mut self) -> (Vec<u8>, ExportCounts) {
        match (self.format, self.counts.secrets) {
            (ExportFormat::Json, 0) => self.text.extend_from_slice(b"]\n"),
            (ExportFormat::Json, _) => self.text.extend_from_slice(b"\n]\n"),
            _ => {}
        }
        (self.text, self.counts)
    }

    fn add(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// A line that Dovecot finds by the login and the tail of the presented password. An imported
    /// password has no tail: it is found by anything that does not look like a secret.
    fn push_login(&mut self, good: &ValidSecret) -> Option<&'static str> {
        // Dovecot converts usernames to lower case.
        let username = good.record.key.username()?.to_string().to_ascii_lowercase();
        let Some(hash) = &good.hash else {
            return Some("a secret without a hash");
        };
        let networks = &good.record.key.networks;
        let networks = match networks.are_any() {
            true => String::new(),
            false => format!(" allow_nets={networks}"),
        };
        if !good.is_imported() {
            let tail = good.tail.as_str();
            let fields = format!("user={username}/{tail} tail={tail}{networks}");
            self.add(&format!("{username}|{tail}:{hash}::::::{fields}\n"));
            return None;
        }
        if !self.logins.insert(username.clone()) {
            return Some("a second imported password");
        }
        self.add(&format!(
            "{username}|:{hash}::::::{}\n",
            networks.trim_start()
        ));
        None
    }

    fn push_object(&mut self, good: &ValidSecret) -> Option<&'static str> {
        if self.counts.secrets > 0 {
            self.add(",\n");
        }
        let view = ValidSecretView::new(good, self.now);
        json::write(&mut self.text, &view).expect("writing to memory does not fail");
        None
    }
}

/// The first bytes of an export in the format.
fn beginning(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Dovecot => "# Written by `postkey export dovecot`, which overwrites it.",
        ExportFormat::Json => "[",
    }
}

/// Whether a file with these first bytes is an earlier export in the format, or empty, and may be
/// replaced.
pub fn is_replaceable_export(start: &[u8], format: ExportFormat) -> bool {
    let Some(rest) = start.strip_prefix(beginning(format).as_bytes()) else {
        return start.is_empty();
    };
    match (format, rest.strip_prefix(b"\n")) {
        (ExportFormat::Json, rest) => rest.is_some_and(|rest| rest == b"]\n" || is_object(rest)),
        (_, rest) => rest.is_some() || mark_in(start).is_some(),
    }
}

/// Whether a text begins with a secret's object, as [`ExportText`] writes it.
fn is_object(text: &[u8]) -> bool {
    const FIELDS: [&str; 4] = ["\"kind\":\"", "\"tail\":", "\"hash\":", "\"retires_at\":"];
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |field: &str| memmem::find(line, field.as_bytes()).is_some();
    line.starts_with(b"{\"name\":\"") && FIELDS.into_iter().all(has)
}

/// The mark of the vault that an export is from.
fn mark_in(start: &[u8]) -> Option<&str> {
    let line = start.split(|&byte| byte == b'\n').next()?;
    let (_, mark) = str::from_utf8(line).ok()?.split_once(VAULT_LABEL)?;
    Some(mark)
}

/// Whether a file with these first bytes may be an export of the vault with this mark: `has_made`
/// tells whether a secret with this tail was ever created in it.
pub fn may_belong_to<E>(
    start: &[u8],
    mark: Option<&str>,
    has_created: impl Fn(&Tail) -> Result<bool, E>,
) -> Result<bool, E> {
    if let Some(found) = mark_in(start) {
        return Ok(Some(found) == mark);
    }
    // JSON has no mark, and neither have older exports.
    let text = String::from_utf8_lossy(start);
    let tails = text.split("\"tail\":\"").skip(1);
    let tails = tails.filter_map(|rest| rest.split('"').next()?.parse().ok());
    let mut is_of_another = false;
    for tail in tails {
        if has_created(&tail)? {
            return Ok(true);
        }
        is_of_another = true;
    }
    Ok(!is_of_another)
}
