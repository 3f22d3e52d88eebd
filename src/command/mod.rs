//! The verbs: a file each, with its arguments, whose doc comments are the help, and its run.

mod activate;
mod apply;
mod backup;
mod bounds;
mod check;
pub mod completions;
mod connect;
mod deactivate;
mod decoy;
mod delete;
mod describe;
mod doctor;
mod edit;
mod explain;
mod export;
mod exports;
mod generate;
mod handed;
mod head;
mod identify;
mod import;
mod incident;
mod issue;
mod list;
mod log;
mod names;
mod passphrase;
mod pasted;
mod presented;
mod receiver;
mod regenerate;
mod rename;
mod restore;
mod reveal;
mod revoke;
mod rotate;
mod selection;
mod serve;
mod session;
mod set;
mod show;
mod usage;
mod uses;
mod values;
mod verify;

use clap::Subcommand;

pub use session::Session;
pub use values::paths;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process;
use crate::ui::Format;

/// What postkey can be told to do; each verb's arguments have its help as their documentation.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a comment here would take the place of the verb's own help"
)]
pub enum Verb {
    Generate(generate::Generate),
    #[command(visible_alias = "ls")]
    List(list::List),
    Show(show::Show),
    Deactivate(deactivate::Deactivate),
    Activate(activate::Activate),
    Regenerate(regenerate::Regenerate),
    Rotate(rotate::Rotate),
    Reveal(reveal::Reveal),
    Delete(delete::Delete),
    Rename(rename::Rename),
    Describe(describe::Describe),
    Set(set::Set),
    Verify(verify::Verify),
    Identify(identify::Identify),
    Explain(explain::Explain),
    Revoke(revoke::Revoke),
    Usage(usage::Usage),
    Check(check::Check),
    Serve(serve::Serve),
    Log(log::Log),
    Apply(apply::Apply),
    Import(import::Import),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Export(export::Export),
    Doctor(doctor::Doctor),
    Connect(connect::Connect),
    Completions(completions::Completions),
}

impl Verb {
    /// Whether it is for when a secret leaks, and so goes on with settings that are not valid.
    pub fn is_for_emergencies(&self) -> bool {
        matches!(
            self,
            Self::Deactivate(_)
                | Self::Revoke(_)
                | Self::List(_)
                | Self::Show(_)
                | Self::Identify(_)
                | Self::Log(_)
        )
    }

    /// Whether it goes on by a clock that is surely wrong: where that is found, where nothing that
    /// stays depends on it, and where waiting for a right one does harm.
    fn goes_on_by_any_clock(&self) -> bool {
        self.is_for_emergencies()
            || matches!(
                self,
                Self::Delete(_)
                    | Self::Doctor(_)
                    | Self::Serve(_)
                    | Self::Connect(_)
                    | Self::Completions(_)
            )
    }

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
        const CALENDAR: &[Format] = &[
            Format::Text,
            Format::Json,
            Format::Jsonl,
            Format::Csv,
            Format::Ics,
        ];
        match self {
            Self::Generate(_) | Self::Regenerate(_) | Self::Reveal(_) | Self::Revoke(_) => SECRET,
            Self::Rotate(rotate) if rotate.makes_a_secret() => SECRET,
            Self::Check(_) => CALENDAR,
            Self::Completions(_) | Self::Connect(_) | Self::Serve(_) => &[Format::Text],
            _ => RESULT,
        }
    }
}

impl Verb {
    /// Whether the verb has something to write to standard output, secrets aside, and is no
    /// emergency: then it is not begun where that is closed.
    fn has_result(&self, format: Format) -> bool {
        match self {
            Self::Deactivate(_) | Self::Revoke(_) | Self::Serve(_) => false,
            Self::Generate(_) | Self::Regenerate(_) | Self::Reveal(_) => false,
            Self::Rotate(rotate) if rotate.makes_a_secret() => false,
            Self::Activate(_) | Self::Delete(_) | Self::Rotate(_) => format.is_for_machines(),
            Self::Rename(_) | Self::Describe(_) | Self::Set(_) => format.is_for_machines(),
            Self::Export(export) if export.is_to_files() => format.is_for_machines(),
            _ => true,
        }
    }
}

/// Runs a verb.
///
/// # Errors
/// Why it could not do what was asked.
pub fn run(verb: Verb, session: &mut Session) -> Result<ExitStatus, Error> {
    expect_format(verb.formats(), session.ui.format)?;
    expect_clock(&verb, session)?;
    if verb.has_result(session.ui.format) {
        session.ui.expect_output()?;
    }
    let outcome = dispatch(verb, session).map_err(|error| {
        let error = session.with_suggestion(session.diagnosed(error));
        session.after_change(error)
    });
    exports::renew_after(outcome, session)
}

fn dispatch(verb: Verb, session: &mut Session) -> Result<ExitStatus, Error> {
    match verb {
        Verb::Generate(args) => generate::run(args, session),
        Verb::List(args) => list::run(args, session),
        Verb::Show(args) => show::run(args, session),
        Verb::Deactivate(args) => deactivate::run(args, session),
        Verb::Activate(args) => activate::run(args, session),
        Verb::Regenerate(args) => regenerate::run(args, session),
        Verb::Reveal(args) => reveal::run(args, session),
        Verb::Rotate(args) => rotate::run(args, session),
        Verb::Delete(args) => delete::run(args, session),
        Verb::Rename(args) => rename::run(args, session),
        Verb::Describe(args) => describe::run(args, session),
        Verb::Set(args) => set::run(args, session),
        Verb::Verify(args) => verify::run(args, session),
        Verb::Identify(args) => identify::run(args, session),
        Verb::Explain(args) => explain::run(args, session),
        Verb::Revoke(args) => revoke::run(args, session),
        Verb::Serve(args) => serve::run(args, session),
        Verb::Usage(args) => usage::run(args, session),
        Verb::Check(args) => check::run(args, session),
        Verb::Log(args) => log::run(args, session),
        Verb::Apply(args) => apply::run(args, session),
        Verb::Import(args) => import::run(args, session),
        Verb::Backup(args) => backup::run(args, session),
        Verb::Restore(args) => restore::run(args, session),
        Verb::Export(args) => export::run(args, session),
        Verb::Doctor(args) => doctor::run(args, session),
        Verb::Connect(args) => connect::run(args, session),
        Verb::Completions(args) => completions::run(args, session),
    }
}

/// Makes sure that the clock says a time that can be; what goes on all the same is told so.
fn expect_clock(verb: &Verb, session: &Session) -> Result<(), Error> {
    let Err(wrong) = process::clock() else {
        return Ok(());
    };
    if !verb.goes_on_by_any_clock() {
        return Err(wrong.into());
    }
    if !matches!(verb, Verb::Doctor(_)) {
        let nearest = session.look().moment(wrong.nearest());
        session
            .ui
            .warn(format!("{wrong}; going on as if it were {nearest}"));
    }
    Ok(())
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
    .with_hint(format!("it has {}", words.join(", "))))
}
