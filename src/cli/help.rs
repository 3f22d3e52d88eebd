//! The help of the whole program: its commands in groups, and the guides.

use std::fmt::Write;

use clap::Command;
use clap::builder::StyledStr;

use super::command_line::STYLES;
use super::guide;

/// The commands by topic, without the hidden ones.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Keys",
        &[
            "generate",
            "list",
            "show",
            "set",
            "deactivate",
            "activate",
            "delete",
            "usage",
        ],
    ),
    (
        "Secrets",
        &[
            "regenerate",
            "rotate",
            "revoke",
            "reveal",
            "verify",
            "identify",
            "explain",
        ],
    ),
    ("Servers", &["connect", "serve", "export"]),
    ("Environments", &["apply", "run", "import"]),
    (
        "Care",
        &[
            "check",
            "doctor",
            "log",
            "backup",
            "restore",
            "config",
            "completions",
        ],
    ),
];

/// What follows the groups in the overview.
const NEXT_STEPS: &str = "\
First key:      postkey generate api NAME
More:           postkey --help          what each command does, global options
                postkey help COMMAND    everything about a command
                postkey help GUIDE      mail, http, ci, rotation and others";

/// The width of the longest command name.
const NAME_WIDTH: usize = "completions".len();

/// The command line's definition with its commands in groups.
pub(super) fn grouped(definition: Command) -> Command {
    let header = STYLES.get_header();
    let mut template = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    for (group, commands) in GROUPS {
        let _ = writeln!(template, "\n{header}{group}:{header:#}");
        for name in commands {
            let about = summary(&definition, name);
            let literal = STYLES.get_literal();
            let gap = " ".repeat(NAME_WIDTH + 2 - name.len());
            let _ = writeln!(template, "  {literal}{name}{literal:#}{gap}{about}");
        }
    }
    let _ = writeln!(
        template,
        "\n{header}Guides{header:#} (`postkey help GUIDE`):"
    );
    for (name, title) in guide::titles() {
        let literal = STYLES.get_literal();
        let _ = writeln!(
            template,
            "  {literal}{name:<NAME_WIDTH$}{literal:#}  {title}"
        );
    }
    let _ = write!(
        template,
        "\n{header}Global options:{header:#}\n{{options}}{{after-help}}"
    );
    definition.help_template(StyledStr::from(template))
}

/// The overview that is printed without a command: it fits a terminal of 80 by 24.
pub(super) fn overview(definition: &Command) -> StyledStr {
    let header = STYLES.get_header();
    let about = definition.get_about().map(ToString::to_string);
    let mut text = format!(
        "{}\n\n{header}Usage:{header:#} postkey COMMAND [OPTIONS]\n\n",
        about.unwrap_or_default()
    );
    for (group, commands) in GROUPS {
        let gap = " ".repeat(16 - group.len() - 1);
        let names = commands.join(", ");
        let _ = writeln!(text, "{header}{group}:{header:#}{gap}{names}");
    }
    let _ = writeln!(text, "\n{NEXT_STEPS}");
    StyledStr::from(text)
}

fn summary(definition: &Command, name: &str) -> String {
    let command = definition.find_subcommand(name);
    let command = command.expect("a group holds names of commands");
    let about = command.get_about().map(ToString::to_string);
    about.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::definition;

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let definition = definition();
        let shown = definition
            .get_subcommands()
            .filter(|command| !command.is_hide_set());
        let shown: BTreeSet<&str> = shown.map(Command::get_name).collect();
        assert_eq!(grouped.len(), shown.len());
        assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), shown);
    }

    #[test]
    fn the_summaries_fit_a_small_terminal() {
        let help = grouped(definition()).render_help().to_string();
        let commands = help.lines().take_while(|line| *line != "Global options:");
        for line in commands {
            assert!(line.len() <= 80, "{line}");
        }
    }

    #[test]
    fn the_overview_fits_a_small_terminal() {
        let text = overview(&definition()).to_string();
        assert!(text.lines().count() <= 23, "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
