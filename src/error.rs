//! Errors as people and scripts meet them: what was wrong, how to fix it, the exit status.

use std::fmt::Display;
use std::io;

use nix::errno::Errno;

use crate::exit::ExitStatus;
use crate::files::{folder_of, hint_of};
use crate::key::{Invalid, KeyName};
use crate::process::WrongClock;
use crate::{files, serve, settings, vault};

/// A message in lower case without a full stop, a hint how to fix it, and a status.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    status: ExitStatus,
    is_malformed: bool,
    not_found: Option<KeyName>,
}

impl Error {
    /// An error that ends the command with the status.
    pub fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            status,
            is_malformed: false,
            not_found: None,
        }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    /// There is nothing to make a secret of.
    pub fn no_random_bytes(error: impl Display) -> Self {
        let message = format!("cannot get random bytes from the operating system: {error}");
        Self::new(ExitStatus::Trouble, message).with_hint(
            "allow the system call getrandom, or make /dev/urandom available in the sandbox",
        )
    }

    /// Adds the hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Gives it another status.
    pub fn with_status(mut self, status: ExitStatus) -> Self {
        self.status = status;
        self
    }

    /// Says first what it is about.
    pub fn about(mut self, what: impl Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The hint, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether SQLite calls the vault damaged, which may be the disk's fault.
    pub fn is_malformed(&self) -> bool {
        self.is_malformed
    }

    /// The name that no key has, if that is what was wrong.
    pub fn not_found(&self) -> Option<&KeyName> {
        self.not_found.as_ref()
    }

    /// How the command ends.
    pub fn exit_status(&self) -> ExitStatus {
        self.status
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self {
            message: invalid.to_string(),
            hint: invalid.hint().map(str::to_owned),
            status: ExitStatus::Usage,
            is_malformed: false,
            not_found: None,
        }
    }
}

impl From<settings::Error> for Error {
    fn from(error: settings::Error) -> Self {
        Self {
            message: error.to_string(),
            hint: error.hint,
            status: ExitStatus::Trouble,
            is_malformed: false,
            not_found: None,
        }
    }
}

impl From<WrongClock> for Error {
    fn from(wrong: WrongClock) -> Self {
        Self::new(ExitStatus::Trouble, wrong.to_string()).with_hint(WrongClock::HINT)
    }
}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        let new = Self::new(ExitStatus::Trouble, error.to_string());
        match error {
            files::Error::Refused { hint, path, .. } => new.with_hint(hint_of(hint, &path)),
            files::Error::NoFolder(path) => {
                let hint = "run `mkdir -p -m 700 {path}`, or name a file elsewhere";
                new.with_hint(hint_of(hint, folder_of(&path)))
            }
            files::Error::Io { source, .. } => match hint_of_io(&source) {
                Some(hint) => new.with_hint(hint),
                None => new,
            },
            files::Error::Unsynced { source, .. } => {
                let new = new.with_status(ExitStatus::Unsure);
                let hint = hint_of_io(&source).unwrap_or(UNSYNCED);
                new.with_hint(hint)
            }
        }
    }
}

impl From<files::env::Error> for Error {
    fn from(error: files::env::Error) -> Self {
        let new = Self::new(ExitStatus::Trouble, error.to_string());
        match error {
            files::env::Error::File(error) => error.into(),
            files::env::Error::Ambiguous { .. } => {
                new.with_hint("readers disagree on which one wins; remove all but one of the lines")
            }
            files::env::Error::Line { hint, .. } => new.with_hint(hint),
        }
    }
}

impl From<vault::Error> for Error {
    fn from(error: vault::Error) -> Self {
        Self {
            message: error.to_string(),
            hint: hint(&error).map(|hint| match &error {
                vault::Error::Rotating(name) | vault::Error::RetiredEarly(name) => {
                    hint.replace("NAME", name.as_str())
                }
                vault::Error::Unsafe { path, .. } => hint_of(hint, path),
                _ => hint.to_owned(),
            }),
            status: status(&error),
            is_malformed: matches!(error, vault::Error::Malformed(_)),
            not_found: match error {
                vault::Error::NoSuchKey(name) => Some(name),
                _ => None,
            },
        }
    }
}

impl From<serve::Error> for Error {
    fn from(error: serve::Error) -> Self {
        let hint = match &error {
            serve::Error::Vault(_) | serve::Error::Place(_) => None,
            serve::Error::Listen { source, .. } => Some(listen_hint(source)),
            serve::Error::Socket { hint, .. } => Some(*hint),
            serve::Error::NotLoopback(_) => {
                Some("set ListenStream= in the socket unit to 127.0.0.1 or a path")
            }
            serve::Error::NotASocket => Some("use ListenStream= in the socket unit"),
            serve::Error::Thread(_) => Some(NO_THREAD),
            serve::Error::TooFewFiles(_) => {
                Some("raise it with `ulimit -n 1024`, or LimitNOFILE=1024 in the service's unit")
            }
            serve::Error::System(_) => None,
        };
        let new = match error {
            serve::Error::Vault(error) => return error.into(),
            serve::Error::Place(error) => return Self::from(error).about("cannot listen there"),
            error => Self::new(ExitStatus::Trouble, error.to_string()),
        };
        match hint {
            Some(hint) => new.with_hint(hint),
            None => new,
        }
    }
}

/// How to listen where the system refused it.
fn listen_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "stop the other `postkey serve`, or name another address with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "name a port from 1024 on, or a socket in a folder that you can write to, with --listen"
        }
        io::ErrorKind::NotFound => "create its folder first, or name another with --listen",
        io::ErrorKind::AddrNotAvailable => "name 127.0.0.1 or [::1] with --listen",
        _ => "name another address with --listen",
    }
}

/// What may keep the system from starting a thread.
pub const NO_THREAD: &str = "raise the process limit: TasksMax= in the service's unit, the \
     container's pids limit, or `ulimit -u`";

/// How to go on with a rotation that is open.
pub const ROTATING: &str = "check with `postkey show NAME` which secret is used; then run \
     `postkey rotate --abort NAME` to remove the new one, or `postkey rotate --finish NAME` to \
     retire the old one";

/// How what a clock that was ahead ended becomes valid again.
pub const BRINGS_BACK: &str =
    "if the clock is correct now, run `postkey doctor --accept-clock --confirm NAME` to restore it";

/// How a command ends by what is wrong with the vault.
pub fn status(error: &vault::Error) -> ExitStatus {
    use vault::Error as E;
    match error {
        E::NoSuchKey(_) => ExitStatus::NotFound,
        E::Backup { why, .. } => status(why),
        E::NameTaken(_)
        | E::UsernameTaken(_)
        | E::PasswordTaken(_)
        | E::SecretTaken(_)
        | E::DefaultTaken(_)
        | E::Rotating(_) => ExitStatus::Exists,
        E::RetiredEarly(_) => ExitStatus::No,
        E::Swept => ExitStatus::Undelivered,
        E::Unsure(_) | E::Unsynced { .. } => ExitStatus::Unsure,
        _ => ExitStatus::Trouble,
    }
}

/// How to get at a vault whose last transaction was interrupted.
pub const INTERRUPTED: &str = "make it writable (`mount -o remount,rw`), and the next command rolls \
     the transaction back; or copy the vault and its -journal file together into a folder of yours \
     and name the copy with --vault";

/// What to do about a file that is there and may go with the power.
const UNSYNCED: &str = "run `sync` to flush it to the disk";

/// How to get at more descriptors.
const NO_FILES: &str = "close other files or raise the limit: `ulimit -n` for the process, `sysctl \
     fs.file-max` for the system";

/// How to go on where the system refused, if there is more to say than it does.
fn hint_of_io(error: &io::Error) -> Option<&'static str> {
    match Errno::from_raw(error.raw_os_error()?) {
        Errno::EMFILE | Errno::ENFILE => Some(NO_FILES),
        Errno::EIO => Some("check the disk with `dmesg`"),
        _ => None,
    }
}

fn hint(error: &vault::Error) -> Option<&'static str> {
    use vault::Error as E;
    Some(match error {
        E::Missing(_) => {
            "create it with `postkey generate api NAME`, restore a backup with `postkey restore \
             FILE`, or name another vault with --vault"
        }
        E::Unsafe { hint, .. } => hint,
        E::NotAVault(_) => "name the vault with --vault or POSTKEY_VAULT",
        E::Newer { .. } => "use the postkey that wrote it, or a newer one",
        E::Foreign(_) => "the vault was edited by hand: undo that, or restore a backup",
        E::Contradicted(_) => {
            "the vault was edited by hand or is damaged: `postkey doctor` lists all differences; \
             restore a backup, or use `postkey deactivate` or `delete` on the key"
        }
        E::Busy => "try again, or wait longer with --wait 30s",
        E::ReadOnly => "keys can still be listed and verified",
        E::Interrupted | E::NoCopy { .. } => INTERRUPTED,
        E::Wal => "any postkey command that changes the vault switches it back",
        E::Full => "free some disk space and try again",
        E::Disk => "check the disk (`dmesg`) and the file size limit (`ulimit -f`)",
        E::Unreadable => {
            "check the disk (`dmesg`) and try again before you restore a backup: the vault may be \
             intact"
        }
        E::NoFiles(_) => NO_FILES,
        E::Io { source, .. } => return hint_of_io(source),
        E::Unsynced { source, .. } => hint_of_io(source).unwrap_or(UNSYNCED),
        E::Damaged(_) | E::Malformed(_) => {
            "nothing changed; restore a backup; `postkey list` shows what can still be read"
        }
        E::DamagedKey { .. } => {
            "`postkey doctor` finds other damage; if only the hash is damaged, run `postkey \
             regenerate NAME`, otherwise restore a backup with `postkey restore FILE`"
        }
        E::NoSuchKey(_) => "`postkey list` shows the keys in this vault",
        E::NameTaken(_) => "choose another name",
        E::UsernameTaken(_) => {
            "choose another; keys can share only a username that is an email address"
        }
        E::PasswordTaken(_) => "a login can have only one: leave this one out",
        E::SecretTaken(_) => "use the existing key; `postkey list` shows which one it is",
        E::DefaultTaken(_) => "a vault can have only one: leave out --default",
        E::Rotating(_) => ROTATING,
        E::RetiredEarly(_) => BRINGS_BACK,
        E::Changed(_) => "check it with `postkey show`, then try again",
        E::VaultChanged => "check what changed with `postkey log`, then try again",
        E::InTheWay(_) => "name another file, or move this one away (`backup` has --replace)",
        E::TheVaultItself(_) => "name another file",
        E::OfAnotherVault(_) => "name another file, or remove that one first",
        E::NoFolder(_) => "create it first, or name a file elsewhere",
        E::BrokenLog(..) => {
            "run `postkey log verify` for details: the log was edited or is damaged"
        }
        E::Backup { why, .. } => return Some(hint_of_backup(why)),
        E::Swept => "run the command again and deliver the secret without delay",
        E::Unsure(_) => "check `postkey list` and `postkey log` before trying again",
        E::NoMemory(_) | E::Sqlite(_) => return None,
    })
}

/// The hint if it is not the vault but its backup that cannot be used.
fn hint_of_backup(why: &vault::Error) -> &'static str {
    use vault::Error as E;
    match why {
        E::Missing(_) => "name the file that `postkey backup` wrote",
        E::Unsafe { .. } => {
            "make a copy that only you can write, in a folder that is yours: \
             `install -m 600 BACKUP COPY`"
        }
        E::NotAVault(_) => "name the file that `postkey backup` wrote",
        E::Newer { .. } => "use the postkey that wrote it, or a newer one",
        E::Wal => {
            "run `sqlite3 COPY 'PRAGMA journal_mode = DELETE'` on a copy of it, and restore that"
        }
        E::BrokenLog(..) => "it was edited or is damaged; pass --despite-log to restore it anyway",
        _ => "use another backup; nothing was changed",
    }
}
