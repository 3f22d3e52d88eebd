//! The keys in a manifest.

use jiff::Timestamp;

use crate::destination::DestinationSpec;
use crate::key::{
    Access, Description, Expiry, Invalid, Key, KeyName, KeyVariables, Kind, Labels, Limit,
    Networks, Owner, Permission, PolicyChange, Senders, Status, Tail, Username,
};
use crate::settings::{Settings, SmtpServer};

/// A valid manifest.
#[derive(Debug)]
pub struct Manifest {
    /// Its keys in order; at least one.
    pub keys: Vec<ManifestKey>,
}

/// A key in a manifest. What it does not specify is not changed for an existing key.
#[derive(Debug)]
pub struct ManifestKey {
    /// The line of its table.
    pub line: usize,
    /// Its name.
    pub name: KeyName,
    /// Its kind.
    pub kind: Kind,
    /// SMTP: its username; by the settings, or generated, if `None`.
    pub username: Option<Username>,
    /// Its description; `Some(None)` for none.
    pub description: Option<Option<Description>>,
    /// Its labels, all of them.
    pub labels: Option<Labels>,
    /// Who is responsible for it; `Some(None)` for nobody.
    pub owner: Option<Option<Owner>>,
    /// API: its permission.
    pub permission: Option<Permission>,
    /// Its limit: requests of an API key, recipients of an SMTP key.
    pub limit: Option<Limit>,
    /// SMTP: the envelope senders it may use.
    pub senders: Option<Senders>,
    /// The networks it may be used from.
    pub networks: Option<Networks>,
    /// When it expires; a span counts from when the key was created.
    pub expires: Option<Expiry>,
    /// Its own policy.
    pub policy: PolicyChange,
    /// Its initial status; later changes are not reverted.
    pub status: Status,
    /// Whether it is a decoy.
    pub is_decoy: bool,
    /// The destination of its secret.
    pub destination: DestinationSpec,
    /// SMTP: the mail server for it; that of the settings if `None`.
    pub smtp: Option<SmtpServer>,
}

impl ManifestKey {
    /// The variables that its secret is set in, if any.
    pub fn variables(&self) -> Option<KeyVariables> {
        match &self.destination {
            DestinationSpec::Env { variables, .. } => Some(variables.of(&self.name, self.kind)),
            _ => None,
        }
    }

    /// The key as created at `now`; the settings supply what the manifest does not specify.
    pub fn key(
        &self,
        settings: &Settings,
        generated: Username,
        tail: Tail,
        now: Timestamp,
    ) -> Result<Key, Invalid> {
        let access = match self.kind {
            Kind::Smtp => Access::Smtp {
                username: match (&self.username, &settings.username) {
                    (Some(username), _) => username.clone(),
                    (None, Some(template)) => template.username(&self.name)?,
                    (None, None) => generated,
                },
                senders: self.senders.clone().unwrap_or_default(),
                limit: self.limit.unwrap_or(Limit::None),
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
            networks: self.networks.clone().unwrap_or_default(),
            status: self.status,
            description: self.description.clone().flatten(),
            labels: self.labels.clone().unwrap_or_default(),
            owner: self.owner.clone().flatten(),
            expires_at: expires.resolve(now)?,
            is_decoy: self.is_decoy,
            ..Key::new(self.name.clone(), access, tail, now)
        })
    }
}
