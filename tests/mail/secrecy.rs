//! What mail servers may learn and log: nothing of a secret but its tail.

use std::fs;

use super::dovecot::{Accepted, Refused};
use super::machine::{Machine, on_each_debian};
use crate::secrecy::watch::paths;

/// The length of a piece of a secret that must not appear.
const PIECE: usize = 8;

impl Machine {
    /// Checks that no piece of these secrets is in a file in these folders, and that there are such
    /// files.
    #[track_caller]
    pub fn expect_nothing_of(&self, secrets: &[&str], folders: &[&str]) {
        let files = folders.iter().flat_map(|folder| paths(&self.path(folder)));
        let mut looked_at = 0;
        for path in files.filter(|path| path.is_file()) {
            let bytes = fs::read(&path).unwrap();
            for secret in secrets {
                let hidden = hidden(secret);
                let piece = hidden
                    .as_bytes()
                    .windows(PIECE)
                    .skip(prefix(hidden))
                    .find(|piece| bytes.windows(PIECE).any(|window| window == *piece));
                assert!(piece.is_none(), "{}: {piece:?}", path.display());
            }
            looked_at += 1;
        }
        assert!(looked_at > 3, "only {looked_at} files");
    }
}

#[test]
fn no_piece_of_a_secret_is_in_a_log_or_a_file() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let other = machine.sandbox.generate(["smtp", "other"]);
        let human = "correct horse battery staple";
        let users = format!("rails_prod:{{PLAIN}}{human}");
        machine.sandbox.import("dovecot", users).expect(0);
        assert_eq!(machine.login_by_both("shop_prod", &secret), Accepted);
        for refused in [&other, human] {
            assert_eq!(machine.login_by_both("shop_prod", refused), Refused);
        }
        assert_eq!(machine.login_by_both("rails_prod", human), Accepted);
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        assert_eq!(machine.login("shop_prod", &secret), Refused);
        let log = machine.dovecot_log();
        assert!(
            log.contains("Debug: ") && log.contains("tail IN ("),
            "{log}"
        );
        let folders = ["/etc/dovecot", "/run", "/var/log", "/var/lib/dovecot"];
        machine.expect_nothing_of(&[&secret, &other, human], &folders);
    });
}

/// A secret without its public tail; a chosen password has none.
fn hidden(secret: &str) -> &str {
    match secret.starts_with("xsmtppost-") {
        true => &secret[..secret.len() - 16],
        false => secret,
    }
}

/// The length of the public prefix `xsmtppost-`, including pieces within it.
fn prefix(secret: &str) -> usize {
    if secret.starts_with("xsmtppost-") {
        3
    } else {
        0
    }
}
