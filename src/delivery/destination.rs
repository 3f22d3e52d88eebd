//! Destinations of a new secret, and its format there.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::context::Context;
use crate::delivery::child::ChildCommand;
use crate::delivery::outcome::Delivery;
use crate::delivery::place_lock::lock_place;
use crate::delivery::preset_delivery::PresetDelivery;
use crate::delivery::server_variables::ServerVariables;
use crate::delivery::stored_delivery::StoredDelivery;
use crate::destination::{DestinationSpec, KEY_NAME, StoredParts};
use crate::error::Error;
use crate::files::{self, env, result_file};
use crate::key::{KeyName, KeyVariables, Kind, Username, Variable, quoted, redact_secrets};
use crate::process::{DeferredSignals, job};
use crate::settings::{SmtpServer, delivery_wait};
use crate::ui::{Format, Issued};

/// The destination of a new secret.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Standard output.
    Output {
        /// The format.
        format: Format,
        /// Its variables, if the format has any.
        variables: KeyVariables,
    },
    /// A file that contains nothing else.
    File {
        /// The file.
        path: PathBuf,
        /// The format in the file.
        format: Format,
    },
    /// Variables in an env file.
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The variables for the secret.
        variables: KeyVariables,
        /// Other variables that contain the secret it replaces.
        also: Vec<Variable>,
        /// The variables for the mail server, if it is known.
        server: Option<Box<ServerVariables>>,
    },
    /// The file that GitHub's runner reads after a step.
    Job {
        /// The file.
        path: PathBuf,
        /// The variables to set there.
        variables: KeyVariables,
        /// Whether they are outputs of the step, not environment variables of later steps.
        is_output: bool,
    },
    /// A command's standard input.
    Command(ChildCommand),
    /// A secret manager.
    Preset(Box<PresetDelivery>),
}

/// What a destination depends on besides its name.
pub struct DestinationContext<'a> {
    /// The key's name.
    pub name: &'a KeyName,
    /// Its kind.
    pub kind: Kind,
    /// The format in a file of its own.
    pub format: Format,
    /// The mail server that SMTP keys log in to.
    pub smtp: &'a SmtpServer,
    /// The folder in which commands run; empty for the current one.
    pub folder: &'a Path,
    /// The signals that stop a command.
    pub signals: Option<DeferredSignals>,
}

impl Destination {
    /// The destination that is named.
    ///
    /// # Errors
    /// If it is a job's and there is no job.
    pub fn of(spec: DestinationSpec, context: DestinationContext<'_>) -> Result<Self, Error> {
        let DestinationContext {
            name, kind, format, ..
        } = context;
        let folder = context.folder.to_owned();
        let mut destination = match spec {
            DestinationSpec::File(path) => Self::File { path, format },
            DestinationSpec::Folder(path) => Self::File {
                path: format.file_in(&path, name),
                format,
            },
            DestinationSpec::Env { file, variables } => {
                let variables = variables.of(name, kind);
                Self::EnvFile {
                    path: file,
                    variables,
                    also: Vec::new(),
                    server: None,
                }
            }
            DestinationSpec::Job {
                variables,
                is_output,
            } => Self::Job {
                path: job_file(is_output)?,
                variables: variables.of(name, kind),
                is_output,
            },
            DestinationSpec::Command { words, timeout } => Self::Command(ChildCommand {
                words,
                folder,
                timeout,
                signals: context.signals,
            }),
            DestinationSpec::Preset(address) => Self::Preset(Box::new(PresetDelivery {
                address,
                server: context.smtp.clone(),
                folder,
                signals: context.signals,
            })),
        };
        destination.set_server(kind, context.smtp);
        Ok(destination)
    }

    /// Delivers the login for another mail server.
    pub(super) fn set_server(&mut self, kind: Kind, smtp: &SmtpServer) {
        match self {
            Self::EnvFile {
                variables, server, ..
            } => {
                let smtp = (kind == Kind::Smtp).then_some(smtp);
                let beside = smtp.and_then(|smtp| ServerVariables::beside(&variables.secret, smtp));
                *server = beside.map(Box::new);
            }
            Self::Preset(preset) => preset.server = smtp.clone(),
            Self::Output { .. } | Self::File { .. } | Self::Job { .. } | Self::Command(_) => {}
        }
    }

    /// Makes sure that a key of this kind has the login that is delivered.
    ///
    /// # Errors
    /// If it has not, or the mail server is needed and not known.
    pub fn expect_login(&self, kind: Kind) -> Result<(), Error> {
        let Self::Preset(preset) = self else {
            return Ok(());
        };
        let shown = quoted(&preset.address.text);
        match (preset.address.stored, kind) {
            (StoredParts::Secret, _) => Ok(()),
            (_, Kind::Api) => Err(Error::usage(format!("an API key has no login for {shown}"))
                .with_hint("only SMTP keys have a username, host, port and URL; name one field for the secret")),
            (StoredParts::Url, Kind::Smtp) if preset.server.host.is_none() => {
                Err(Error::usage(format!("{shown} needs the mail server"))
                    .with_hint("set `host` under [smtp] in the settings, or in the manifest"))
            }
            (StoredParts::Url | StoredParts::Login, Kind::Smtp) => Ok(()),
        }
    }

    /// The destination as `--to` names it from any folder; `None` if the secret is not kept there,
    /// or with more than it.
    pub fn text(&self) -> Option<String> {
        let whole = |path: &Path| {
            let path = std::path::absolute(path).ok()?;
            path.into_os_string().into_string().ok()
        };
        let text = match self {
            Self::Output { .. } | Self::Job { .. } => None,
            Self::File { path, format } => {
                let is_alone = *format == Format::Text;
                whole(path)
                    .filter(|_| is_alone)
                    .map(|path| format!("file:{path}"))
            }
            Self::EnvFile {
                path, variables, ..
            } => whole(path).map(|path| format!("env:{path}#{}", variables.secret)),
            Self::Command(command) => Some(format!(
                "command: {}",
                redact_secrets(&command.words.join(" "))
            )),
            Self::Preset(preset) if preset.is_of_current_project() => None,
            Self::Preset(preset) => preset.text(),
        };
        // A name in braces would become the key's.
        text.filter(|text| !text.contains(KEY_NAME))
    }

    /// Makes sure that GitHub's runner accepts the variables.
    pub(super) fn expect_settable(&self) -> Result<(), Error> {
        let Self::Job {
            variables,
            is_output: false,
            ..
        } = self
        else {
            return Ok(());
        };
        let mut names = variables.username.iter().chain([&variables.secret]);
        match names.find(|name| name.is_of_runner()) {
            None => Ok(()),
            Some(name) => Err(Error::usage(format!(
                "GitHub's runner does not take `{name}`: it sets GITHUB_* and RUNNER_* itself"
            ))
            .with_hint("name another variable, as in --env-name API_KEY")),
        }
    }

    /// The file that it is saved to, if any.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } | Self::EnvFile { path, .. } => Some(path),
            Self::Output { .. } | Self::Job { .. } | Self::Command(_) | Self::Preset(_) => None,
        }
    }

    /// The variable that it sets to the secret, if any.
    pub fn variable(&self) -> Option<&Variable> {
        match self {
            Self::Output {
                format: Format::Env,
                variables,
            }
            | Self::EnvFile { variables, .. }
            | Self::Job { variables, .. } => Some(&variables.secret),
            _ => None,
        }
    }

    /// Whether the username is saved, too.
    pub fn has_username(&self) -> bool {
        match self {
            Self::Output { format, .. } | Self::File { format, .. } => *format != Format::Text,
            Self::EnvFile { variables, .. } | Self::Job { variables, .. } => {
                variables.username.is_some()
            }
            Self::Command(_) => true,
            Self::Preset(preset) => preset.address.stored != StoredParts::Secret,
        }
    }

    /// Checks in advance, as far as possible, that the destination accepts the secret of such a
    /// key; `allow` is called with a file's contents before and after.
    ///
    /// # Errors
    /// If it does not, or `allow` fails.
    pub fn expect_accepts(
        &self,
        kind: Kind,
        username: Option<&Username>,
        allow: impl Fn(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Output { .. } => Ok(()),
            Self::File { path, format } => {
                result_file::expect_savable(path, shape(*format, kind), allow)
            }
            Self::EnvFile {
                path,
                variables,
                also,
                server,
            } => {
                let username = username.map_or(env::PLACEHOLDER, Username::as_str);
                let username = variables.username.iter().map(|name| (name, username));
                let of_server = server.iter().flat_map(|server| server.names());
                let secrets = [&variables.secret].into_iter().chain(also).chain(of_server);
                let all = username.chain(secrets.map(|name| (name, env::PLACEHOLDER)));
                let all: Vec<_> = all.map(|(name, value)| (name.as_str(), value)).collect();
                env::expect_savable(path, &all, allow)
            }
            Self::Job { path, .. } => Ok(files::expect_appendable(path)?),
            Self::Command(command) => command.program().map(drop),
            Self::Preset(preset) => preset.tool().map(drop),
        }
    }

    /// Delivers a secret from the vault at this path; a saved file must be synced afterwards.
    ///
    /// # Errors
    /// If that fails, or `allow` does.
    pub fn deliver(
        &self,
        issued: Issued<'_>,
        allow: impl Fn(&[u8], &[u8]) -> Result<(), Error>,
        vault: &Path,
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
                let changed = result_file::save(path, shape, &issued.bytes(*format), allow)?;
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
                server,
            } => {
                let issued = issued.in_variables(variables.clone());
                let secret = issued.secret().expose();
                let mut assignments = issued.assignments();
                assignments.extend(also.iter().map(|variable| (variable.as_str(), secret)));
                let of_server = server.as_ref().map(|server| server.values(&issued));
                let of_server = of_server.iter().flatten();
                assignments.extend(of_server.map(|(name, value)| (*name, value.as_str())));
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
                command.take(&issued, |line| report(&issued, line, context))?;
                Ok(Delivery::Taken)
            }
            Self::Preset(preset) => {
                let username = issued.username().unwrap_or_default();
                let values = preset.values(username, issued.secret().expose());
                let wait = delivery_wait(context.settings.wait, preset.timeout());
                let turn = lock_place(preset, vault, wait)?;
                let report = |line: &str| report(&issued, line, context);
                let stored = StoredDelivery::store(preset, values, turn, report)?;
                Ok(Delivery::Stored(Box::new(stored)))
            }
        }
    }
}

/// Reports a line that a command printed about a key.
fn report(issued: &Issued<'_>, line: &str, context: &Context) {
    context.ui.note(format!("{}: {line}", issued.name()));
}

/// The file that GitHub's runner reads after a step.
fn job_file(is_output: bool) -> Result<PathBuf, Error> {
    let variable = match is_output {
        true => "GITHUB_OUTPUT",
        false => "GITHUB_ENV",
    };
    job::file(variable).ok_or_else(|| {
        Error::usage(format!("`{variable}` is not set"))
            .with_hint("the runner sets it in each step; pass it on to postkey")
    })
}

/// The line that makes GitHub's runner mask the secret in its log.
pub fn mask(issued: &Issued<'_>) -> Zeroizing<Vec<u8>> {
    let secret = issued.secret().expose();
    Zeroizing::new([b"::add-mask::", secret.as_bytes(), b"\n"].concat())
}

/// What a file with nothing but a secret looks like in a format.
fn shape(format: Format, kind: Kind) -> result_file::Shape {
    let (start, marks, lines): (_, &[&str], _) = match format {
        Format::Json | Format::Jsonl => {
            const FIELDS: [&str; 3] = [",\"kind\":\"", ",\"tail\":\"", ",\"secret\":\"x"];
            ("{\"name\":", &FIELDS, 1)
        }
        Format::Csv => ("name,kind,username,tail,status,", &[], 2),
        Format::Text | Format::Env | Format::Ics | Format::Prometheus | Format::Markdown => {
            (kind.prefix(), &[], 1)
        }
    };
    result_file::Shape {
        start,
        marks,
        lines,
    }
}
