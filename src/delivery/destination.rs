//! Where a new secret goes, and in which form.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::context::Context;
use crate::delivery::child::ChildCommand;
use crate::delivery::outcome::Delivery;
use crate::error::Error;
use crate::files::{self, env, whole};
use crate::key::{KeyVariables, Kind, Username, Variable};
use crate::ui::{Format, Issued};

/// Where a new secret goes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Standard output.
    Output {
        /// The form that the secret has.
        format: Format,
        /// Its variables, if that form has some.
        variables: KeyVariables,
    },
    /// A file that holds nothing else.
    File {
        /// The file.
        path: PathBuf,
        /// The form that the secret has in it.
        format: Format,
    },
    /// Variables of an env file.
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The variables that are named for it.
        variables: KeyVariables,
        /// Others that hold the secret which it replaces.
        also: Vec<Variable>,
    },
    /// The file that GitHub's runner reads when a step has ended.
    Job {
        /// The file.
        path: PathBuf,
        /// The variables that are set there.
        variables: KeyVariables,
        /// Whether they are outputs of the step, and not variables of the job's later steps.
        is_output: bool,
    },
    /// A command's standard input.
    Command(ChildCommand),
}

impl Destination {
    /// The file that it is saved in, if it is kept in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } | Self::EnvFile { path, .. } => Some(path),
            Self::Output { .. } | Self::Job { .. } | Self::Command(_) => None,
        }
    }

    /// Whether the username goes there, too.
    pub fn has_username(&self) -> bool {
        match self {
            Self::Output { format, .. } | Self::File { format, .. } => *format != Format::Text,
            Self::EnvFile { variables, .. } | Self::Job { variables, .. } => {
                variables.username.is_some()
            }
            Self::Command(_) => true,
        }
    }

    /// Makes sure, as far as that can be told before, that it takes the secret of such a key;
    /// `allow` is given what a file holds and what it will hold.
    ///
    /// # Errors
    /// Why it does not, or what `allow` fails with.
    pub fn expect_accepts(
        &self,
        kind: Kind,
        username: Option<&Username>,
        allow: impl Fn(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Output { .. } => Ok(()),
            Self::File { path, format } => whole::expect_savable(path, shape(*format, kind), allow),
            Self::EnvFile {
                path,
                variables,
                also,
            } => {
                let username = username.map_or(env::PLACEHOLDER, Username::as_str);
                let username = variables.username.iter().map(|name| (name, username));
                let secrets = [&variables.secret].into_iter().chain(also);
                let all = username.chain(secrets.map(|name| (name, env::PLACEHOLDER)));
                let all: Vec<_> = all.map(|(name, value)| (name.as_str(), value)).collect();
                env::expect_savable(path, &all, allow)
            }
            Self::Job { path, .. } => Ok(files::expect_appendable(path)?),
            Self::Command(command) => command.program().map(drop),
        }
    }

    /// Brings a secret there; what is saved has to be settled.
    ///
    /// # Errors
    /// Why that failed, or what `allow` fails with.
    pub fn deliver(
        &self,
        issued: Issued<'_>,
        allow: impl Fn(&[u8], &[u8]) -> Result<(), Error>,
        context: &Context,
    ) -> Result<Delivery, Error> {
        match self {
            Self::Output { format, variables } => {
                let issued = issued.in_variables(variables.clone());
                context.ui.deliver(&issued.bytes(*format))?;
                Ok(Delivery::Printed)
            }
            Self::File { path, format } => {
                let shape = shape(*format, issued.kind());
                let changed = whole::save(path, shape, &issued.bytes(*format), allow)?;
                Ok(Delivery::Saved {
                    changed,
                    path: path.clone(),
                    variables: None,
                })
            }
            Self::EnvFile {
                path,
                variables,
                also,
            } => {
                let issued = issued.in_variables(variables.clone());
                let secret = issued.secret().expose();
                let mut assignments = issued.assignments();
                assignments.extend(also.iter().map(|variable| (variable.as_str(), secret)));
                let changed = env::save(path, &assignments, allow)?;
                Ok(Delivery::Saved {
                    changed,
                    path: path.clone(),
                    variables: Some(variables.clone()),
                })
            }
            Self::Job {
                path, variables, ..
            } => {
                let issued = issued.in_variables(variables.clone());
                let appended = files::append(path, &issued.bytes(Format::Env))?;
                Ok(Delivery::Appended(appended))
            }
            Self::Command(command) => {
                let name = issued.name();
                command.take(&issued, |line| context.ui.note(format!("{name}: {line}")))?;
                Ok(Delivery::Taken)
            }
        }
    }
}

/// The line by which GitHub's runner learns what to mask in its log.
pub fn mask(issued: &Issued<'_>) -> Zeroizing<Vec<u8>> {
    let secret = issued.secret().expose();
    Zeroizing::new([b"::add-mask::", secret.as_bytes(), b"\n"].concat())
}

/// What a secret looks like in a file that holds nothing else.
fn shape(format: Format, kind: Kind) -> whole::Shape {
    let (start, marks, lines): (_, &[&str], _) = match format {
        Format::Json | Format::Jsonl => {
            const FIELDS: [&str; 3] = [",\"kind\":\"", ",\"tail\":\"", ",\"secret\":\"x"];
            ("{\"name\":", &FIELDS, 1)
        }
        Format::Csv => ("name,kind,username,tail,status,", &[], 2),
        Format::Text | Format::Env | Format::Ics => (kind.prefix(), &[], 1),
    };
    whole::Shape {
        start,
        marks,
        lines,
    }
}
