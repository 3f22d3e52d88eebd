//! The report of a leak: what is known of it, gathered, and written to a file of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Session;
use super::revoke::{Revocation, Stopped};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Invalid, looks_like_a_secret};
use crate::ui::Incident;

/// How many entries of a key's log are in a report, the newest.
const ENTRIES: usize = 1000;

/// The path of a report from the command line: a file's, and no secret.
pub(super) fn path(text: OsString) -> Result<PathBuf, Invalid> {
    let lossy = text.to_string_lossy();
    let rule = if text.is_empty() {
        "a path is not empty"
    } else if lossy == "-" {
        "standard output is for the secret"
    } else if looks_like_a_secret(&lossy) {
        "it looks like a secret"
    } else {
        return Ok(PathBuf::from(text));
    };
    Err(Invalid::new("a file for the report", &lossy, rule)
        .hint("name a new file, as in `incident.md`"))
}

/// Writes the report on the keys that were stopped.
pub(super) fn write(
    path: &Path,
    revocation: &Revocation,
    leaked_at: Option<Timestamp>,
    session: &Session,
) -> Result<(), Error> {
    let mut reports = Vec::new();
    for stopped in &revocation.stopped {
        reports.push(report(stopped, revocation, leaked_at, session)?);
    }
    create(path, reports.join("\n").as_bytes()).map_err(|error| unwritten(path, &error))?;
    let path = path.display();
    session.ui.note(format!("the report is in `{path}`"));
    Ok(())
}

fn report(
    stopped: &Stopped,
    revocation: &Revocation,
    leaked_at: Option<Timestamp>,
    session: &Session,
) -> Result<String, Error> {
    let (vault, record) = (&revocation.vault, &stopped.record);
    let log = vault.recent(record, ENTRIES)?;
    let mut uses = session.uses(vault);
    let incident = Incident {
        key: &record.key,
        secrets: &stopped.secrets,
        renewed: revocation.renewed.as_ref(),
        replacement: revocation.replacement,
        seen: stopped.seen,
        leaked_at,
        is_log_whole: log.len() < ENTRIES,
        log: &log,
        used: uses.details(record, &session.ui),
    };
    Ok(incident.markdown(&session.look(vault)))
}

/// Makes a new file, 0600 from birth, whole and durable or not at all: beside its place first,
/// and then moved there, where nothing may be, not even a link.
fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".postkey-report-")
        .tempfile_in(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn unwritten(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    let message = format!("the report was not written to `{path}`: {error}");
    let hint = match error.kind() {
        ErrorKind::AlreadyExists => "a report never takes a file's place; name a new file",
        _ => "name another place: `postkey revoke --report FILE NAME` writes the report again",
    };
    Error::new(ExitStatus::Trouble, message).hint(hint)
}
