//! What can be found about a key, and the command that fixes it.

use std::cmp::Reverse;

use jiff::Timestamp;
use strum::IntoStaticStr;

use crate::key::KeyName;

/// For how long a key is extended by the command that is suggested.
pub const EXTENSION: &str = "90d";

/// Something about a key that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Finding {
    /// It was used far more than usual.
    UnusualUse {
        /// The first second of the day, UTC.
        day: Timestamp,
        /// How often it was accepted on it.
        count: u32,
        /// How often on the busiest day before.
        usual: u32,
    },
    /// It was used from a network for the first time.
    NewNetwork {
        /// Which.
        network: String,
        /// When, for the first time.
        first_at: Timestamp,
        /// How many other networks are as new.
        others: usize,
    },
    /// It is a decoy, and somebody presents its secret.
    DecoyUsed {
        /// How often lately.
        count: u64,
        /// When, for the last time.
        last_at: Timestamp,
        /// From where then, if that is recorded.
        from: Option<String>,
    },
    /// Somebody presents a secret of it that is dead.
    DeadSecretUsed {
        /// How often lately.
        count: u64,
        /// When, for the last time.
        last_at: Timestamp,
        /// From where then, if that is recorded.
        from: Option<String>,
        /// Whether the key is deleted.
        is_deleted: bool,
    },
    /// It is being rotated, and somebody still uses the old secret.
    OldSecretUsed {
        /// When the new secret was made.
        made_at: Timestamp,
        /// When the old one stops.
        retires_at: Timestamp,
        /// When the old one was last used.
        used_at: Timestamp,
    },
    /// It is being rotated, and nobody uses the new secret.
    NewSecretUnused {
        /// When the new secret was made.
        made_at: Timestamp,
        /// When the old one stops.
        retires_at: Timestamp,
    },
    /// It is being rotated; nothing is known of its use.
    RotationOpen {
        /// When the new secret was made.
        made_at: Timestamp,
        /// When the old one stops.
        retires_at: Timestamp,
    },
    /// Its time is over.
    Expired {
        /// Since when.
        at: Timestamp,
        /// Whether somebody may miss it.
        need: Necessity,
    },
    /// Its time is over soon.
    Expiring {
        /// When.
        at: Timestamp,
        /// Whether [`EXTENSION`] from now on is later than that.
        is_extended: bool,
    },
    /// Its secret is older than it may become.
    RotationDue {
        /// When the secret was made.
        made_at: Timestamp,
        /// Since when it is too old.
        due_at: Timestamp,
        /// Whether a rotation is open, which must end first.
        is_rotating: bool,
    },
    /// It is being rotated, and only the new secret is used.
    RotationUnfinished {
        /// When the new secret was made.
        made_at: Timestamp,
        /// When the old one stops.
        retires_at: Timestamp,
        /// When the new one was first used.
        used_at: Timestamp,
    },
    /// Nobody has used it for longer than is usual.
    Unused {
        /// When it was last accepted.
        last_used_at: Timestamp,
        /// Since when that is too long.
        due_at: Timestamp,
    },
    /// Nobody ever used it.
    NeverUsed {
        /// When it was made.
        made_at: Timestamp,
        /// Since when that is too long.
        due_at: Timestamp,
    },
}

/// Whether a key that has expired is still needed, as far as its use tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Necessity {
    /// It was used until lately: whoever used it is being refused now.
    Used,
    /// Nobody has used it for longer than is usual, and that would have been recorded.
    Unused,
    /// It is not known.
    Unknown,
    /// It has not expired at all: a clock that was ahead saw it end.
    Early,
}

impl Finding {
    /// When it began: the use, the secret or the key that it is about.
    pub fn since_at(&self) -> Option<Timestamp> {
        match *self {
            Self::UnusualUse { day: at, .. }
            | Self::NewNetwork { first_at: at, .. }
            | Self::DecoyUsed { last_at: at, .. }
            | Self::DeadSecretUsed { last_at: at, .. }
            | Self::OldSecretUsed { made_at: at, .. }
            | Self::NewSecretUnused { made_at: at, .. }
            | Self::RotationOpen { made_at: at, .. }
            | Self::RotationDue { made_at: at, .. }
            | Self::RotationUnfinished { made_at: at, .. }
            | Self::Unused {
                last_used_at: at, ..
            }
            | Self::NeverUsed { made_at: at, .. } => Some(at),
            Self::Expired { .. } | Self::Expiring { .. } => None,
        }
    }

    /// When something happens by itself, or since when somebody should have acted.
    pub fn due_at(&self) -> Option<Timestamp> {
        match *self {
            Self::UnusualUse { .. }
            | Self::NewNetwork { .. }
            | Self::DecoyUsed { .. }
            | Self::DeadSecretUsed { .. } => None,
            Self::OldSecretUsed { retires_at: at, .. }
            | Self::NewSecretUnused { retires_at: at, .. }
            | Self::RotationOpen { retires_at: at, .. }
            | Self::RotationUnfinished { retires_at: at, .. }
            | Self::Expired { at, .. }
            | Self::Expiring { at, .. }
            | Self::RotationDue { due_at: at, .. }
            | Self::Unused { due_at: at, .. }
            | Self::NeverUsed { due_at: at, .. } => Some(at),
        }
    }

    /// The order in which findings are looked at: what may be an attack, what stops soon or has
    /// stopped, what is overdue, what only lies about; within that, use that is news first, and
    /// otherwise what is due first.
    pub fn urgency(&self) -> impl Ord + use<> {
        let rank = match self {
            Self::UnusualUse { .. }
            | Self::NewNetwork { .. }
            | Self::DecoyUsed { .. }
            | Self::DeadSecretUsed { .. } => 0,
            Self::OldSecretUsed { .. }
            | Self::NewSecretUnused { .. }
            | Self::RotationOpen { .. } => 1,
            Self::Expired { .. } | Self::Expiring { .. } => 2,
            Self::RotationDue { .. } => 3,
            Self::RotationUnfinished { .. } => 4,
            Self::Unused { .. } | Self::NeverUsed { .. } => 5,
        };
        (rank, self.due_at(), Reverse(self.since_at()))
    }

    /// The command to run after `postkey`: what fixes it, or what shows more where a person has to
    /// judge. None takes a secret from anybody who may still use it.
    pub fn fix_command(&self, name: &KeyName) -> String {
        match self {
            Self::DeadSecretUsed {
                is_deleted: true, ..
            } => format!("log {name}"),
            Self::DecoyUsed { .. } => format!("usage {name}"),
            Self::UnusualUse { .. }
            | Self::NewNetwork { .. }
            | Self::DeadSecretUsed { .. }
            | Self::OldSecretUsed { .. }
            | Self::NewSecretUnused { .. }
            | Self::RotationOpen { .. }
            | Self::Expired {
                need: Necessity::Unknown,
                ..
            }
            | Self::Expiring {
                is_extended: false, ..
            }
            | Self::RotationDue {
                is_rotating: true, ..
            } => format!("show {name}"),
            Self::Expired {
                need: Necessity::Unused,
                ..
            } => format!("delete {name}"),
            Self::Expired {
                need: Necessity::Early,
                ..
            } => format!("doctor --accept-clock --confirm {name}"),
            Self::Expired {
                need: Necessity::Used,
                ..
            }
            | Self::Expiring {
                is_extended: true, ..
            } => format!("set {name} --expires {EXTENSION}"),
            Self::RotationDue {
                is_rotating: false, ..
            } => format!("rotate {name}"),
            Self::RotationUnfinished { .. } => format!("rotate --finish {name}"),
            Self::Unused { .. } | Self::NeverUsed { .. } => format!("deactivate {name}"),
        }
    }
}

/// What a calendar is to remind of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Reminder {
    /// A key's secret is to be replaced.
    Rotation {
        /// When it was made.
        made_at: Timestamp,
        /// When it becomes too old.
        due_at: Timestamp,
    },
    /// A key's time is over.
    Expiry {
        /// When.
        at: Timestamp,
    },
}

impl Reminder {
    /// The moment that it is about.
    pub fn at(self) -> Timestamp {
        match self {
            Self::Rotation { due_at: at, .. } | Self::Expiry { at } => at,
        }
    }
}
