//! The actions in the audit log: a single list for writing entries and for `log --action`.

use strum::{IntoStaticStr, VariantArray};

/// The action recorded in a log entry. Entries are chained by their hashes, so a released text
/// never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Action {
    Generate,
    Deactivate,
    Activate,
    Regenerate,
    Rotate,
    #[strum(serialize = "rotate --finish")]
    FinishRotation,
    #[strum(serialize = "rotate --abort")]
    AbortRotation,
    Revoke,
    Reveal,
    Delete,
    Rename,
    Describe,
    Set,
    Backup,
    Restore,
    Import,
    Apply,
    Expire,
    Verify,
    Doctor,
    Run,
}

impl Action {
    /// The command that performs it: the text's first word.
    fn command(self) -> &'static str {
        let text = self.into_str();
        text.split_once(' ').map_or(text, |(command, _)| command)
    }

    /// The commands that write entries, each once.
    pub fn commands() -> Vec<&'static str> {
        let mut commands = Vec::new();
        for action in Self::VARIANTS {
            if !commands.contains(&action.command()) {
                commands.push(action.command());
            }
        }
        commands
    }

    /// The actions of a command.
    pub fn of(command: &str) -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(move |action| action.command() == command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_of_exactly_one_command() {
        for action in Action::VARIANTS {
            let commands = Action::commands();
            let of = commands
                .iter()
                .filter(|command| Action::of(command).any(|found| found == *action));
            assert_eq!(of.count(), 1, "{}", action.into_str());
        }
        let mut texts: Vec<_> = Action::VARIANTS.iter().map(Action::into_str).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Action::VARIANTS.len());
    }
}
