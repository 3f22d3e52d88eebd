//! Expands paths as people write them in flags, the environment, settings and manifests.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, de};

use crate::key::quoted;
use crate::vault::VaultAddress;

/// Expands `~/` to the home folder, as a shell would, which does not do so in a variable, after
/// `=`, or in quotes.
pub fn expanded(written: &OsStr) -> Result<PathBuf, &'static str> {
    let Some(rest) = written.as_bytes().strip_prefix(b"~") else {
        return Ok(PathBuf::from(written));
    };
    let homes = BaseDirs::new();
    let home = homes.as_ref().map(BaseDirs::home_dir);
    let home = home.filter(|home| home.is_absolute());
    match (rest, home) {
        ([] | [b'/', ..], None) => Err("its `~` cannot be expanded without a home folder"),
        ([], Some(home)) => Ok(home.to_owned()),
        ([b'/', rest @ ..], Some(home)) => Ok(home.join(relative(rest))),
        _ => Err("only a shell can expand its `~` and a name"),
    }
}

/// An absolute path: a relative one would depend on the working directory.
pub(super) fn whole_path<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let written = PathBuf::deserialize(from)?;
    let rule = match expanded(written.as_os_str()) {
        Ok(path) if path.is_absolute() => return Ok(path),
        Ok(_) => "must be an absolute path",
        Err(_) => "begins with a `~` that cannot be expanded: write an absolute path",
    };
    let written = quoted(&written.to_string_lossy());
    Err(de::Error::custom(format!("{written} {rule}")))
}

/// The address of a vault: of a database, or the absolute path of a file.
pub(super) fn whole_address<'de, D: Deserializer<'de>>(from: D) -> Result<VaultAddress, D::Error> {
    let written = String::deserialize(from)?;
    match VaultAddress::is_url(&written) {
        true => written.parse().map_err(de::Error::custom),
        false => whole_path(written.into_deserializer()).map(VaultAddress::File),
    }
}

/// A path below a folder, even if it begins with several slashes.
fn relative(rest: &[u8]) -> &Path {
    let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
    Path::new(OsStr::from_bytes(&rest[slashes..]))
}
