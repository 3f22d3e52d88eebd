//! Generated files: man pages and completion scripts, from the definition of the command line, and
//! man pages of the guides. `UPDATE=1 cargo test generated` rewrites them.

mod guide;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use postkey::cli;
use postkey::command::completions::{Shell, script};
use postkey::exit::ExitStatus;
use strum::VariantArray;

use crate::parallel;
use crate::readme::{self, GUIDES};

/// The commands that each guide shows.
const GUIDES_TO: [(&str, &[&str]); 10] = [
    (
        "tutorial",
        &[
            "generate",
            "list",
            "show",
            "set",
            "deactivate",
            "activate",
            "regenerate",
            "delete",
            "verify",
            "identify",
            "usage",
            "log",
            "reveal",
        ],
    ),
    ("mail", &["connect", "import", "export", "serve"]),
    ("http", &["connect", "serve", "verify"]),
    ("fleet", &["connect", "serve", "export"]),
    ("rotation", &["rotate", "regenerate"]),
    ("incident", &["revoke", "identify", "connect"]),
    ("ci", &["generate", "regenerate", "rotate", "revoke", "run"]),
    ("bootstrap", &["apply", "generate"]),
    ("config", &["config"]),
    ("care", &["check", "backup", "restore", "doctor", "explain"]),
];

#[test]
fn the_man_pages_are_current() {
    let mut pages = BTreeMap::new();
    let mut definition = cli::definition().disable_help_subcommand(true);
    definition.build();
    pages.insert("postkey.1".to_owned(), page(definition.clone(), true));
    for verb in definition
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        for command in [verb].into_iter().chain(verb.get_subcommands()) {
            let name = command.get_display_name().unwrap();
            pages.insert(format!("{name}.1"), page(command.clone(), false));
        }
    }
    for name in GUIDES {
        let page = guide::page(name, section(name), &readme::guide(name), &others(name));
        pages.insert(format!("postkey-{name}.{}", section(name)), page);
    }
    compare("man", &pages);
}

#[test]
fn the_man_pages_are_rendered_without_a_warning() {
    let pages = readme::files_below("man");
    let pages: Vec<_> = pages.collect();
    assert!(pages.len() > 30);
    parallel::on_each(pages, |page| {
        let mut man = Command::new("man");
        let man = man.args(["--warnings=w", "-l", "-Tutf8"]).arg(&page);
        let output = man.env("MANWIDTH", "80").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && errors.is_empty(),
            "{page}: {errors}"
        );
        assert!(!output.stdout.is_empty());
    });
}

#[test]
fn each_guide_shows_the_commands_whose_pages_name_it() {
    let definition = cli::definition();
    for (guide, verbs) in GUIDES_TO {
        for verb in verbs {
            assert!(definition.find_subcommand(verb).is_some(), "{verb}");
            let text = readme::guide(guide);
            let shown = [format!("postkey {verb}"), format!("`{verb}")];
            let is_shown = shown.iter().any(|words| text.contains(words));
            assert!(is_shown, "{guide}: {verb}");
        }
    }
}

#[test]
fn the_completion_scripts_are_current() {
    let name = |shell| match shell {
        Shell::Bash => "postkey.bash",
        Shell::Zsh => "_postkey",
        Shell::Fish => "postkey.fish",
    };
    let scripts = Shell::value_variants()
        .iter()
        .map(|&shell| (name(shell).to_owned(), script(shell)));
    compare("completions", &scripts.collect());
}

/// A man page; only the first has the exit statuses, and the others refer to it.
fn page(command: clap::Command, is_first: bool) -> String {
    let name = command.get_display_name().unwrap_or("postkey").to_owned();
    let has_commands = command.has_subcommands();
    // A date in the header would make the page outdated every day.
    let man = Man::new(command)
        .date("")
        .source(concat!("postkey ", env!("CARGO_PKG_VERSION")));
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    man.render_synopsis_section(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    if has_commands {
        man.render_subcommands_section(&mut out).unwrap();
    }
    man.render_extra_section(&mut out).unwrap();
    let mut roff = Roff::new();
    if is_first {
        files(&mut roff);
    }
    roff.control("SH", ["EXIT STATUS"]);
    if is_first {
        exit_statuses(&mut roff);
    } else {
        roff.text([roman("See "), bold("postkey"), roman("(1).")]);
    }
    roff.control("SH", ["SEE ALSO"]);
    let pages: Vec<_> = match is_first {
        true => guides().collect(),
        false => std::iter::once("postkey(1)".to_owned())
            .chain(guides_to(&name))
            .collect(),
    };
    roff.text(guide::references(&pages));
    roff.to_writer(&mut out).unwrap();
    let page = String::from_utf8(out).unwrap();
    // clap_mangen's name for the section of text after the help.
    if is_first {
        page.replace(".SH EXTRA", ".SH NOTES")
    } else {
        page.replace(".SH EXTRA\nFindings:", ".SH FINDINGS")
            .replace(".SH EXTRA\nExamples:", ".SH EXAMPLES")
            .replace("\nExamples:\n", "\n.SH EXAMPLES\n")
            .replace(".SH EXTRA\n", "")
    }
}

/// The section of a guide's man page.
fn section(name: &str) -> &'static str {
    if name == "config" { "5" } else { "7" }
}

/// References to the guides.
fn guides() -> impl Iterator<Item = String> {
    let guides = GUIDES.into_iter();
    guides.map(|name| format!("postkey-{name}({})", section(name)))
}

/// The guides that show how to use a command, named like its man page.
fn guides_to(page: &str) -> impl Iterator<Item = String> {
    let verb = page.split('-').nth(1).unwrap_or_default();
    let about = GUIDES_TO.iter().filter(|(_, verbs)| verbs.contains(&verb));
    let names: Vec<_> = about
        .map(|(guide, _)| format!("postkey-{guide}("))
        .collect();
    guides().filter(move |guide| names.iter().any(|name| guide.starts_with(name)))
}

/// A guide's references at its end.
fn others(name: &str) -> Vec<String> {
    let itself = format!("postkey-{name}(");
    let others = guides().filter(|guide| !guide.starts_with(&itself));
    std::iter::once("postkey(1)".to_owned())
        .chain(others)
        .collect()
}

fn files(roff: &mut Roff) {
    roff.control("SH", ["FILES"]);
    for (path, what) in [
        (
            "~/.local/share/postkey/vault.db",
            "The vault: keys, hashes, the log. Made by the first generate, 0600 in a folder of 0700.",
        ),
        (
            "~/.config/postkey/config.toml",
            "The settings, if there are any: see postkey-config(5).",
        ),
    ] {
        roff.control("TP", []);
        roff.text([bold(path)]);
        roff.text([roman(what)]);
    }
}

fn exit_statuses(roff: &mut Roff) {
    for status in ExitStatus::VARIANTS {
        roff.control("TP", []);
        roff.text([bold(format!(
            "{} {}",
            status.number(),
            <&str>::from(status)
        ))]);
        roff.text([roman(status.meaning())]);
    }
    roff.control("PP", []);
    roff.text([roman(
        "For several names each is tried, each failure is reported, and the highest status is the exit status.",
    )]);
}

/// The files of a folder and its subfolders.
fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file())
}

/// Compares a whole folder, to find orphans, too.
fn compare(folder: &str, expected: &BTreeMap<String, String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for entry in files_in(&folder) {
            fs::remove_file(entry).unwrap();
        }
        for (name, text) in expected {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let found: BTreeMap<String, String> = files_in(&folder)
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&found),
        names(expected),
        "UPDATE=1 cargo test generated"
    );
    for (name, text) in expected {
        assert!(
            found[name] == *text,
            "{name} is stale: UPDATE=1 cargo test generated"
        );
    }
}
