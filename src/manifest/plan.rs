//! What a manifest asks for, key by key, of a vault as it is.

use jiff::Timestamp;
use strum::IntoStaticStr;

use super::{Manifest, ManifestError, WantedKey};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Access, EffectiveStatus, Invalid, Key, KeyName, Kind};
use crate::vault::{Field, Record, differences};

/// What a vault has where a manifest wants a key.
#[derive(Debug, Default)]
pub struct ExistingKey {
    /// The key of that name.
    pub record: Option<Record>,
    /// Another key that the username belongs to.
    pub holder: Option<KeyName>,
}

/// What is to be done, key by key.
#[derive(Debug)]
pub struct Plan<'a> {
    /// In the order of the manifest; what is deleted comes last.
    pub steps: Vec<Step<'a>>,
}

/// What is to be done about one key.
#[derive(Debug)]
pub struct Step<'a> {
    /// What.
    pub action: StepAction<'a>,
    /// What a person has to see to.
    pub finding: Option<Obstacle>,
    /// What its secret takes the place of.
    pub replaced: Option<Replaced>,
}

/// What is where a new secret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// A value that is no secret of ours, or one that is good for nothing.
    Value,
    /// The secret of another key.
    SecretOf(KeyName),
    /// A secret that was made elsewhere.
    Foreign,
}

/// What is to be done.
#[derive(Debug, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum StepAction<'a> {
    /// The key is missing.
    #[strum(serialize = "make")]
    Create(&'a WantedKey),
    /// The key differs.
    Change {
        /// What is wanted.
        wanted: &'a WantedKey,
        /// The key as it is.
        before: Record,
        /// The key as it is to be.
        after: Box<Key>,
    },
    /// The key is as it is wanted.
    Keep {
        /// What is wanted.
        wanted: &'a WantedKey,
        /// The key.
        record: Record,
    },
    /// Nobody wants the key.
    Delete(Record),
}

/// What the place of a key's secret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationContents {
    /// The secret of the key, or what nobody can look into.
    It,
    /// The secret that is retiring, until then.
    Old(Timestamp),
    /// Another one.
    Another,
    /// None.
    Nothing,
    /// The secret of the key, but another username, or none.
    WrongUsername,
}

/// What a manifest wants and `apply` cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// By the manifest the key's time would be over, which it is not.
    Over(Timestamp),
    /// Its secret is not where it belongs, and cannot be shown again.
    Place(DestinationContents),
    /// Whether its secret is where it belongs cannot be told.
    Unclear {
        /// What is wrong with the place.
        why: String,
        /// How to fix that.
        hint: Option<String>,
    },
}

impl<'a> Plan<'a> {
    /// What is to be done about a vault at `now` in which the keys of the manifest were `seen`;
    /// keys that are `surplus` go.
    ///
    /// # Errors
    /// Where the vault contradicts the manifest in what cannot be changed.
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

    /// Whether nothing is to be done, and a person has nothing to see to either.
    pub fn needs_nothing(&self) -> bool {
        let needs_nothing = |step: &Step<'_>| {
            step.finding.is_none() && matches!(step.action, StepAction::Keep { .. })
        };
        self.steps.iter().all(needs_nothing)
    }

    /// The keys that are to be deleted.
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
    pub fn created(&self) -> Option<&'a WantedKey> {
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

    /// What is wanted of it; `None` if it is to go.
    pub fn wanted(&self) -> Option<&WantedKey> {
        match &self.action {
            StepAction::Create(wanted)
            | StepAction::Change { wanted, .. }
            | StepAction::Keep { wanted, .. } => Some(wanted),
            StepAction::Delete(_) => None,
        }
    }

    /// The key as it is, if it is there.
    pub fn record(&self) -> Option<&Record> {
        match &self.action {
            StepAction::Create(_) => None,
            StepAction::Change { before, .. } => Some(before),
            StepAction::Keep { record, .. } | StepAction::Delete(record) => Some(record),
        }
    }

    /// What is to be changed about it.
    pub fn changes(&self) -> Vec<Field> {
        match &self.action {
            StepAction::Change { before, after, .. } => differences(Some(&before.key), Some(after)),
            _ => Vec::new(),
        }
    }

    /// How it will stand at `now`; `None` of one that is not there yet.
    pub fn effective_status(&self, now: Timestamp) -> Option<EffectiveStatus> {
        match &self.action {
            StepAction::Change { after, .. } => Some(after.effective_status(now)),
            _ => self.record().map(|record| record.key.effective_status(now)),
        }
    }
}

impl WantedKey {
    fn step(&self, seen: ExistingKey, now: Timestamp) -> Result<Step<'_>, ManifestError> {
        let at = |invalid: Invalid| ManifestError::about(self, invalid);
        match seen {
            ExistingKey {
                record: Some(record),
                ..
            } => {
                self.expect_same(&record.key)?;
                self.compared(record, now).map_err(at)
            }
            ExistingKey {
                holder: Some(holder),
                ..
            } => Err(self.username_taken(&holder)),
            _ => {
                let end = self.expires.map(|expires| expires.resolve(now));
                end.transpose().map_err(at)?;
                Ok(StepAction::Create(self).into())
            }
        }
    }

    /// What cannot be changed about a key must be as it is wanted.
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

    fn username_taken(&self, holder: &KeyName) -> ManifestError {
        let username = self.username.as_ref().map(ToString::to_string);
        let message = format!(
            "the username `{}` belongs to the key `{holder}`",
            username.unwrap_or_default()
        );
        let hint = "choose another; keys can share only a username that is an email address";
        self.taken(message, hint)
    }

    fn taken(&self, message: String, hint: &str) -> ManifestError {
        let error = Error::new(ExitStatus::Exists, message).with_hint(hint);
        ManifestError::about(self, error)
    }

    /// What of a key that is there is not as it is wanted.
    fn compared(&self, record: Record, now: Timestamp) -> Result<Step<'_>, Invalid> {
        let key = &record.key;
        let mut finding = None;
        let mut after = Key {
            access: self.granted(&key.access),
            description: self
                .description
                .clone()
                .unwrap_or_else(|| key.description.clone()),
            ..key.clone()
        };
        let end = self.expires.map(|end| end.end_from(key.created_at));
        match end.transpose()?.unwrap_or(key.expires_at) {
            end if end == key.expires_at => {}
            // It works, and stopping it is more than bringing it back in line.
            Some(end) if end <= now => finding = Some(Obstacle::Over(end)),
            end => after = after.expiring(end),
        }
        let action = if after == *key {
            StepAction::Keep {
                wanted: self,
                record,
            }
        } else {
            StepAction::Change {
                wanted: self,
                before: record,
                after: Box::new(after),
            }
        };
        Ok(Step {
            finding,
            ..Step::from(action)
        })
    }

    fn granted(&self, access: &Access) -> Access {
        match access {
            smtp @ Access::Smtp { .. } => smtp.clone(),
            Access::Api { permission, limit } => Access::Api {
                permission: self.permission.as_ref().unwrap_or(permission).clone(),
                limit: self.limit.unwrap_or(*limit),
            },
        }
    }
}
