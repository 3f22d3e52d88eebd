//! A key as an operator manages it.

use jiff::Timestamp;

use super::{
    Description, EffectiveStatus, KeyName, Kind, Limit, Permission, Retiring, Status, Tail,
    Username,
};

/// A key: the record that an operator manages, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is called; the only selector.
    pub name: KeyName,
    /// What it opens.
    pub access: Access,
    /// Whether the operator has stopped it.
    pub status: Status,
    /// What it is for, in the operator's words.
    pub description: Option<Description>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops by itself; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was first seen expired; it stays so whatever a clock says later.
    pub expired_at: Option<Timestamp>,
    /// The public ending of its current secret.
    pub tail: Tail,
    /// Its secret from before the last rotation, retired or not, until that is removed.
    /// Few have one: its room is its own.
    pub retiring: Option<Box<Retiring>>,
    /// Whether it opens nothing, and exists to be found by whoever should not have looked: from the
    /// beginning or never.
    pub is_decoy: bool,
}

/// What a key opens: a mail server as somebody, or an API within bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Sending mail under a username.
    Smtp {
        /// The login that the secret is a password of.
        username: Username,
    },
    /// Calling an API.
    Api {
        /// What it may call.
        permission: Permission,
        /// How often.
        limit: Limit,
    },
}

impl Key {
    /// Whether it is an SMTP or an API key.
    pub fn kind(&self) -> Kind {
        match self.access {
            Access::Smtp { .. } => Kind::Smtp,
            Access::Api { .. } => Kind::Api,
        }
    }

    /// Its username, if it is an SMTP key.
    pub fn username(&self) -> Option<&Username> {
        match &self.access {
            Access::Smtp { username } => Some(username),
            Access::Api { .. } => None,
        }
    }

    /// The login whose imported password is a secret of the key's, current or retiring.
    pub fn imported_login(&self) -> Option<&Username> {
        let old = self.retiring.as_ref().map(|old| &old.tail);
        let mut tails = [Some(&self.tail), old].into_iter().flatten();
        let is_imported = tails.any(Tail::is_imported);
        self.username().filter(|_| is_imported)
    }

    /// Its permission, if it is an API key.
    pub fn permission(&self) -> Option<&Permission> {
        match &self.access {
            Access::Smtp { .. } => None,
            Access::Api { permission, .. } => Some(permission),
        }
    }

    /// Its limit, if it is an API key.
    pub fn limit(&self) -> Option<Limit> {
        match self.access {
            Access::Smtp { .. } => None,
            Access::Api { limit, .. } => Some(limit),
        }
    }

    /// Whether it is good at `now`, and if not, why.
    ///
    /// An operator's stop is named before an expiry, for it can be taken back.
    pub fn effective_status(&self, now: Timestamp) -> EffectiveStatus {
        match self.status {
            _ if self.is_decoy => EffectiveStatus::Decoy,
            Status::Inactive => EffectiveStatus::Inactive,
            Status::Active if self.has_expired(now) => EffectiveStatus::Expired,
            Status::Active if self.retiring_at(now).is_some() => EffectiveStatus::Rotating,
            Status::Active => EffectiveStatus::Active,
        }
    }

    /// Whether it has expired though its time is not over at `now`: a clock that was ahead saw it
    /// end.
    pub fn has_expired_early(&self, now: Timestamp) -> bool {
        self.expired_at.is_some() && self.expires_at.is_none_or(|end| end > now)
    }

    /// Whether it has expired at `now`, or was seen to have.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expired_at.is_some() || self.expires_at.is_some_and(|end| end <= now)
    }
}
