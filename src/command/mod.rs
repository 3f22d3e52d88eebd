//! The commands: each has a file with its arguments, whose doc comments are the help, and its
//! `run`.

mod activate;
mod apply;
mod backup;
mod check;
pub mod completions;
mod config;
mod connect;
mod deactivate;
mod decoy;
mod delete;
mod describe;
mod doctor;
mod explain;
mod export;
mod generate;
mod identify;
mod import;
mod list;
mod log;
mod narrowing;
mod regenerate;
mod rename;
mod restore;
mod reveal;
mod revoke;
mod rotate;
mod run;
mod serve;
mod set;
mod show;
mod usage;
mod verify;

use clap::Subcommand;

use crate::arguments;
use crate::context::{Context, exports};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process;
use crate::ui::Format;

/// The commands; the documentation of each command's arguments is its help.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a comment here would take the place of the verb's own help"
)]
pub enum Verb {
    #[command(aliases = ["create", "new", "add"])]
    Generate(generate::Generate),
    #[command(visible_alias = "ls")]
    List(list::List),
    #[command(aliases = ["get", "info"])]
    Show(show::Show),
    #[command(aliases = ["disable"])]
    Deactivate(deactivate::Deactivate),
    #[command(aliases = ["enable"])]
    Activate(activate::Activate),
    Regenerate(regenerate::Regenerate),
    #[command(aliases = ["roll"])]
    Rotate(rotate::Rotate),
    Reveal(reveal::Reveal),
    #[command(aliases = ["rm", "remove"])]
    Delete(delete::Delete),
    #[command(hide = true)]
    Rename(rename::Rename),
    #[command(hide = true)]
    Describe(describe::Describe),
    Set(set::Set),
    Verify(verify::Verify),
    Identify(identify::Identify),
    Explain(explain::Explain),
    Revoke(revoke::Revoke),
    Usage(usage::Usage),
    Check(check::Check),
    Serve(serve::Serve),
    #[command(aliases = ["audit", "history"])]
    Log(log::Log),
    Apply(apply::Apply),
    Run(run::Run),
    Import(import::Import),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Export(export::Export),
    Doctor(doctor::Doctor),
    Connect(connect::Connect),
    Config(config::Config),
    Completions(completions::Completions),
}

impl Verb {
    /// Whether the command is for emergencies such as a leaked secret, and so tolerates invalid
    /// settings.
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

    /// Whether the command runs even if the clock is certainly wrong: it finds that out, nothing
    /// permanent depends on it, or waiting would do harm.
    fn ignores_clock(&self) -> bool {
        self.is_for_emergencies()
            || matches!(
                self,
                Self::Delete(_)
                    | Self::Doctor(_)
                    | Self::Serve(_)
                    | Self::Connect(_)
                    | Self::Config(_)
                    | Self::Completions(_)
            )
    }

    /// The formats of the command's results.
    fn formats(&self) -> &'static [Format] {
        const RESULT: &[Format] = &[Format::Text, Format::Json, Format::Jsonl, Format::Csv];
        const SECRET: &[Format] = &[
            Format::Text,
            Format::Json,
            Format::Jsonl,
            Format::Csv,
            Format::Env,
        ];
        const USAGE: &[Format] = &[
            Format::Text,
            Format::Json,
            Format::Jsonl,
            Format::Csv,
            Format::Markdown,
        ];
        const CHECK: &[Format] = &[
            Format::Text,
            Format::Json,
            Format::Jsonl,
            Format::Csv,
            Format::Ics,
            Format::Prometheus,
        ];
        match self {
            Self::Generate(_) | Self::Regenerate(_) | Self::Reveal(_) | Self::Revoke(_) => SECRET,
            Self::Rotate(rotate) if rotate.makes_a_secret() => SECRET,
            Self::Check(check) if check.has_command() => RESULT,
            Self::Check(_) => CHECK,
            Self::Usage(_) => USAGE,
            Self::Completions(_) | Self::Connect(_) | Self::Run(_) | Self::Serve(_) => {
                &[Format::Text]
            }
            _ => RESULT,
        }
    }
}

impl Verb {
    /// Whether the command writes results, other than secrets, and is not for emergencies: it does
    /// not start if standard output is closed.
    fn has_result(&self, format: Format) -> bool {
        match self {
            Self::Deactivate(_) | Self::Revoke(_) | Self::Run(_) | Self::Serve(_) => false,
            Self::Generate(_) | Self::Regenerate(_) | Self::Reveal(_) => false,
            Self::Rotate(rotate) if rotate.makes_a_secret() => false,
            Self::Activate(_) | Self::Delete(_) | Self::Rotate(_) => format.is_for_machines(),
            Self::Rename(_) | Self::Describe(_) | Self::Set(_) => format.is_for_machines(),
            Self::Check(check) if check.has_command() => false,
            Self::Export(export) if export.is_to_files() => format.is_for_machines(),
            _ => true,
        }
    }
}

/// Runs a command.
pub fn run(verb: Verb, context: &mut Context) -> Result<ExitStatus, Error> {
    expect_format(verb.formats(), context.ui.format)?;
    expect_clock(&verb, context)?;
    if verb.has_result(context.ui.format) {
        context.ui.expect_output()?;
    }
    let outcome = dispatch(verb, context).map_err(|error| {
        let error = context.with_suggestion(context.diagnosed(error));
        context.after_change(error)
    });
    exports::finish_with_exports(outcome, context)
}

fn dispatch(verb: Verb, context: &mut Context) -> Result<ExitStatus, Error> {
    match verb {
        Verb::Generate(args) => generate::run(args, context),
        Verb::List(args) => list::run(args, context),
        Verb::Show(args) => show::run(args, context),
        Verb::Deactivate(args) => deactivate::run(args, context),
        Verb::Activate(args) => activate::run(args, context),
        Verb::Regenerate(args) => regenerate::run(args, context),
        Verb::Reveal(args) => reveal::run(args, context),
        Verb::Rotate(args) => rotate::run(args, context),
        Verb::Delete(args) => delete::run(args, context),
        Verb::Rename(args) => rename::run(args, context),
        Verb::Describe(args) => describe::run(args, context),
        Verb::Set(args) => set::run(args, context),
        Verb::Verify(args) => verify::run(args, context),
        Verb::Identify(args) => identify::run(args, context),
        Verb::Explain(args) => explain::run(args, context),
        Verb::Revoke(args) => revoke::run(args, context),
        Verb::Serve(args) => serve::run(args, context),
        Verb::Usage(args) => usage::run(args, context),
        Verb::Check(args) => check::run(args, context),
        Verb::Log(args) => log::run(args, context),
        Verb::Apply(args) => apply::run(args, context),
        Verb::Run(args) => run::run(args, context),
        Verb::Import(args) => import::run(args, context),
        Verb::Backup(args) => backup::run(args, context),
        Verb::Restore(args) => restore::run(args, context),
        Verb::Export(args) => export::run(args, context),
        Verb::Doctor(args) => doctor::run(args, context),
        Verb::Connect(args) => connect::run(args, context),
        Verb::Config(args) => config::run(args, context),
        Verb::Completions(args) => completions::run(args, context),
    }
}

/// Makes sure that the clock shows a possible time; commands that run anyway are warned.
fn expect_clock(verb: &Verb, context: &Context) -> Result<(), Error> {
    let Err(wrong) = process::clock() else {
        return Ok(());
    };
    if !verb.ignores_clock() {
        return Err(wrong.into());
    }
    if !matches!(verb, Verb::Doctor(_)) {
        let nearest = context.display().moment_with_zone(wrong.nearest());
        context.ui.warn(format!("{wrong}; assuming {nearest}"));
    }
    Ok(())
}

fn expect_format(formats: &[Format], format: Format) -> Result<(), Error> {
    if formats.contains(&format) {
        return Ok(());
    }
    let word = |format: &Format| arguments::word(*format);
    let words: Vec<String> = formats.iter().map(word).collect();
    Err(Error::usage(format!(
        "format `{}` is not supported by this command",
        arguments::word(format)
    ))
    .with_hint(format!("allowed: {}", words.join(", "))))
}
