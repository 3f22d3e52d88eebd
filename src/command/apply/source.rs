//! Reads the manifest.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole, ProtectionReason, folder_of};
use crate::manifest::{self, Manifest, ManifestError};
use crate::process;

/// The maximum size of a manifest, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// A file's path, or `-` for standard input.
#[derive(Clone, Debug)]
pub(super) enum FileOrInput {
    File(PathBuf),
    StandardInput,
}

impl From<PathBuf> for FileOrInput {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" {
            Self::StandardInput
        } else {
            Self::File(path)
        }
    }
}

/// A manifest's text and location.
pub(super) struct ManifestSource {
    text: String,
    /// Its file, unless it came from standard input.
    file: Option<PathBuf>,
    /// The folder that its paths are relative to.
    pub(super) folder: PathBuf,
}

impl ManifestSource {
    pub(super) fn read(from: &FileOrInput) -> Result<Self, Error> {
        match from {
            FileOrInput::StandardInput => Ok(Self {
                text: text(io::stdin().lock(), "standard input")?,
                file: None,
                folder: PathBuf::new(),
            }),
            FileOrInput::File(path) => Self::read_file(path),
        }
    }

    fn read_file(path: &Path) -> Result<Self, Error> {
        let shown = format!("`{}`", path.display());
        let failed = |why: &dyn std::fmt::Display| {
            Error::usage(format!("cannot read the manifest {shown}: {why}"))
        };
        let found = fs::metadata(path).map_err(|error| failed(&error))?;
        if found.is_dir() {
            return Err(
                failed(&"it is a folder").with_hint("give the name of a file in that folder")
            );
        }
        if !found.is_file() {
            return Err(failed(&"it is not a regular file")
                .with_hint("`-` reads a manifest from standard input"));
        }
        let file = FileRole::Manifest.open(path).map_err(|error| match error {
            files::Error::Io { source, .. } => failed(&source),
            error => Error::from(error).about("the manifest is not trusted"),
        })?;
        files::protect(
            &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            ProtectionReason::Manifest,
        );
        let folder = folder_of(path);
        Ok(Self {
            text: text(file, &shown)?,
            file: Some(path.to_owned()),
            folder: match folder == Path::new(".") {
                true => PathBuf::new(),
                false => folder.to_owned(),
            },
        })
    }

    /// The keys in it.
    pub(super) fn manifest(&self, context: &Context) -> Result<Manifest, Error> {
        let own = self.file.as_deref();
        manifest::read(
            &self.text,
            &self.folder,
            own,
            &process::variable,
            &context.settings,
        )
        .map_err(|mistakes| self.refused(mistakes, context))
    }

    /// Reports all mistakes but the last, which is returned.
    pub(super) fn refused(&self, mistakes: Vec<ManifestError>, context: &Context) -> Error {
        let highest = mistakes
            .iter()
            .map(|mistake| mistake.error.exit_status())
            .max();
        let mut errors = mistakes.into_iter().map(|mistake| self.error(mistake));
        let last = errors.next_back();
        for error in errors {
            context.ui.error(&error);
        }
        let last = last.unwrap_or_else(|| Error::usage("the manifest cannot be applied"));
        last.with_status(highest.unwrap_or(ExitStatus::Usage))
    }

    fn error(&self, mistake: ManifestError) -> Error {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let file = file.as_deref().unwrap_or("standard input");
        mistake.error.about(format_args!("{file}:{}", mistake.line))
    }
}

/// Reads the whole manifest, up to the maximum size.
fn text(from: impl Read, shown: &str) -> Result<String, Error> {
    let failed = |why: &dyn std::fmt::Display| {
        Error::usage(format!("cannot read the manifest {shown}: {why}"))
    };
    let mut bytes = Vec::new();
    let read = from.take(MAX_SIZE + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(&error))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(failed(&"it is larger than 1 MiB").with_hint("split it"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        failed(&format!("line {line} is not UTF-8 text")).with_hint("save it as UTF-8")
    })
}
