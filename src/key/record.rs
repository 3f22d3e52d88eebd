//! A key as the operator manages it.

use jiff::Timestamp;

use super::{
    Description, EffectiveStatus, KeyName, Kind, Labels, Limit, Networks, Owner, Permission,
    Retiring, Senders, Status, Tail, Username,
};

/// A key without its secret, as the operator manages it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name, which identifies it.
    pub name: KeyName,
    /// What it opens.
    pub access: Access,
    /// The networks it may be used from.
    pub networks: Networks,
    /// Whether the operator has deactivated it.
    pub status: Status,
    /// The operator's description.
    pub description: Option<Description>,
    /// Its labels.
    pub labels: Labels,
    /// Who is responsible for it.
    pub owner: Option<Owner>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was first seen expired; it stays expired whatever a clock says later.
    pub expired_at: Option<Timestamp>,
    /// The tail of its current secret.
    pub tail: Tail,
    /// Its old secret after a rotation, retired or not, until it is removed. Boxed, since few keys
    /// have one.
    pub retiring: Option<Box<Retiring>>,
    /// Whether it is a decoy, which is never valid and only exists to be found by an intruder; this
    /// never changes.
    pub is_decoy: bool,
}

/// What a key opens: a mail server or an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Sending mail under a username.
    Smtp {
        /// The login of which the secret is a password.
        username: Username,
        /// The envelope senders that it may use.
        senders: Senders,
        /// How many recipients its mails may have, together.
        limit: Limit,
    },
    /// Calling an API.
    Api {
        /// Its permission.
        permission: Permission,
        /// Its limit.
        limit: Limit,
    },
}

impl Access {
    /// The same with what is given; what keys of the kind do not have is ignored.
    pub fn with(
        &self,
        new_permission: Option<&Permission>,
        new_senders: Option<&Senders>,
        new_limit: Option<Limit>,
    ) -> Self {
        match self {
            Self::Smtp {
                username,
                senders,
                limit,
            } => Self::Smtp {
                username: username.clone(),
                senders: new_senders.unwrap_or(senders).clone(),
                limit: new_limit.unwrap_or(*limit),
            },
            Self::Api { permission, limit } => Self::Api {
                permission: new_permission.unwrap_or(permission).clone(),
                limit: new_limit.unwrap_or(*limit),
            },
        }
    }
}

impl Key {
    /// Creates an active key without description, expiry or retiring secret; not a decoy.
    pub fn new(name: KeyName, access: Access, tail: Tail, created_at: Timestamp) -> Self {
        Self {
            name,
            access,
            networks: Networks::default(),
            status: Status::Active,
            description: None,
            labels: Labels::default(),
            owner: None,
            created_at,
            expires_at: None,
            expired_at: None,
            tail,
            retiring: None,
            is_decoy: false,
        }
    }

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
            Access::Smtp { username, .. } => Some(username),
            Access::Api { .. } => None,
        }
    }

    /// The login for which one of the key's secrets is an imported password.
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

    /// How many requests it may make, or how many recipients its mails may have.
    pub fn limit(&self) -> Limit {
        match self.access {
            Access::Smtp { limit, .. } | Access::Api { limit, .. } => limit,
        }
    }

    /// How many requests it may make; only an API key makes any.
    pub fn request_limit(&self) -> Limit {
        match self.access {
            Access::Smtp { .. } => Limit::None,
            Access::Api { limit, .. } => limit,
        }
    }

    /// The envelope senders that it may use, if it is an SMTP key.
    pub fn senders(&self) -> Option<&Senders> {
        match &self.access {
            Access::Smtp { senders, .. } => Some(senders),
            Access::Api { .. } => None,
        }
    }

    /// Its effective status at `now`.
    ///
    /// Inactive takes precedence over expired, since it can be undone.
    pub fn effective_status(&self, now: Timestamp) -> EffectiveStatus {
        match self.status {
            _ if self.is_decoy => EffectiveStatus::Decoy,
            Status::Inactive => EffectiveStatus::Inactive,
            Status::Active if self.has_expired(now) => EffectiveStatus::Expired,
            Status::Active if self.retiring_at(now).is_some() => EffectiveStatus::Rotating,
            Status::Active => EffectiveStatus::Active,
        }
    }

    /// Whether it is recorded as expired although it has not reached its expiry at `now`: a clock
    /// was ahead.
    pub fn has_expired_early(&self, now: Timestamp) -> bool {
        self.expired_at.is_some() && self.expires_at.is_none_or(|end| end > now)
    }

    /// Whether it has expired at `now`, or is recorded as expired.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expired_at.is_some() || self.expires_at.is_some_and(|end| end <= now)
    }
}
