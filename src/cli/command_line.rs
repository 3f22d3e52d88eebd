//! The command line: global flags and verbs.

use std::env;
use std::path::{Path, PathBuf};

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser};

use crate::arguments::paths;
use crate::command::Verb;
use crate::context::vaults;
use crate::settings::{Color, Overrides, Wait};
use crate::ui::{self, Format};

pub(super) const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
A full secret is printed once, when it is created: alone on standard output, so that
KEY=$(postkey generate api ci) works. --save FILE writes it to a file instead.
Everything else goes to standard error. See `postkey help COMMAND`.";

/// Issue, check and revoke the keys that programs use to send mail and call an API
#[derive(Debug, Parser)]
#[command(name = "postkey", version, styles = STYLES, after_help = AFTER_HELP)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
    /// With --version: also print what a bug report needs
    #[arg(long)]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) globals: Globals,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(super) struct Globals {
    /// Vault file, a database's address, or a vault's name in the settings
    ///
    /// What begins with postgres:// is a database: `postgres://USER@HOST/DATABASE`. What else has a `/` in it, or ends in .db, is a file. By default, `vault` in the settings, or vault.db in the user's data folder
    /// (~/.local/share/postkey).
    #[arg(
        long,
        global = true,
        env = "POSTKEY_VAULT",
        hide_env_values = true,
        value_name = "VAULT"
    )]
    #[arg(value_parser = paths(), add = vaults())]
    vault: Option<PathBuf>,
    /// Settings file
    ///
    /// By default, config.toml in the user's configuration folder (~/.config/postkey), if it
    /// exists.
    #[arg(
        long,
        global = true,
        env = "POSTKEY_CONFIG",
        hide_env_values = true,
        value_name = "PATH"
    )]
    #[arg(value_parser = paths())]
    config: Option<PathBuf>,
    /// Output format: text for people, the others for programs (env only where a secret is
    /// created, ics and prometheus only for check)
    #[arg(
        long,
        global = true,
        value_enum,
        ignore_case = true,
        default_value_t,
        hide_default_value = true
    )]
    format: Format,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// Print only results and errors
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Answer yes to confirmations
    #[arg(short, long, global = true)]
    pub(super) yes: bool,
    /// Never prompt, not even on a terminal
    #[arg(long, global = true)]
    pub(super) no_input: bool,
    /// How long to wait for a locked vault (5s by default, at most a day)
    #[arg(
        long,
        global = true,
        env = "POSTKEY_WAIT",
        hide_env_values = true,
        value_name = "SPAN"
    )]
    wait: Option<Wait>,
    /// Print times in UTC instead of the local time zone
    #[arg(long, global = true, action = ArgAction::SetTrue)]
    utc: bool,
    /// When to use color
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub(super) color: Option<Color>,
}

impl Globals {
    pub(super) fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => self.format,
        }
    }

    /// The flags that name the vault and the settings; child processes inherit the environment
    /// variables anyway.
    pub(super) fn of_flags(&self) -> String {
        let given = |path: &Option<PathBuf>, variable| {
            let is_given = env::var_os(variable).as_deref() != path.as_deref().map(Path::as_os_str);
            path.clone().filter(|_| is_given)
        };
        let vault = given(&self.vault, "POSTKEY_VAULT");
        let config = given(&self.config, "POSTKEY_CONFIG");
        ui::globals(vault.as_deref(), config.as_deref())
    }

    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            vault: self.vault.clone(),
            config: self.config.clone(),
            wait: self.wait,
            utc: self.utc,
            color: self.color,
            ..Overrides::default()
        }
    }
}
