//! A secret that is presented: from standard input, or typed unseen; never an argument.

use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use super::Session;
use crate::error::Error;
use crate::vault;
use crate::verify::{Verdict, verify};

/// How much standard input may hold, in bytes: far more than a secret.
const LONGEST: u64 = 1024;

/// Reads the secret and judges it.
pub(super) fn judge(session: &Session) -> Result<Verdict, Error> {
    session.expect_own_home()?;
    let presented = read(session)?;
    let open = || vault::Vault::open(&session.settings.vault, session.settings.wait);
    Ok(verify(&presented, open, Session::clock)?)
}

/// What was presented, without the line end that `echo` or a file puts behind it.
fn read(session: &Session) -> Result<Zeroizing<String>, Error> {
    if io::stdin().is_terminal() {
        session.ui.expect_person(
            "no secret was given",
            "pipe it in: printf %s \"$KEY\" | postkey verify",
        )?;
        return Ok(session.ui.hidden("Secret")?.unwrap_or_default());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    io::stdin()
        .lock()
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::usage("standard input holds more than 1 KiB")
            .hint("give one secret and nothing else"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Error::usage("standard input is not UTF-8 text").hint("give one secret and nothing else")
    })?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(
        line.strip_suffix('\r').unwrap_or(line).to_owned(),
    ))
}
