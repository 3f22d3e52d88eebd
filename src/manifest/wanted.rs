//! The keys that a manifest wants.

use jiff::Timestamp;

use super::WantedDestination;
use crate::key::{
    Access, Description, Expiry, Invalid, Key, KeyName, Kind, Limit, Permission, Status, Tail,
    Username,
};
use crate::settings::Settings;

/// A manifest that can be applied.
#[derive(Debug)]
pub struct Manifest {
    /// Its keys, in the order in which they are written; at least one.
    pub keys: Vec<WantedKey>,
}

/// A key that a manifest names. What it does not say of a key that is there is left alone.
#[derive(Debug)]
pub struct WantedKey {
    /// The line that its table begins in.
    pub line: usize,
    /// Its name.
    pub name: KeyName,
    /// What it is for.
    pub kind: Kind,
    /// SMTP: its username; made up if there is none.
    pub username: Option<Username>,
    /// Its description; `Some(None)` for none.
    pub description: Option<Option<Description>>,
    /// API: what it may call.
    pub permission: Option<Permission>,
    /// API: how often.
    pub limit: Option<Limit>,
    /// When it is to stop; a span counts from when the key was made.
    pub expires: Option<Expiry>,
    /// How it begins its life; afterwards that is not the manifest's to say.
    pub status: Status,
    /// Whether it is a decoy.
    pub is_decoy: bool,
    /// Where its secret goes.
    pub place: WantedDestination,
}

impl WantedKey {
    /// The key as it is made at `now`; what the manifest does not say, the settings do.
    pub fn key(
        &self,
        settings: &Settings,
        generated: Username,
        tail: Tail,
        now: Timestamp,
    ) -> Result<Key, Invalid> {
        let access = match self.kind {
            Kind::Smtp => Access::Smtp {
                username: self.username.clone().unwrap_or(generated),
            },
            Kind::Api => Access::Api {
                permission: self
                    .permission
                    .clone()
                    .unwrap_or_else(|| settings.permission.clone()),
                limit: match self.is_decoy {
                    true => Limit::None,
                    false => self.limit.unwrap_or(settings.limit),
                },
            },
        };
        let expires = match self.is_decoy {
            true => Expiry::Never,
            false => self.expires.unwrap_or(settings.expires),
        };
        Ok(Key {
            name: self.name.clone(),
            access,
            status: self.status,
            description: self.description.clone().flatten(),
            created_at: now,
            expires_at: expires.resolve(now)?,
            expired_at: None,
            tail,
            retiring: None,
            is_decoy: self.is_decoy,
        })
    }
}
