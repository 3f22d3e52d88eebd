//! Who became the acting user.

/// Marks a name confirmed by the kernel; no user's name can contain it (passwd(5)).
const VERIFIED_MARK: char = ':';

/// The user who became another one, for example with sudo, as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sudoer(pub(super) String);

impl Sudoer {
    /// A user named by the kernel.
    pub fn verified(name: &str) -> Self {
        Self(format!("{VERIFIED_MARK}{name}"))
    }

    /// A user named only by the environment; `None` if that is not a valid name.
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
