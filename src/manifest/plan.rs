//! Compares a manifest with a vault, key by key.

use jiff::Timestamp;
use strum::IntoStaticStr;

use super::{Manifest, ManifestError, ManifestKey};
use crate::check::HeldSecret;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{EffectiveStatus, Invalid, Key, KeyName, KeyPolicy, Kind};
use crate::vault::{Field, Record, differences, policy_differences};

/// What the vault has for a key in the manifest.
#[derive(Debug, Default)]
pub struct ExistingKey {
    /// The key with that name.
    pub record: Option<Record>,
    /// That key's own policy.
    pub policy: KeyPolicy,
    /// Another key, which has the username.
    pub username_owner: Option<KeyName>,
}

/// The steps of an `apply`.
#[derive(Debug)]
pub struct Plan<'a> {
    /// In the order of the manifest; deletions come last.
    pub steps: Vec<Step<'a>>,
}

/// What to do about one key.
#[derive(Debug)]
pub struct Step<'a> {
    /// The change.
    pub action: StepAction<'a>,
    /// What needs a person.
    pub finding: Option<Obstacle>,
    /// What its secret will overwrite.
    pub replaced: Option<Replaced>,
}

/// What a destination already contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// A value that is not one of our secrets, or no longer a valid one.
    Value,
    /// The secret of another key.
    SecretOf(KeyName),
    /// A secret that was not created in this vault.
    Foreign,
}

/// The change to make.
#[derive(Debug, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum StepAction<'a> {
    /// Create the key.
    #[strum(serialize = "make")]
    Create(&'a ManifestKey),
    /// Change the key.
    Change {
        /// The key in the manifest.
        wanted: &'a ManifestKey,
        /// The current key.
        before: Record,
        /// The changed key.
        after: Box<Key>,
        /// The changes of its own policy.
        policy: Vec<Field>,
    },
    /// Leave the key unchanged.
    Keep {
        /// The key in the manifest.
        wanted: &'a ManifestKey,
        /// The current key.
        record: Record,
    },
    /// Delete the key.
    Delete(Record),
}

/// What the destination of an existing key's secret contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationContents {
    /// The key's secret, or something that cannot be inspected.
    It,
    /// The key's retiring secret, until then.
    Old(Timestamp),
    /// A different secret.
    Another,
    /// No secret.
    Nothing,
    /// The key's secret, with a different username or none.
    WrongUsername,
    /// The key's secret, with other values of these variables of the login.
    OtherLogin(Vec<String>),
}

impl DestinationContents {
    /// The key's secret, with other values of these variables, if any.
    pub fn with_other_login(names: Vec<String>) -> Self {
        match names.is_empty() {
            true => Self::It,
            false => Self::OtherLogin(names),
        }
    }
}

/// Something in the manifest that `apply` cannot achieve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// By the manifest, the key would have expired already.
    Over(Timestamp),
    /// Its secret is not at its destination, and cannot be shown again.
    Place(DestinationContents),
    /// The secret manager holds something else.
    Held(HeldSecret),
    /// The destination cannot be inspected.
    Unclear {
        /// The reason.
        why: String,
        /// How to fix it.
        hint: Option<String>,
    },
}

impl<'a> Plan<'a> {
    /// The plan for a vault at `now`, with the keys `seen` for those of the manifest; `unmanaged`
    /// keys are deleted.
    ///
    /// # Errors
    /// Where the manifest contradicts the vault in something that cannot be changed.
    pub fn new(
        manifest: &'a Manifest,
        seen: Vec<ExistingKey>,
        unmanaged: Vec<Record>,
        now: Timestamp,
    ) -> Result<Self, Vec<ManifestError>> {
        let (mut steps, mut mistakes) = (Vec::new(), Vec::new());
        for (wanted, seen) in manifest.keys.iter().zip(seen) {
            match wanted.step(seen, now) {
                Ok(step) => steps.push(step),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let deleted = unmanaged.into_iter().map(StepAction::Delete);
        steps.extend(deleted.map(Step::from));
        match mistakes.is_empty() {
            true => Ok(Self { steps }),
            false => Err(mistakes),
        }
    }

    /// Whether there is nothing to do, neither for `apply` nor for a person.
    pub fn needs_nothing(&self) -> bool {
        let needs_nothing = |step: &Step<'_>| {
            step.finding.is_none() && matches!(step.action, StepAction::Keep { .. })
        };
        self.steps.iter().all(needs_nothing)
    }

    /// The keys to delete.
    pub fn deleted(&self) -> impl Iterator<Item = &Record> {
        self.steps.iter().filter_map(|step| match &step.action {
            StepAction::Delete(record) => Some(record),
            _ => None,
        })
    }
}

impl<'a> From<StepAction<'a>> for Step<'a> {
    fn from(action: StepAction<'a>) -> Self {
        Self {
            action,
            finding: None,
            replaced: None,
        }
    }
}

impl<'a> Step<'a> {
    /// The new key.
    pub fn created(&self) -> Option<&'a ManifestKey> {
        match self.action {
            StepAction::Create(wanted) => Some(wanted),
            _ => None,
        }
    }

    /// The key's name.
    pub fn name(&self) -> &KeyName {
        match &self.action {
            StepAction::Create(wanted) => &wanted.name,
            StepAction::Change { before, .. } => &before.key.name,
            StepAction::Keep { record, .. } | StepAction::Delete(record) => &record.key.name,
        }
    }

    /// The key's kind.
    pub fn kind(&self) -> Kind {
        match &self.action {
            StepAction::Create(wanted) => wanted.kind,
            StepAction::Change { before, .. } => before.key.kind(),
            StepAction::Keep { record, .. } | StepAction::Delete(record) => record.key.kind(),
        }
    }

    /// The key in the manifest; `None` if it is deleted.
    pub fn wanted(&self) -> Option<&ManifestKey> {
        match &self.action {
            StepAction::Create(wanted)
            | StepAction::Change { wanted, .. }
            | StepAction::Keep { wanted, .. } => Some(wanted),
            StepAction::Delete(_) => None,
        }
    }

    /// The current key, if it exists.
    pub fn record(&self) -> Option<&Record> {
        match &self.action {
            StepAction::Create(_) => None,
            StepAction::Change { before, .. } => Some(before),
            StepAction::Keep { record, .. } | StepAction::Delete(record) => Some(record),
        }
    }

    /// The changed fields.
    pub fn changes(&self) -> Vec<Field> {
        match &self.action {
            StepAction::Change {
                before,
                after,
                policy,
                ..
            } => [&differences(Some(&before.key), Some(after)), &policy[..]].concat(),
            _ => Vec::new(),
        }
    }

    /// Its effective status at `now` after the step; `None` if it does not exist yet.
    pub fn effective_status(&self, now: Timestamp) -> Option<EffectiveStatus> {
        match &self.action {
            StepAction::Change { after, .. } => Some(after.effective_status(now)),
            _ => self.record().map(|record| record.key.effective_status(now)),
        }
    }
}

impl ManifestKey {
    fn step(&self, seen: ExistingKey, now: Timestamp) -> Result<Step<'_>, ManifestError> {
        let at = |invalid: Invalid| ManifestError::about(self, invalid);
        match seen {
            ExistingKey {
                record: Some(record),
                policy,
                ..
            } => {
                self.expect_same(&record.key)?;
                self.compared(record, &policy, now).map_err(at)
            }
            ExistingKey {
                username_owner: Some(username_owner),
                ..
            } => Err(self.username_taken(&username_owner)),
            _ => {
                let end = self.expires.map(|expires| expires.resolve(now));
                end.transpose().map_err(at)?;
                Ok(StepAction::Create(self).into())
            }
        }
    }

    /// Makes sure that fields that cannot be changed are as in the manifest.
    fn expect_same(&self, key: &Key) -> Result<(), ManifestError> {
        let name = &key.name;
        let title = key.kind().title();
        let (message, hint) = match (key.username(), &self.username) {
            _ if key.kind() != self.kind => (
                format!("`{name}` already exists, but it is an {title} key"),
                "rename one of them: a key's kind cannot be changed",
            ),
            _ if key.is_decoy != self.is_decoy => (
                format!(
                    "`{name}` already exists, but it is {}",
                    if key.is_decoy {
                        "a decoy"
                    } else {
                        "not a decoy"
                    }
                ),
                "rename one of them: a key cannot become a decoy, nor a decoy a key",
            ),
            (Some(has), Some(wanted)) if !has.is(wanted.as_str()) => (
                format!("`{name}` already exists, but its username is `{has}`"),
                "use that username, or rename the key: a username cannot be changed",
            ),
            _ => return Ok(()),
        };
        Err(self.taken(message, hint))
    }

    fn username_taken(&self, username_owner: &KeyName) -> ManifestError {
        let username = self.username.as_ref().map(ToString::to_string);
        let message = format!(
            "the username `{}` belongs to the key `{username_owner}`",
            username.unwrap_or_default()
        );
        let hint = "choose another; keys can share a username only if it is an email address";
        self.taken(message, hint)
    }

    fn taken(&self, message: String, hint: &str) -> ManifestError {
        let error = Error::new(ExitStatus::Exists, message).with_hint(hint);
        ManifestError::about(self, error)
    }

    /// The existing key with the manifest's values.
    fn compared(
        &self,
        record: Record,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Step<'_>, Invalid> {
        let key = &record.key;
        let mut finding = None;
        let mut after = Key {
            access: key
                .access
                .with(self.permission.as_ref(), self.senders.as_ref(), self.limit),
            networks: self.networks.as_ref().unwrap_or(&key.networks).clone(),
            description: self
                .description
                .clone()
                .unwrap_or_else(|| key.description.clone()),
            labels: self.labels.as_ref().unwrap_or(&key.labels).clone(),
            owner: self.owner.clone().unwrap_or_else(|| key.owner.clone()),
            ..key.clone()
        };
        let end = self.expires.map(|end| end.end_from(key.created_at));
        match end.transpose()?.unwrap_or(key.expires_at) {
            end if end == key.expires_at => {}
            // The key is valid, and ending it goes beyond fixing drift.
            Some(end) if end <= now => finding = Some(Obstacle::Over(end)),
            end => after = after.expiring(end),
        }
        let policy = policy_differences(policy, &policy.changed(&self.policy));
        let action = if after == *key && policy.is_empty() {
            StepAction::Keep {
                wanted: self,
                record,
            }
        } else {
            StepAction::Change {
                wanted: self,
                before: record,
                after: Box::new(after),
                policy,
            }
        };
        Ok(Step {
            finding,
            ..Step::from(action)
        })
    }
}
