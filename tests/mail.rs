//! Real mail servers with the vault: Dovecot, and Postfix in front of it; Exim and saslauthd, which
//! ask `serve`. Only as root.

mod busy;
pub mod dovecot;
mod exim;
mod helper;
mod imported;
pub mod logins;
mod machine;
pub mod networks;
mod places;
mod policy;
mod printed;
mod programs;
pub mod reports;
mod rotation;
mod saslauthd;
mod secrecy;
mod submission;
mod version;
mod view;

use std::fs;
use std::os::unix::fs::MetadataExt;

pub use machine::{Debian, Machine, on_each_debian};

use crate::secrecy::watch::paths;

/// Skips a test that needs root; `tests/run` says so.
macro_rules! only_as_root {
    () => {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
    };
}
pub(crate) use only_as_root;

impl Machine {
    /// Makes sure that the vault is still private, with only the token for login reports beside it.
    #[track_caller]
    fn expect_vault_alone(&self) {
        let vault = self.sandbox.vault();
        let folder = vault.parent().unwrap();
        let token = self.sandbox.token();
        let mut found = paths(folder);
        found.sort();
        assert_eq!(found, [token.as_path(), vault.as_path()]);
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!((mode(&vault), mode(folder)), (0o600, 0o700));
    }
}
