//! The verbs: a file each, with its arguments, whose doc comments are the help, and its run.

mod activate;
pub mod completions;
mod deactivate;
mod delete;
mod describe;
mod edit;
mod generate;
mod identify;
mod issue;
mod list;
mod log;
mod presented;
mod regenerate;
mod rename;
mod selection;
mod session;
mod set;
mod show;
mod values;
mod verify;

use clap::Subcommand;

pub use session::Session;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::Format;

/// What postkey can be told to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a key and the one secret that opens it
    Generate(generate::Generate),
    /// Lists keys
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Shows all that is known of a key
    Show(show::Show),
    /// Stops keys until they are activated again
    Deactivate(deactivate::Deactivate),
    /// Resumes keys that were deactivated
    Activate(activate::Activate),
    /// Gives a key a new secret; the old one stops at once
    Regenerate(regenerate::Regenerate),
    /// Deletes keys for good
    Delete(delete::Delete),
    /// Gives a key another name
    Rename(rename::Rename),
    /// Says what a key is for
    Describe(describe::Describe),
    /// Changes a key's permission, limit or expiry
    Set(set::Set),
    /// Checks a secret that is read from standard input
    Verify(verify::Verify),
    /// Tells which key a secret belongs to, read from standard input
    Identify(identify::Identify),
    /// Tells who did what when
    Log(log::Log),
    /// Prints the script that completes command lines and key names
    Completions(completions::Completions),
}

impl Verb {
    /// The forms that the verb's results can take.
    fn formats(&self) -> &'static [Format] {
        const RESULT: &[Format] = &[Format::Text, Format::Json, Format::Jsonl, Format::Csv];
        const SECRET: &[Format] = &[
            Format::Text,
            Format::Json,
            Format::Jsonl,
            Format::Csv,
            Format::Env,
        ];
        match self {
            Self::Generate(_) | Self::Regenerate(_) => SECRET,
            Self::Completions(_) => &[Format::Text],
            _ => RESULT,
        }
    }
}

/// Runs a verb.
///
/// # Errors
/// Why it could not do what was asked.
pub fn run(verb: Verb, session: &mut Session) -> Result<ExitStatus, Error> {
    expect_format(verb.formats(), session.ui.format)?;
    match verb {
        Verb::Generate(args) => generate::run(args, session),
        Verb::List(args) => list::run(args, session),
        Verb::Show(args) => show::run(args, session),
        Verb::Deactivate(args) => deactivate::run(args, session),
        Verb::Activate(args) => activate::run(args, session),
        Verb::Regenerate(args) => regenerate::run(args, session),
        Verb::Delete(args) => delete::run(args, session),
        Verb::Rename(args) => rename::run(args, session),
        Verb::Describe(args) => describe::run(args, session),
        Verb::Set(args) => set::run(args, session),
        Verb::Verify(args) => verify::run(args, session),
        Verb::Identify(args) => identify::run(args, session),
        Verb::Log(args) => log::run(args, session),
        Verb::Completions(args) => completions::run(args, session),
    }
}

fn expect_format(formats: &[Format], format: Format) -> Result<(), Error> {
    if formats.contains(&format) {
        return Ok(());
    }
    let word = |format: &Format| values::word(*format);
    let words: Vec<String> = formats.iter().map(word).collect();
    Err(Error::usage(format!(
        "this command has no format `{}`",
        values::word(format)
    ))
    .hint(format!("it has {}", words.join(", "))))
}
