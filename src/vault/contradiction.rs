//! Differences between a key in the vault and the log.

use crate::key::quoted;

/// How many characters of a tail are shown.
const TAIL_SUFFIX: usize = 4;

/// The name of the checksum of a key's current secret in the log.
pub(super) const CURRENT_CHECKSUM: &str = "checksum";

/// The same for its old secret.
pub(super) const RETIRING_CHECKSUM: &str = "retiring_checksum";

/// A field of a key that differs from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The key's name.
    pub key: String,
    /// The field.
    pub fact: String,
    /// The value in the vault; `None` if it is null.
    pub found: Option<String>,
    /// The value in the log.
    pub logged: Option<String>,
}

impl Contradiction {
    /// The difference; for a checksum only what it covers.
    pub(super) fn difference(&self) -> String {
        let secret = match self.fact.as_str() {
            CURRENT_CHECKSUM => "its secret",
            RETIRING_CHECKSUM => "its old secret",
            fact => {
                let [found, logged] = [&self.found, &self.logged];
                let [found, logged] = [found, logged].map(|value| self.displayed(value.as_deref()));
                return format!("its {fact} is {found}, but {logged} in the log");
            }
        };
        format!("the digest, hash, login, salt or creation time of {secret} differs")
    }

    /// A value from an unknown source, made safe to print; for a tail only its last characters.
    fn displayed(&self, value: Option<&str>) -> String {
        let is_tail = matches!(self.fact.as_str(), "tail" | "retiring");
        match value {
            None => "nothing".to_owned(),
            Some(value) if is_tail => {
                let end = value.chars().rev().take(TAIL_SUFFIX).collect::<String>();
                format!("…{}", end.chars().rev().collect::<String>())
            }
            Some(value) => quoted(value),
        }
    }
}
