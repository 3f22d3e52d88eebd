//! Imported passwords and keys.

mod faults;
mod hostile;
mod json;
mod living;
mod users;

use std::process::Command;

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// The password of every user.
pub const PASSWORD: &str = "correct horse";

/// Its salted SHA-1: cheap to check, to keep other tests fast.
pub const QUICK: &str = "{SSHA}rz7oanCxwi0VvZxe0ENPl4i4THRhYg==";

/// Passwords that Dovecot always refuses, whatever their hashes.
pub const NEVER_A_PASSWORD: [&str; 5] = ["a\tb", "\ta", "word\n", "word\r", "a\u{1}b"];

/// Every supported scheme, hashed by `doveadm`.
pub const SCHEMES: [&str; 18] = [
    "ARGON2ID",
    "ARGON2I",
    "BLF-CRYPT",
    "SHA512-CRYPT",
    "SHA256-CRYPT",
    "MD5-CRYPT",
    "MD5",
    "CRYPT",
    "PBKDF2",
    "SSHA",
    "SSHA256",
    "SSHA512",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA512",
    "SSHA256.HEX",
    "SHA512-CRYPT.B64",
];

/// Dovecot's own hash of a password.
pub fn doveadm(scheme: &str, password: &str) -> String {
    let mut command = Command::new("doveadm");
    command.args(["pw", "-s", scheme, "-p", password]);
    let run = Run::of(command.output().unwrap()).expect(0);
    run.stdout.trim_end().to_owned()
}

impl Sandbox {
    /// Imports standard input.
    pub fn import(&self, form: &str, input: impl AsRef<[u8]>) -> Run {
        self.run_with_input(["import", form, "-"], input.as_ref())
    }

    /// The verdict on a password for a login.
    pub fn verify_login(&self, username: &str, password: &str) -> String {
        let args = ["verify", "--username", username, "--format", "json"];
        let run = self.run_with_input(args, password.as_bytes());
        let verdict = run.json()["verdict"].as_str().unwrap().to_owned();
        assert_eq!(run.status, i32::from(verdict != "accepted"), "{run:?}");
        verdict
    }

    /// All keys, as `list` prints them.
    pub fn keys(&self) -> Vec<Value> {
        let run = self.run(["list", "--format", "json"]).expect(0);
        run.json().as_array().unwrap().clone()
    }
}
