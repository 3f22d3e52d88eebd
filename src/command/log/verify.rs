//! `postkey log verify`: detects changes of the audit log.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::arguments;
use crate::context::{Context, saved_head};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole};
use crate::ui::ChainView;
use crate::vault::{Chain, SavedHead};

/// Verify the audit log: exit 1 if it was changed
///
/// Each entry is chained to the one before it by a hash. That detects damage and careless edits;
/// whoever can write the vault's file can also write a new chain. A head that is saved elsewhere,
/// the newest entry's number and hash, detects that too, and a vault that was replaced by an older
/// copy.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey log verify
  postkey log verify --save-head /mnt/elsewhere/postkey.head
  postkey log verify --head /mnt/elsewhere/postkey.head")]
pub struct VerifyLog {
    /// Also verify that the log continues the head that was saved in a file
    #[arg(long, value_name = "FILE", value_parser = arguments::paths())]
    pub(super) head: Option<PathBuf>,
    /// Save the newest entry's number and hash in a file, if the log is valid and continues the
    /// head in that file and the one given with --head; `-` is standard output, and the verdict
    /// then goes to standard error
    #[arg(long, value_name = "FILE", value_parser = arguments::paths_or_dash())]
    pub(super) save_head: Option<PathBuf>,
}

pub(super) fn run(args: &VerifyLog, context: &Context) -> Result<ExitStatus, Error> {
    let vault = context.open()?;
    args.expect_one_result(context)?;
    let replaced = args.replaced_head()?;
    let before = args.head.as_deref().into_iter().chain(replaced);
    let saved: Vec<SavedHead> = before.map(saved_head::read).collect::<Result<_, _>>()?;
    let chain = vault.verify_log_from(&saved)?;
    let view = ChainView::new(&chain);
    match args.is_head_printed() {
        true => context.ui.note(view.line()),
        false => context.ui.result(&view, &view.line())?,
    }
    if chain.broken.is_some() {
        return Ok(ExitStatus::No);
    }
    args.save(&chain, context)?;
    Ok(ExitStatus::Done)
}

impl VerifyLog {
    /// Whether the head goes to standard output.
    fn is_head_printed(&self) -> bool {
        self.save_head.as_deref().is_some_and(arguments::is_dash)
    }

    /// Makes sure that standard output gets only one thing.
    fn expect_one_result(&self, context: &Context) -> Result<(), Error> {
        match self.is_head_printed() && context.ui.format.is_for_machines() {
            true => Err(Error::usage(format!(
                "--save-head - and --format {} both write to standard output",
                arguments::word(context.ui.format)
            ))
            .with_hint("leave one of them out, or name a file for the head")),
            false => Ok(()),
        }
    }

    /// The saved head that will be replaced: the log must continue it, or a rewritten log would
    /// pass.
    ///
    /// # Errors
    /// If nothing may be written there; the file is not opened then.
    fn replaced_head(&self) -> Result<Option<&Path>, Error> {
        let file = self.save_head.as_deref();
        let Some(file) = file.filter(|file| !arguments::is_dash(file)) else {
            return Ok(None);
        };
        files::expect_writable(file, FileRole::LogHead)?;
        let is_file = fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
        Ok(is_file.then_some(file))
    }

    fn save(&self, chain: &Chain, context: &Context) -> Result<(), Error> {
        let Some(path) = &self.save_head else {
            return Ok(());
        };
        let newest = chain.newest().ok_or_else(|| {
            Error::new(ExitStatus::Trouble, "the log is empty: no head to save")
                .with_hint("`postkey generate api NAME` creates the first entry")
        })?;
        if arguments::is_dash(path) {
            return context.ui.print(&newest.to_string());
        }
        saved_head::save(&newest, path)?;
        let path = path.display();
        context.ui.note(format!("saved the head in `{path}`"));
        Ok(())
    }
}
