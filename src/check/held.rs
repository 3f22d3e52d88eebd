//! What a destination holds instead of the secret that was delivered there.

use jiff::Timestamp;

use crate::key::KeyName;

/// What a destination holds instead of a key's current secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldSecret {
    /// The key's old secret, which works until then.
    Retiring(Timestamp),
    /// A secret that this key had until then.
    Former(KeyName, Timestamp),
    /// The secret of another key.
    OfKey(KeyName),
    /// A value that is no secret of this vault.
    Another,
    /// No value.
    Nothing,
    /// The key's current secret, but other values than would be delivered now in these fields of the
    /// login.
    OtherLogin(Vec<String>),
    /// It cannot be read, for this reason.
    Unreadable(String),
}

/// The end of a sentence that begins with a destination of a login with other values in these fields.
pub fn other_login(names: &[String]) -> String {
    let list = match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    };
    match names.len() {
        1 => format!("holds its secret, but its {list} is not what would be delivered now"),
        _ => format!("holds its secret, but its {list} are not what would be delivered now"),
    }
}

impl HeldSecret {
    /// The end of a sentence that begins with the destination, with times formatted by `when`.
    pub fn describe(&self, when: impl Fn(Timestamp) -> String) -> String {
        match self {
            Self::Retiring(until) => {
                format!("holds the old secret, which retires {}", when(*until))
            }
            Self::Former(name, until) => {
                format!("holds the secret that `{name}` had until {}", when(*until))
            }
            Self::OfKey(name) => format!("holds the secret of `{name}`"),
            Self::Another => "holds another value".to_owned(),
            Self::Nothing => "holds no secret".to_owned(),
            Self::OtherLogin(names) => other_login(names),
            Self::Unreadable(why) => format!("cannot be read: {why}"),
        }
    }
}
