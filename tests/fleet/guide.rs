//! The guide, executed: each section on hosts of its own.

use super::hosts::Hosts;
use super::shell::Shell;
use crate::mail::{Debian, only_as_root};
use crate::readme::{self, compared};

#[test]
fn mail_servers_ask_home_as_shown() {
    go_as_shown("Postfix asks the home host", "mx1");
}

#[test]
fn gateways_ask_home_as_shown() {
    go_as_shown("Gateways ask the home host", "gw1");
}

#[test]
fn an_export_is_pulled_as_shown() {
    go_as_shown("A mail server with a copy", "mx2");
}

/// What a section has, in its order.
enum Part {
    File {
        host: String,
        path: String,
        text: String,
    },
    Step {
        host: String,
        command: String,
        output: String,
    },
}

fn go_as_shown(section: &str, other: &str) {
    only_as_root!();
    let hosts = Hosts::boot(Debian::Trixie, other, Debian::Trixie);
    hosts.administer();
    run("Prepare the hosts", &hosts);
    run(section, &hosts);
}

/// Runs a section, each command in the shell of its host.
pub fn run(section: &str, hosts: &Hosts) {
    let parts = parts(&text_of(section));
    assert!(parts.len() > 3);
    let mut shells = hosts
        .names()
        .map(|name| (name, Shell::start(hosts.named(name))));
    for part in parts {
        match part {
            Part::File { host, path, text } => hosts.write(&host, &path, &text),
            Part::Step {
                host,
                command,
                output,
            } => {
                let shell = shells.iter_mut().find(|(name, _)| *name == host);
                let printed = shell.unwrap().1.run(&command);
                assert_eq!(compared(&printed), compared(&output), "{host}$ {command}");
            }
        }
    }
}

/// The commands that a section shows, whatever their host, with their output.
pub fn session(section: &str) -> Vec<(String, String)> {
    let parts = parts(&text_of(section)).into_iter();
    let steps = parts.filter_map(|part| match part {
        Part::Step {
            command, output, ..
        } => Some((command, output)),
        Part::File { .. } => None,
    });
    steps.collect()
}

/// Writes the files that a section shows.
pub fn write_files(section: &str, hosts: &Hosts) {
    for part in parts(&text_of(section)) {
        if let Part::File { host, path, text } = part {
            hosts.write(&host, &path, &text);
        }
    }
}

/// The text below a heading.
fn text_of(section: &str) -> String {
    let guide = readme::guide("fleet");
    let after = guide.split_once(&format!("\n## {section}\n"));
    let after = after.unwrap_or_else(|| panic!("{section}")).1;
    after.split("\n## ").next().unwrap().to_owned()
}

/// The sessions, and the files that are named behind a block's language.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for block in text.split("\n```").skip(1).step_by(2) {
        let (fence, text) = block.split_once('\n').unwrap();
        if fence == "console" {
            parts.extend(steps(text));
        } else if let Some((host, path)) =
            fence.split_once(' ').and_then(|(_, at)| at.split_once(':'))
        {
            parts.push(Part::File {
                host: host.to_owned(),
                path: path.to_owned(),
                text: format!("{text}\n"),
            });
        }
    }
    parts
}

fn steps(text: &str) -> Vec<Part> {
    let mut steps = Vec::new();
    for line in text.lines() {
        if let Some((host, command)) = readme::prompt(line) {
            steps.push(Part::Step {
                host: host.to_owned(),
                command: command.to_owned(),
                output: String::new(),
            });
        } else if let Some(Part::Step { output, .. }) = steps.last_mut() {
            output.push_str(line);
            output.push('\n');
        }
    }
    steps
}
