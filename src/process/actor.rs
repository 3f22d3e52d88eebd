//! Who runs the process, according to the kernel, and what the environment claims.

use std::env;
use std::fs;

use nix::unistd::{Uid, User, gethostname, getuid};

use crate::vault::{Actor, Sudoer};

/// The kernel's value for a process outside of any login (audit(8)).
const LOGIN_UID_UNSET: u32 = u32::MAX;

/// The user and host for the log.
pub fn actor() -> Actor {
    let uid = getuid();
    Actor {
        uid: uid.as_raw(),
        user: name(uid),
        sudoer: sudoer(uid, login(), env::var("SUDO_USER").ok()),
        host: gethostname().map_or_else(
            |_| "unknown".to_owned(),
            |host| host.to_string_lossy().into_owned(),
        ),
    }
}

/// The user's name, or the number if it has none.
fn name(uid: Uid) -> String {
    let user = User::from_uid(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

/// The user who logged in, which an unprivileged process cannot change; `None` if nobody did or the
/// kernel does not record it.
fn login() -> Option<Uid> {
    let uid = fs::read_to_string("/proc/self/loginuid").ok()?;
    let uid = uid.trim().parse().ok()?;
    (uid != LOGIN_UID_UNSET).then(|| Uid::from_raw(uid))
}

/// Who became this user with sudo. The caller controls the environment, so `SUDO_USER` is only used
/// if the kernel does not know, and recorded as a claim.
fn sudoer(uid: Uid, login: Option<Uid>, claim: Option<String>) -> Option<Sudoer> {
    match login {
        Some(login) if login == uid => None,
        Some(login) => Some(Sudoer::verified(&name(login))),
        None => Sudoer::claimed(&claim?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_takes_precedence_over_the_environment() {
        let root = Uid::from_raw(0);
        let someone = Uid::from_raw(4_000_000_001);
        let claim = || Some("alice".to_owned());
        let told =
            |sudoer: Option<Sudoer>| sudoer.map(|who| (who.name().to_owned(), who.is_verified()));
        for (login, claim, expected) in [
            (None, None, None),
            (None, claim(), Some(("alice", false))),
            (None, Some(String::new()), None),
            (Some(root), None, None),
            (Some(root), claim(), None),
            (Some(someone), None, Some(("4000000001", true))),
            (Some(someone), claim(), Some(("4000000001", true))),
        ] {
            let expected = expected.map(|(name, is)| (name.to_owned(), is));
            assert_eq!(told(sudoer(root, login, claim)), expected);
        }
    }
}
