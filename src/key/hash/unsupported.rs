//! Hashes that cannot be imported.

use crate::error::Explained;
use crate::exit::ExitStatus;

/// Why a hash cannot be imported; no message contains any part of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, miette::Diagnostic, thiserror::Error)]
pub enum UnsupportedHash {
    /// It is a plaintext password.
    #[error("its password is in plain text")]
    #[diagnostic(help("prefix it with `{{PLAIN}}`, or hash it"))]
    Clear,
    /// It is empty.
    #[error("it has no password")]
    #[diagnostic(help("leave the line out: nobody can log in with it"))]
    Missing,
    /// It is not a hash (passwd(5), shadow(5)): nobody can log in with it.
    #[error("its account is locked: its password field is not a hash")]
    #[diagnostic(help(
        "leave the line out, or give the hash without its lock prefix and import it with --inactive"
    ))]
    Locked,
    /// The hash is in another file (passwd(5)).
    #[error("its hash is in another file, /etc/shadow")]
    #[diagnostic(help("use the hash from that file, or leave the line out"))]
    Shadowed,
    /// It has neither a scheme nor a known prefix.
    #[error("its password has no `{{SCHEME}}`, and does not start like a known hash")]
    #[diagnostic(help(
        "prefix it with `{{SCHEME}}`, as in `{{BLF-CRYPT}}$2y$…`; a plain-text password is `{{PLAIN}}…`, \
         from standard input only"
    ))]
    NoScheme,
    /// Apache's own MD5, which crypt(3) does not support.
    #[error("its hash is Apache's `$apr1$`, which Dovecot cannot check")]
    #[diagnostic(help("hash the password again with `htpasswd -B`, or generate a key"))]
    Apr1,
    /// A scheme of Dovecot that postkey does not support.
    #[error("its scheme `{0}` is not supported")]
    #[diagnostic(help("{SUPPORTED}"))]
    Unsupported(&'static str),
    /// A scheme that Dovecot does not know, either.
    #[error("its scheme is unknown")]
    #[diagnostic(help("{SUPPORTED}"))]
    UnknownScheme,
    /// The hash is malformed.
    #[error("its hash is not in the format of `{0}`")]
    #[diagnostic(help("copy the line again: part of it may be missing"))]
    Malformed(&'static str),
    /// It is too costly to check.
    #[error("its hash costs more to check than is allowed: {0}")]
    #[diagnostic(help("hash the password again at a lower cost, or generate a key"))]
    TooCostly(&'static str),
}

impl Explained for UnsupportedHash {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Usage
    }
}

const SUPPORTED: &str = "supported schemes: ARGON2ID, ARGON2I, ARGON2, BLF-CRYPT, SHA512-CRYPT, \
     SHA256-CRYPT, MD5-CRYPT, PBKDF2, SSHA, SSHA256, SSHA512, SHA, SHA256, SHA512, CRYPT with one \
     of these, and PLAIN";
