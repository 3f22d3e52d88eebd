//! Hashes that are not imported.

/// Why a hash cannot be taken over; none of the texts says anything of the hash itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedHash {
    /// It is a password in clear.
    #[error("its password is in plain text")]
    Clear,
    /// There is nothing.
    #[error("it has no password")]
    Missing,
    /// Nothing that is a password's hash (passwd(5), shadow(5)): nobody logs in with it.
    #[error("its account is locked: its password field is not a hash")]
    Locked,
    /// The hash is elsewhere (passwd(5)).
    #[error("its hash is in another file, /etc/shadow")]
    Shadowed,
    /// Neither a scheme nor a known beginning.
    #[error("its password has no `{{SCHEME}}`, and does not start like a known hash")]
    NoScheme,
    /// Apache's own MD5, which crypt(3) does not know.
    #[error("its hash is Apache's `$apr1$`, which Dovecot cannot check")]
    Apr1,
    /// A scheme that Dovecot knows and postkey does not.
    #[error("its scheme `{0}` is not supported")]
    Unsupported(&'static str),
    /// A scheme that is none of Dovecot's.
    #[error("its scheme is unknown")]
    UnknownScheme,
    /// The hash has not the form of its scheme.
    #[error("its hash is not in the format of `{0}`")]
    Malformed(&'static str),
    /// Checking it would cost too much.
    #[error("its hash costs more to check than is allowed: {0}")]
    TooCostly(&'static str),
}

impl UnsupportedHash {
    /// How to fix it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Clear => "prefix it with `{PLAIN}`, or hash it",
            Self::Missing => "leave the line out: nobody can log in with it",
            Self::Locked => {
                "leave the line out, or give the hash without its lock prefix and import it with \
                 --inactive"
            }
            Self::Shadowed => "use the hash from that file, or leave the line out",
            Self::NoScheme => {
                "prefix it with `{SCHEME}`, as in `{BLF-CRYPT}$2y$…`; a plain-text password is \
                 `{PLAIN}…`, from standard input only"
            }
            Self::Apr1 => "hash the password again with `htpasswd -B`, or generate a key",
            Self::Unsupported(_) | Self::UnknownScheme => SUPPORTED,
            Self::Malformed(_) => "copy the line again: part of it may be missing",
            Self::TooCostly(_) => "hash the password again at a lower cost, or generate a key",
        }
    }
}

const SUPPORTED: &str = "supported schemes: ARGON2ID, ARGON2I, ARGON2, BLF-CRYPT, SHA512-CRYPT, \
     SHA256-CRYPT, MD5-CRYPT, PBKDF2, SSHA, SSHA256, SSHA512, SHA, SHA256, SHA512, CRYPT with one \
     of these, and PLAIN";
