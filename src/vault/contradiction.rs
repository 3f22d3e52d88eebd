//! What the vault holds of a key although the log says otherwise.

use crate::key::quoted;

/// How many of a tail's last characters people are shown.
const TAIL_SUFFIX: usize = 4;

/// The fact under which the log has the checksum of a key's current secret.
pub(super) const CURRENT_CHECKSUM: &str = "checksum";

/// The same, of the secret from before a rotation.
pub(super) const RETIRING_CHECKSUM: &str = "retiring_checksum";

/// A fact about a key that is not what the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The key's name.
    pub key: String,
    /// The fact.
    pub fact: String,
    /// What the vault holds; `None` is nothing.
    pub found: Option<String>,
    /// What the log says.
    pub logged: Option<String>,
}

impl Contradiction {
    /// What is different; of a checksum only what it covers.
    pub(super) fn difference(&self) -> String {
        let secret = match self.fact.as_str() {
            CURRENT_CHECKSUM => "its secret",
            RETIRING_CHECKSUM => "its old secret",
            fact => {
                let [found, logged] = [&self.found, &self.logged];
                let [found, logged] = [found, logged].map(|value| self.told(value.as_deref()));
                return format!("its {fact} is {found}, but {logged} in the log");
            }
        };
        format!("the digest, hash, login, salt or creation time of {secret} differs")
    }

    /// A value of which nobody knows who wrote it, as it may be told; of a secret's tail only the
    /// last characters.
    fn told(&self, value: Option<&str>) -> String {
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
