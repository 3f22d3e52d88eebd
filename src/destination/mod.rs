//! Destinations as people name them: `env:.env#API_KEY`, `vault:secret/app#key`.

mod login_field;
mod preset_address;
mod spec;
mod text;
mod variables;

pub use login_field::{LoginField, StoredParts};
pub use preset_address::PresetAddress;
pub use spec::DestinationSpec;
pub use text::{CommandWord, DestinationText, KEY_NAME};
pub use variables::{SecretVariables, server_variables};
