//! What leaves an entry in the audit log: the one list, from which entries are written and
//! `log --action` finds them again.

/// Defines the actions, each with its text in the log, and the list of all of them.
macro_rules! actions {
    ($($action:ident => $logged:literal,)+) => {
        /// What an entry of the audit log records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = concat!("`", $logged, "`")] $action,)+
        }

        impl Action {
            /// Every action.
            const ALL: &'static [Self] = &[$(Self::$action,)+];

            /// The text that an entry has for it. Entries are chained by their hashes, so a text
            /// that was released stays.
            pub fn logged(self) -> &'static str {
                match self {
                    $(Self::$action => $logged,)+
                }
            }
        }
    };
}

actions! {
    Generate => "generate",
    Deactivate => "deactivate",
    Activate => "activate",
    Regenerate => "regenerate",
    Rotate => "rotate",
    FinishRotation => "rotate --finish",
    AbortRotation => "rotate --abort",
    Revoke => "revoke",
    Reveal => "reveal",
    Delete => "delete",
    Rename => "rename",
    Describe => "describe",
    Set => "set",
    Backup => "backup",
    Restore => "restore",
    Import => "import",
    Apply => "apply",
    Expire => "expire",
    Verify => "verify",
    Doctor => "doctor",
}

impl Action {
    /// The command whose action it is: the text's first word.
    fn command(self) -> &'static str {
        let (command, _) = self.logged().split_once(' ').unwrap_or((self.logged(), ""));
        command
    }

    /// The commands that leave entries, each once: every entry is of exactly one of them.
    pub fn commands() -> Vec<&'static str> {
        let mut commands = Vec::new();
        for action in Self::ALL {
            if !commands.contains(&action.command()) {
                commands.push(action.command());
            }
        }
        commands
    }

    /// The actions of a command.
    pub fn of(command: &str) -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(move |action| action.command() == command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_of_exactly_one_command() {
        for action in Action::ALL {
            let commands = Action::commands();
            let of = commands
                .iter()
                .filter(|command| Action::of(command).any(|found| found == *action));
            assert_eq!(of.count(), 1, "{}", action.logged());
        }
        let mut texts: Vec<_> = Action::ALL.iter().map(|action| action.logged()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Action::ALL.len());
    }
}
