//! The command that runs after a key's new secret was delivered.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::redact::{is_hidden, looks_like_a_secret};

/// The most arguments, the program included.
const MAX_ARGUMENTS: usize = 32;

/// The most characters, as a shell would read them.
const MAX_LENGTH: usize = 1000;

/// An example, for hints.
const EXAMPLE: &str = "name a program and its arguments, as in `systemctl reload app`; for a shell, \
                       `sh -c '…'`";

/// A program and its arguments, run without a shell; not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterCommand(Vec<String>);

impl AfterCommand {
    /// The command of these arguments, of which the first names the program.
    ///
    /// # Errors
    /// If there is no program, they are too many or too long, or one is not printable or looks
    /// like a secret.
    pub fn new(arguments: Vec<String>) -> Result<Self, Invalid> {
        let text = shell_words::join(&arguments);
        let invalid = |rule: &str| Err(invalid(&text, rule));
        if looks_like_a_secret(&text) || arguments.iter().any(|word| looks_like_a_secret(word)) {
            return invalid("it looks like a secret, and commands are public");
        }
        if text.chars().any(is_hidden) {
            return invalid("it contains a control or invisible character");
        }
        match arguments.first() {
            None => invalid("it names no program"),
            Some(program) if program.trim().is_empty() => invalid("it names no program"),
            _ if arguments.len() > MAX_ARGUMENTS => {
                invalid(&format!("it has more than {MAX_ARGUMENTS} arguments"))
            }
            _ if text.chars().count() > MAX_LENGTH => {
                invalid(&format!("it is longer than {MAX_LENGTH} characters"))
            }
            Some(_) => Ok(Self(arguments)),
        }
    }

    /// The program and its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for AfterCommand {
    /// As a shell would read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shell_words::join(&self.0))
    }
}

impl FromStr for AfterCommand {
    type Err = Invalid;

    /// Splits a text into arguments as a shell would, but expands nothing.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match shell_words::split(text) {
            // Before they are quoted for a message, which a secret must not be.
            _ if text.chars().any(is_hidden) => Err(invalid(
                text,
                "it contains a control or invisible character",
            )),
            Ok(arguments) => Self::new(arguments),
            Err(_) => Err(invalid(text, "a quotation mark is not closed")),
        }
    }
}

fn invalid(text: &str, rule: &str) -> Invalid {
    Invalid::new("a command", text, rule).with_hint(EXAMPLE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_split_as_by_a_shell_that_expands_nothing() {
        for (text, arguments) in [
            ("reload", &["reload"][..]),
            ("systemctl reload app", &["systemctl", "reload", "app"]),
            ("  sh -c 'a && b'  ", &["sh", "-c", "a && b"]),
            ("touch \"a b\" c\\ d ''", &["touch", "a b", "c d", ""]),
            ("echo $HOME *", &["echo", "$HOME", "*"]),
        ] {
            let command: AfterCommand = text.parse().expect(text);
            assert_eq!(command.arguments(), arguments, "{text}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let secret = format!("xkeypost-{}", "ab".repeat(32));
        let long = format!("echo {}", "x".repeat(1000));
        let many = "x ".repeat(33);
        for (text, rule) in [
            ("", "names no program"),
            ("  ", "names no program"),
            ("'' a", "names no program"),
            ("sh -c 'a", "quotation mark is not closed"),
            ("a\nb", "control or invisible"),
            ("a 'b\u{1b}[31m'", "control or invisible"),
            ("a b\u{202e}", "control or invisible"),
            (&secret, "looks like a secret"),
            (&format!("store key={secret}"), "looks like a secret"),
            (&long, "longer than 1000 characters"),
            (&many, "more than 32 arguments"),
        ] {
            let error = text.parse::<AfterCommand>().expect_err(text);
            assert!(error.to_string().contains(rule), "{text}: {error}");
            assert!(error.hint().is_some(), "{text}");
            assert!(!error.to_string().contains("abababab"), "{text}");
        }
        let split = vec!["a".to_owned(), secret];
        assert!(AfterCommand::new(split).is_err());
    }

    proptest! {
        #[test]
        fn a_command_is_read_as_it_was_written(
            arguments in prop::collection::vec("[^\\p{C}]{1,9}", 1..9)
        ) {
            if let Ok(command) = AfterCommand::new(arguments) {
                prop_assert_eq!(command.to_string().parse::<AfterCommand>(), Ok(command));
            }
        }
    }
}
