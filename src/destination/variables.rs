//! The variables that a secret is set in.

use super::LoginField;
use crate::key::{KeyName, KeyVariables, Kind, Variable};

/// The fields of a login that have variables of their own for the mail server.
const SERVER_FIELDS: [LoginField; 3] = [LoginField::Host, LoginField::Port, LoginField::Url];

/// The variables for the mail server beside the secret's in an env file.
pub fn server_variables(secret: &Variable) -> [(LoginField, Variable); 3] {
    SERVER_FIELDS.map(|field| {
        let word = field.into_str().to_ascii_uppercase();
        (field, secret.beside(&word))
    })
}

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
