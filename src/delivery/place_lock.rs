//! Allows one delivery at a time to a place in a secret manager: undoing one could otherwise write a
//! secret that is no longer valid over a valid one, and of two changes of one document one be lost.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::delivery::preset_delivery::PresetDelivery;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{LockAttempt, LockFile};
use crate::key::quoted;

/// A place that only this process delivers to, from this vault, while it exists.
pub(super) type PlaceLock = Arc<LockFile>;

/// The locks of this process: several keys may go to one document.
static HELD: Mutex<Vec<Weak<LockFile>>> = Mutex::new(Vec::new());

/// Waits for other processes that deliver to the place.
///
/// # Errors
/// If that takes too long, or no file can be locked beside the vault.
pub(super) fn lock_place(
    place: &PresetDelivery,
    vault: &Path,
    wait: Duration,
) -> Result<PlaceLock, Error> {
    let path = lock_path(place, vault);
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|lock| lock.strong_count() > 0);
    let mut own = held.iter().filter_map(Weak::upgrade);
    if let Some(lock) = own.find(|lock| lock.path() == path) {
        return Ok(lock);
    }
    match LockFile::wait_for(&path, wait) {
        Ok(LockAttempt::Locked(lock)) => {
            let lock = Arc::new(lock);
            held.push(Arc::downgrade(&lock));
            Ok(lock)
        }
        Ok(LockAttempt::Busy) => {
            let shown = quoted(&place.address.text);
            let holder = LockFile::holder(&path);
            let message = format!("{holder} is still delivering a secret to {shown}");
            Err(Error::new(ExitStatus::Undelivered, message)
                .with_hint("try again when it has ended, or wait longer with --wait 5m"))
        }
        Ok(LockAttempt::NoFile(error)) | Err(error) => {
            let message = format!("cannot lock `{}`: {error}", path.display());
            Err(Error::new(ExitStatus::Undelivered, message)
                .with_hint("check the file system that the vault is on"))
        }
    }
}

/// The lock file of the whole secret or document, whatever field of it the address names.
fn lock_path(place: &PresetDelivery, vault: &Path) -> PathBuf {
    let document = place.address.document(&place.folder);
    let mut path = vault.as_os_str().to_owned();
    path.push(".delivery-");
    path.push(Base64UrlUnpadded::encode_string(&Sha256::digest(document)));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{DestinationSpec, DestinationText, PresetAddress, StoredParts};
    use crate::settings::{Preset, Presets, SmtpServer};

    fn path(text: &str) -> PathBuf {
        let named: DestinationText = text.parse().expect(text);
        let name = "ci".parse().expect("a name");
        match named.spec(&name, &Presets::default(), "".as_ref(), &[]) {
            Ok(DestinationSpec::Preset(address)) => path_of(address),
            other => panic!("{other:?}"),
        }
    }

    fn path_of(address: PresetAddress) -> PathBuf {
        let place = PresetDelivery {
            address,
            server: SmtpServer {
                host: None,
                port: 587,
            },
            folder: "/srv".into(),
            signals: None,
        };
        lock_path(&place, "/v.db".as_ref())
    }

    #[test]
    fn the_fields_of_a_document_share_a_lock() {
        assert_eq!(path("aws-sm:prod/app#a"), path("aws-sm:prod/app#b"));
        assert_eq!(path("aws-sm:prod/app#a"), path("aws-sm:prod/app"));
        let others = ["aws-sm:prod/b#a", "pass:prod/app", "gopass:prod/app"];
        for other in others {
            assert_ne!(path("aws-sm:prod/app"), path(other), "{other}");
        }
        // Several fields may be written at once.
        assert_eq!(path("vault:secret/app#a"), path("vault:secret/app#{field}"));
        assert_eq!(path("pass:app"), path("url:pass:app"));
    }

    #[test]
    fn the_fields_of_a_file_share_a_lock() {
        let preset: Preset = serde_json::from_value(serde_json::json!({
            "program": ["x"],
            "address": "[{folder*}/]{name}[#{key}]",
            "path": true,
            "field": "key",
            "example": "a",
            "update": ["set"],
            "read": ["get"],
        }))
        .expect("a preset");
        let path = |place: &str| {
            path_of(PresetAddress {
                text: format!("file-of-fields:{place}"),
                parts: preset.parts(place).expect("an address"),
                preset: Box::new(preset.clone()),
                stored: StoredParts::Secret,
            })
        };
        for same in ["/srv/a#y", "/srv/a", "./a", "./a#y"] {
            assert_eq!(path("/srv/a#x"), path(same), "{same}");
        }
        assert_ne!(path("/srv/a#x"), path("/srv/b#x"));
    }

    #[test]
    fn two_spellings_of_a_place_share_a_lock() {
        for (one, other) in [
            ("vault:secret/app#a", "vault:secret/data/app#a"),
            (
                "systemd-creds:app",
                "systemd-creds:/etc/credstore.encrypted/app",
            ),
            ("systemd-creds:creds/app", "systemd-creds:/srv/creds/app"),
            ("systemd-creds:./app", "systemd-creds:/srv/app"),
        ] {
            assert_eq!(path(one), path(other), "{one}");
        }
    }
}
