//! The variables that a secret is set in.

use crate::key::{KeyName, KeyVariables, Kind, Variable};

/// The variables that a secret is set in, as far as they are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretVariables {
    /// Those named after the key.
    OfKey,
    /// This one; the username's is named after it.
    Named(Variable),
    /// Exactly these.
    Exactly(KeyVariables),
}

impl SecretVariables {
    /// The variables for a key.
    pub fn of(&self, name: &KeyName, kind: Kind) -> KeyVariables {
        match self {
            Self::OfKey => KeyVariables::of(name, kind),
            Self::Named(secret) => KeyVariables::named(kind, secret.clone(), None),
            Self::Exactly(variables) => variables.clone(),
        }
    }

    /// The secret's variable, if it is named.
    pub fn secret(&self) -> Option<&Variable> {
        match self {
            Self::OfKey => None,
            Self::Named(secret) => Some(secret),
            Self::Exactly(variables) => Some(&variables.secret),
        }
    }
}
