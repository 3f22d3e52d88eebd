//! Runs the command that makes an application read its new secret.

use std::path::Path;
use std::time::Duration;

use crate::context::Context;
use crate::delivery::child::{ChildCommand, ChildInput, ChildTask};
use crate::key::{AfterCommand, Key, quoted};
use crate::process::DeferredSignals;

/// How long the command may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Runs the command, with the key's name, kind and username in its environment and nothing else
/// about it; its standard input is empty. Its output is shown without secrets. A first signal stops
/// it.
///
/// # Errors
/// How it failed, as a sentence.
pub(super) fn run(
    after: &AfterCommand,
    folder: &Path,
    key: &Key,
    context: &Context,
) -> Result<(), String> {
    let command = ChildCommand {
        words: after.arguments().to_vec(),
        folder: folder.to_owned(),
        timeout: TIMEOUT,
        signals: Some(DeferredSignals::begin_once()),
    };
    let name = &key.name;
    let variables = [
        ("POSTKEY_NAME", name.as_str()),
        ("POSTKEY_KIND", key.kind().into_str()),
        (
            "POSTKEY_USERNAME",
            key.username().map_or("", |username| username.as_str()),
        ),
    ];
    let task = ChildTask {
        input: ChildInput::Empty,
        output: None,
        report: &mut |line| context.ui.note(format!("{name}: {line}")),
    };
    let program = command.program().map_err(|error| error.to_string())?;
    let ended = command.run(program, &variables, task);
    ended.map_err(|why| format!("{} {why}", quoted(&after.to_string())))
}
