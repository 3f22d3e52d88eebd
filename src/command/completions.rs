//! `postkey completions`: scripts that complete commands and key names in a shell.

use std::env;

use clap::{Args, Command, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;

/// The environment variable by which a shell's script asks for completions.
const VARIABLE: &str = "POSTKEY_COMPLETE";

/// Run by zsh when it loads the script from `$fpath` at the first Tab, which would complete nothing
/// otherwise.
const FIRST_CALL: &str = r#"
if [ "$funcstack[1]" = "_postkey" ]; then
    _clap_dynamic_completer_postkey "$@"
fi
"#;

/// How bash's script passes the word to complete: as it was typed.
const BASH_WORD: &str = "words[COMP_CWORD]=\"$2\"\n";

/// The same without its quotes.
const BASH_BARE_WORD: &str = r#"words[COMP_CWORD]="${2//\\/}"
        words[COMP_CWORD]="${words[COMP_CWORD]#[\"\']}"
"#;

/// What bash's script does with the candidates.
const BASH_REPLY: &str = "    if [[ $? != 0 ]]; then\n";

/// Precedes it: bash only quotes what it knows to be file names. Key names and flags need no
/// quoting.
const BASH_FILES: &str = r#"    local status=$? candidate
    for candidate in "${COMPREPLY[@]}"; do
        if [[ $candidate == *[!A-Za-z0-9_./=:@%+-]* && -e $candidate ]]; then
            compopt -o filenames 2> /dev/null
            break
        fi
    done
    (exit $status)
"#;

/// Print the script that completes commands and key names
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    /// bash 4.4 or newer
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// Print the script that completes commands and key names
///
/// The script asks postkey itself, so that it completes the names of the keys in the vault.
/// Put its output where the shell looks for completions:
///
/// bash: ~/.local/share/bash-completion/completions/postkey
///
/// zsh: _postkey, in a folder of $fpath
///
/// fish: ~/.config/fish/completions/postkey.fish
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: Completions, context: &mut Context) -> Result<ExitStatus, Error> {
    context.ui.print(&script(args.shell))?;
    Ok(ExitStatus::Done)
}

/// The script for a shell.
pub fn script(shell: Shell) -> String {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "postkey", "postkey", "postkey", &mut script)
        .expect("writing to memory does not fail");
    let script = String::from_utf8(script).expect("a shell script of text is text");
    match shell {
        Shell::Zsh => script + FIRST_CALL,
        Shell::Bash => script
            .replace(BASH_WORD, BASH_BARE_WORD)
            .replace(BASH_REPLY, &format!("{BASH_FILES}{BASH_REPLY}")),
        Shell::Fish => script,
    }
}

/// Completes a command line and ends the process if a shell's script asks for it.
pub fn complete_if_asked(definition: fn() -> Command) {
    if env::var_os(VARIABLE).is_some() {
        CompleteEnv::with_factory(definition)
            .var(VARIABLE)
            .complete();
    }
}
