//! The guides that `postkey help GUIDE` prints, and the other topics of `help`.

use std::env;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};

use super::command_line::Cli;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::settings::nearest;
use crate::ui::Ui;

/// The guides by name, in reading order. That of `postkey-config(5)` is named like the command.
const GUIDES: [(&str, &str); 11] = [
    ("tutorial", include_str!("../../man/guide/tutorial.md")),
    ("mail", include_str!("../../man/guide/mail.md")),
    ("http", include_str!("../../man/guide/http.md")),
    ("fleet", include_str!("../../man/guide/fleet.md")),
    ("rotation", include_str!("../../man/guide/rotation.md")),
    ("incident", include_str!("../../man/guide/incident.md")),
    ("ci", include_str!("../../man/guide/ci.md")),
    ("bootstrap", include_str!("../../man/guide/bootstrap.md")),
    ("care", include_str!("../../man/guide/care.md")),
    ("security", include_str!("../../man/guide/security.md")),
    ("settings", include_str!("../../man/guide/config.md")),
];

/// The guides' names and titles.
pub(super) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    GUIDES.iter().map(|&(name, text)| {
        let title = text.lines().next().unwrap_or_default();
        (name, title.trim_start_matches("# "))
    })
}

/// The topic of `postkey help`, if it is not a command.
pub(super) fn asked(error: &clap::Error) -> Option<&str> {
    let Some(ContextValue::String(topic)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let words: Vec<_> = env::args_os().collect();
    let is_asked = |pair: &[_]| pair[0] == "help" && pair[1] == **topic;
    words.windows(2).any(is_asked).then_some(topic)
}

/// Prints the guide with this name.
pub(super) fn print(ui: &Ui, topic: &str) -> Result<ExitStatus, Error> {
    let guide = GUIDES.iter().find(|(name, _)| *name == topic);
    let (_, text) = guide.ok_or_else(|| not_found(topic))?;
    let _pager = ui.page();
    ui.print(text)?;
    Ok(ExitStatus::Done)
}

fn not_found(topic: &str) -> Error {
    let definition = Cli::command();
    let commands = definition.get_subcommands().map(clap::Command::get_name);
    let names: Vec<_> = commands.chain(GUIDES.map(|(name, _)| name)).collect();
    let hint = match nearest(topic, &names) {
        Some(name) => format!("did you mean `postkey help {name}`?"),
        None => "`postkey help` lists commands and guides".to_owned(),
    };
    Error::usage(format!("no command or guide named `{topic}`")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_guide_is_named_like_a_command() {
        for (name, title) in titles() {
            assert!(Cli::command().find_subcommand(name).is_none(), "{name}");
            assert!(!title.is_empty(), "{name}");
        }
    }
}
