//! Who became the user that acts.

/// Marks the name of a user whom the kernel names; no user's name can hold it (passwd(5)).
const VERIFIED_MARK: char = ':';

/// The user who became another one, by sudo say: as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sudoer(pub(super) String);

impl Sudoer {
    /// A user whom the kernel names.
    pub fn verified(name: &str) -> Self {
        Self(format!("{VERIFIED_MARK}{name}"))
    }

    /// A user whom only the environment names; `None` if no user can have that name.
    pub fn claimed(name: &str) -> Option<Self> {
        let is_name = !name.is_empty() && !name.contains(VERIFIED_MARK);
        is_name.then(|| Self(name.to_owned()))
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        self.0.strip_prefix(VERIFIED_MARK).unwrap_or(&self.0)
    }

    /// Whether the kernel named the user.
    pub fn is_verified(&self) -> bool {
        self.0.starts_with(VERIFIED_MARK)
    }
}
