//! What can be found about a key, and the command that fixes it.

use std::cmp::Reverse;

use jiff::Timestamp;
use strum::IntoStaticStr;

use super::held::HeldSecret;
use crate::key::{KeyName, Permission};
use crate::rotation::HoldReason;

/// How far in the future the suggested command extends a key's expiry.
pub const EXTENSION: &str = "90d";

/// What is counted of a key's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedUse {
    /// API requests, or SMTP logins.
    Requests,
    /// Recipients of mails.
    Recipients,
}

/// Something about a key that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Finding {
    /// It was used far more than usual.
    UnusualUse {
        /// What was counted.
        counted: CountedUse,
        /// The first second of that day, UTC.
        day: Timestamp,
        /// How many were accepted that day.
        count: u32,
        /// The most on any of the days before.
        busiest_before: u32,
    },
    /// It was used from a network for the first time.
    NewNetwork {
        /// The network.
        network: String,
        /// When it was first used.
        first_at: Timestamp,
        /// How many other networks are new since then.
        others: usize,
    },
    /// The secret of a decoy was presented.
    DecoyUsed {
        /// How often recently.
        count: u64,
        /// The last time.
        last_at: Timestamp,
        /// From where the last time, if that is recorded.
        from: Option<String>,
    },
    /// A dead secret of the key was presented.
    DeadSecretUsed {
        /// How often recently.
        count: u64,
        /// The last time.
        last_at: Timestamp,
        /// From where the last time, if that is recorded.
        from: Option<String>,
        /// Whether the key has been deleted.
        is_deleted: bool,
    },
    /// What was delivered is no longer where it was delivered.
    NotDelivered {
        /// The destination.
        destination: String,
        /// When the secret was delivered there.
        delivered_at: Timestamp,
        /// What it holds instead.
        held: HeldSecret,
    },
    /// The key is being rotated, and the old secret is still in use.
    OldSecretUsed {
        /// When the new secret was created.
        made_at: Timestamp,
        /// When the old one retires.
        retires_at: Timestamp,
        /// When the old one was last used.
        used_at: Timestamp,
    },
    /// The key is being rotated, and the new secret has not been used.
    NewSecretUnused {
        /// When the new secret was created.
        made_at: Timestamp,
        /// When the old one retires.
        retires_at: Timestamp,
    },
    /// The key is being rotated; its use is not recorded.
    RotationOpen {
        /// When the new secret was created.
        made_at: Timestamp,
        /// When the old one retires.
        retires_at: Timestamp,
    },
    /// Its automatic rotation is held: a person must decide.
    RotationHeld {
        /// Since when.
        held_at: Timestamp,
        /// Why.
        reason: HoldReason,
        /// More about it: an address, or an error.
        detail: Option<String>,
    },
    /// Its automatic rotation is not continued.
    RotationStalled {
        /// When it got as far as it is.
        begun_at: Timestamp,
        /// When it should have got further.
        due_at: Timestamp,
    },
    /// The key has expired.
    Expired {
        /// Since when.
        at: Timestamp,
        /// Whether it still seems to be needed.
        need: Necessity,
    },
    /// The key expires soon.
    Expiring {
        /// When it expires.
        at: Timestamp,
        /// Whether [`EXTENSION`] from now is later than that.
        is_extended: bool,
    },
    /// The secret is older than the policy allows.
    RotationDue {
        /// When the secret was created.
        made_at: Timestamp,
        /// When it became too old.
        due_at: Timestamp,
        /// Whether a rotation is in progress, which must be finished first.
        is_rotating: bool,
    },
    /// The key is being rotated, and only the new secret is in use.
    RotationUnfinished {
        /// When the new secret was created.
        made_at: Timestamp,
        /// When the old one retires.
        retires_at: Timestamp,
        /// When the new one was first used.
        used_at: Timestamp,
    },
    /// The key has not been used for longer than the policy allows.
    Unused {
        /// When it was last accepted.
        last_used_at: Timestamp,
        /// When that became too long.
        due_at: Timestamp,
    },
    /// The key never expires, and the settings require that it does.
    NoExpiry {
        /// When the key was created.
        made_at: Timestamp,
    },
    /// The key expires later than the settings allow.
    LongLived {
        /// When the key was created.
        made_at: Timestamp,
        /// The latest time at which it may expire.
        latest_at: Timestamp,
        /// When it expires.
        at: Timestamp,
    },
    /// The key has no limit, and the settings require one.
    NoLimit {
        /// When the key was created.
        made_at: Timestamp,
    },
    /// The key has more permission than it uses, and the settings forbid that.
    ExcessPermission {
        /// Its permission.
        has: Permission,
        /// The narrowest one that allows all of its requests.
        enough: Permission,
        /// How many there were.
        count: u64,
        /// The last time.
        last_at: Timestamp,
    },
    /// The key has never been used.
    NeverUsed {
        /// When it was created.
        made_at: Timestamp,
        /// When that became too long.
        due_at: Timestamp,
    },
}

/// Whether an expired key is still needed, judged by its recorded use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Necessity {
    /// It was in use until recently: its users are being refused now.
    Used,
    /// It has been unused for longer than the policy allows, and use would have been recorded.
    Unused,
    /// Its use is not recorded.
    Unknown,
    /// It has not expired: only a clock that was ahead recorded that it had.
    Early,
}

impl Finding {
    /// When it began: the time of the use, or when the secret or key was created.
    pub fn since_at(&self) -> Option<Timestamp> {
        match *self {
            Self::UnusualUse { day: at, .. }
            | Self::NewNetwork { first_at: at, .. }
            | Self::DecoyUsed { last_at: at, .. }
            | Self::DeadSecretUsed { last_at: at, .. }
            | Self::NotDelivered {
                delivered_at: at, ..
            }
            | Self::OldSecretUsed { made_at: at, .. }
            | Self::NewSecretUnused { made_at: at, .. }
            | Self::RotationOpen { made_at: at, .. }
            | Self::RotationDue { made_at: at, .. }
            | Self::RotationUnfinished { made_at: at, .. }
            | Self::Unused {
                last_used_at: at, ..
            }
            | Self::NoExpiry { made_at: at }
            | Self::LongLived { made_at: at, .. }
            | Self::NoLimit { made_at: at }
            | Self::ExcessPermission { last_at: at, .. }
            | Self::NeverUsed { made_at: at, .. } => Some(at),
            Self::RotationHeld { held_at: at, .. } | Self::RotationStalled { begun_at: at, .. } => {
                Some(at)
            }
            Self::Expired { .. } | Self::Expiring { .. } => None,
        }
    }

    /// When something happens on its own, or when it became overdue.
    pub fn due_at(&self) -> Option<Timestamp> {
        match *self {
            Self::UnusualUse { .. }
            | Self::NewNetwork { .. }
            | Self::DecoyUsed { .. }
            | Self::DeadSecretUsed { .. }
            | Self::NoExpiry { .. }
            | Self::NoLimit { .. }
            | Self::ExcessPermission { .. }
            | Self::RotationHeld { .. }
            | Self::NotDelivered { .. } => None,
            Self::RotationStalled { due_at: at, .. }
            | Self::OldSecretUsed { retires_at: at, .. }
            | Self::NewSecretUnused { retires_at: at, .. }
            | Self::RotationOpen { retires_at: at, .. }
            | Self::RotationUnfinished { retires_at: at, .. }
            | Self::Expired { at, .. }
            | Self::Expiring { at, .. }
            | Self::LongLived { at, .. }
            | Self::RotationDue { due_at: at, .. }
            | Self::Unused { due_at: at, .. }
            | Self::NeverUsed { due_at: at, .. } => Some(at),
        }
    }

    /// What tells it from a later finding of the same kind about the same key; empty if that would be
    /// the same as long as it is found.
    pub fn occurrence(&self) -> String {
        match self {
            Self::UnusualUse { day, .. } => day.to_string(),
            Self::NewNetwork {
                network, others, ..
            } => format!("{network} {others}"),
            Self::NotDelivered { destination, .. } => destination.clone(),
            _ => self.due_at().map_or_else(String::new, |at| at.to_string()),
        }
    }

    /// The order in which findings are listed: possible attacks, what stops working soon or already
    /// has, what is overdue, then mere leftovers and what the settings require; within each, the most
    /// recent use first, and otherwise what is due first.
    pub fn urgency(&self) -> impl Ord + use<> {
        let rank = match self {
            Self::UnusualUse { .. }
            | Self::NewNetwork { .. }
            | Self::DecoyUsed { .. }
            | Self::DeadSecretUsed { .. } => 0,
            Self::OldSecretUsed { .. }
            | Self::NewSecretUnused { .. }
            | Self::RotationOpen { .. }
            | Self::RotationHeld { .. }
            | Self::RotationStalled { .. }
            | Self::NotDelivered { .. } => 1,
            Self::Expired { .. } | Self::Expiring { .. } => 2,
            Self::RotationDue { .. } => 3,
            Self::RotationUnfinished { .. } => 4,
            Self::Unused { .. } | Self::NeverUsed { .. } => 5,
            Self::NoExpiry { .. }
            | Self::LongLived { .. }
            | Self::NoLimit { .. }
            | Self::ExcessPermission { .. } => 6,
        };
        (rank, self.due_at(), Reverse(self.since_at()))
    }

    /// The arguments of the `postkey` command that fixes it, or that shows more where a person must
    /// decide. None of these commands refuses a secret that may still be in use.
    pub fn fix_command(&self, name: &KeyName) -> String {
        match self {
            Self::DeadSecretUsed {
                is_deleted: true, ..
            } => format!("log {name}"),
            Self::DecoyUsed { .. } => format!("usage {name}"),
            Self::UnusualUse { .. }
            | Self::NewNetwork { .. }
            | Self::DeadSecretUsed { .. }
            | Self::NotDelivered { .. }
            | Self::OldSecretUsed { .. }
            | Self::NewSecretUnused { .. }
            | Self::RotationOpen { .. }
            | Self::RotationHeld { .. }
            | Self::Expired {
                need: Necessity::Unknown,
                ..
            }
            | Self::Expiring {
                is_extended: false, ..
            }
            | Self::RotationDue {
                is_rotating: true, ..
            }
            | Self::LongLived { .. }
            | Self::NoLimit { .. } => format!("show {name}"),
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
            }
            | Self::NoExpiry { .. } => format!("set {name} --expires {EXTENSION}"),
            Self::ExcessPermission { enough, .. } => {
                format!("set {name} --permission {enough} --dry-run")
            }
            Self::RotationDue {
                is_rotating: false, ..
            } => format!("rotate {name}"),
            Self::RotationUnfinished { .. } => format!("rotate --finish {name}"),
            Self::RotationStalled { .. } => format!("rotate --due {name}"),
            Self::Unused { .. } | Self::NeverUsed { .. } => format!("deactivate {name}"),
        }
    }
}

/// What a calendar reminds of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Reminder {
    /// A key's secret must be rotated.
    Rotation {
        /// When it was created.
        made_at: Timestamp,
        /// When it becomes too old.
        due_at: Timestamp,
    },
    /// A key expires.
    Expiry {
        /// When it expires.
        at: Timestamp,
    },
}

impl Reminder {
    /// When it is due.
    pub fn at(self) -> Timestamp {
        match self {
            Self::Rotation { due_at: at, .. } | Self::Expiry { at } => at,
        }
    }
}
