//! The domain: what a key is, how its secret is built, and when it is valid.
//!
//! Uses no clock, I/O, SQL or terminal: time, randomness and cost are parameters.

mod after_command;
mod allow_list;
mod brand;
mod description;
mod expiry;
mod format;
mod hash;
mod invalid;
mod kind;
mod label;
mod limit;
mod name;
mod network;
mod passphrase;
mod past_time;
mod path;
mod permission;
mod plain_text;
mod policy;
mod record;
mod redact;
mod restore_seal;
mod retiring;
mod rotation;
mod rule;
mod scan;
mod seal;
mod secret;
mod sender;
mod status;
mod stray_character;
mod username;
mod variable;
mod verifier;

pub use crate::key::past_time::PastTime;
pub use crate::key::redact::{
    Lines, escape_controls, is_hidden, looks_like_a_secret, quoted, redact_secrets, without_mark,
};
pub use crate::key::stray_character::{stray_characters, without_stray_characters};
pub use after_command::AfterCommand;
pub use brand::Brand;
pub use description::Description;
pub use expiry::{Expiry, Period};
pub use hash::{FORBIDDEN_IN_PASSWORDS, Hash, HashError, HashMemory, SALT, plaintext};
pub use invalid::Invalid;
pub use kind::Kind;
pub use label::{Label, LabelName, Labels, Owner};
pub use limit::{Allowance, CLOCK_TOLERANCE, Limit, WindowSpend, WindowUse};
pub use name::KeyName;
pub use network::Networks;
pub use passphrase::Passphrase;
pub use path::RequestPath;
pub use permission::Permission;
pub use policy::{KeyPolicy, PolicyChange, PolicyValue, Term};
pub use record::{Access, Key};
pub use restore_seal::RestoreSeal;
pub use retiring::Retiring;
pub use rotation::Grace;
pub use rule::Rule;
pub use scan::{ScanFinding, Scanner, Unreadable};
pub use seal::{AssociatedData, Seal, SealError, Sealer};
pub use secret::{Malformed, Secret, Tail};
pub use sender::Senders;
pub use status::{EffectiveStatus, Status};
pub use username::{Username, UsernameTemplate};
pub use variable::{KeyVariables, Variable};
pub use verifier::{Digest, Verifier};
