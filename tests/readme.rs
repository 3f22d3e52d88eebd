//! The README's sessions, executed: each section's in one shell and one empty home.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::mail::{Debian, Machine, on_each_debian, only_as_root};
use crate::sandbox::{POSTKEY, Run, Sandbox};

/// The sections whose sessions start mail servers, among them Exim, and those that start gateways.
const WITH_MAIL_SERVERS: [&str; 2] = ["Guard a mail server", "Servers that cannot read SQLite"];
const WITH_EXIM: [&str; 1] = ["Mail servers without Dovecot"];
const WITH_GATEWAYS: [&str; 1] = ["Guard an HTTP API"];

/// What stands between the outputs of two commands.
const MARK: &str = "@@@@";

/// What differs from run to run, and what it is compared as.
const VARYING: [(&str, &str); 14] = [
    (r"(?m)^(X-RateLimit-Reset): \d{10}", "$1: SECOND"),
    (crate::sandbox::SECRET, "SECRET"),
    (r#""tail":"\w{16}""#, "TAIL"),
    (r",\w{16},(active|inactive)", ",TAIL,$1"),
    (r"…\w{4}\b", "…TAIL"),
    (
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)",
        "TIME",
    ),
    (r"(since|expires) \d{4}-\d\d-\d\d", "$1 DAY"),
    (
        r"(?m)\bnow([),]|$)|\d+ seconds? ago[),]?|\bnow\b {2,}",
        "AGO ",
    ),
    (r"head [0-9a-f]{64}", "head HASH"),
    (r"\bnow by ", "AGO by "),
    (r"([` ])/[\w./-]*/([\w.-]+)`", "$1$2`"),
    (r"before-restore-\d{8}T\d{6}Z", "before-restore-TIME"),
    (r"[\w.-]+@[\w.-]+", "WHO"),
    // `service` says this where there is no systemd, as on the machine of the test.
    (r"(?m)^((Restarting|Stopping|Starting) .*)?\.\n", ""),
];

struct Session {
    section: String,
    /// The blocks that are files, by name.
    files: Vec<(String, String)>,
    steps: Vec<Step>,
}

struct Step {
    command: String,
    output: String,
}

impl Session {
    fn has_servers(&self) -> bool {
        let section = &&*self.section;
        let mut all = [&WITH_MAIL_SERVERS[..], &WITH_EXIM, &WITH_GATEWAYS].into_iter();
        all.any(|sections| sections.contains(section))
    }
}

#[test]
fn every_session_of_the_readme_goes_as_it_is_shown() {
    let sessions = sessions(&readme());
    assert!(
        sessions
            .iter()
            .map(|session| session.steps.len())
            .sum::<usize>()
            > 25
    );
    std::thread::scope(|scope| {
        for session in sessions.iter().filter(|session| !session.has_servers()) {
            scope.spawn(move || {
                let sandbox = Sandbox::new();
                for (name, text) in &session.files {
                    fs::write(sandbox.home().join(name), text).unwrap();
                }
                compare(session, &in_bash(&sandbox, &script(session)).stdout);
            });
        }
    });
}

#[test]
fn the_sessions_with_mail_servers_go_as_they_are_shown() {
    on_each_debian(|debian| go_as_shown(&WITH_MAIL_SERVERS, debian));
}

#[test]
fn the_session_with_exim_goes_as_it_is_shown() {
    only_as_root!();
    go_as_shown(&WITH_EXIM, Debian::TrixieWithExim);
}

#[test]
fn the_session_with_a_gateway_goes_as_it_is_shown() {
    on_each_debian(|debian| go_as_shown(&WITH_GATEWAYS, debian));
}

/// Compares the sessions of these sections on machines of their own, all at once.
fn go_as_shown(sections: &[&str], debian: Debian) {
    let sessions = sessions(&readme());
    let sessions = sessions
        .iter()
        .filter(|session| sections.contains(&&*session.section));
    let sessions: Vec<_> = sessions.collect();
    assert_eq!(sessions.len(), sections.len());
    std::thread::scope(|scope| {
        for session in sessions {
            scope.spawn(move || {
                assert!(session.steps.len() > 10);
                let machine = Machine::boot(debian);
                compare(session, &machine.shell(&script(session)).stdout);
            });
        }
    });
}

#[test]
fn the_test_command_installs_the_servers_that_the_readme_installs() {
    let text = readme();
    let lines = text.lines().filter(|line| line.starts_with("apt install "));
    let mut packages = lines.clone().flat_map(|line| line.split(' ').skip(2));
    let installed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run"));
    let installed = installed.unwrap();
    assert!(["postfix", "nginx"].map(|name| packages.any(|package| package == name)) == [true; 2]);
    // Exim cannot be installed beside Postfix.
    let in_needs = lines.clone().filter(|line| !line.contains(" exim4"));
    for package in in_needs.flat_map(|line| line.split(' ').skip(2)) {
        let need = Regex::new(&format!(r"(?m)^  '\S+ (\S+ )*{package}( \S+)*'$")).unwrap();
        assert!(need.is_match(&installed), "{package}");
    }
    // Debian 13 has all of them.
    for package in lines.flat_map(|line| line.split(' ').skip(2)) {
        let need = Regex::new(&format!(r"(?m)^  local wanted=(\S+,)?{package}(,|$)")).unwrap();
        assert!(need.is_match(&installed), "{package}");
    }
}

#[test]
fn the_readmes_first_command_is_the_one_that_the_test_command_runs() {
    let first = readme()
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(first, "cargo run --release -- generate api my-first-key");
}

#[test]
fn the_settings_of_the_readme_are_good() {
    let text = readme();
    let sandbox = Sandbox::new();
    // The last is the whole of them; the others are parts.
    for settings in text.split("```toml\n").skip(1) {
        sandbox.settings(settings.split("```").next().unwrap());
        sandbox.run(["list"]).expect(5);
    }
    let vault = sandbox.vault();
    let run = sandbox.run(["--vault", vault.to_str().unwrap(), "generate", "api", "ci"]);
    run.expect(0);
    assert_eq!(
        sandbox
            .run([
                "show",
                "ci",
                "--vault",
                vault.to_str().unwrap(),
                "--format",
                "json"
            ])
            .json()["limit"],
        "100000/day"
    );
}

#[test]
fn the_readmes_exit_statuses_are_the_programs() {
    let text = readme();
    for status in postkey::exit::ExitStatus::ALL {
        let row = format!(
            "| {} | {} | {} |",
            status.number(),
            status.name(),
            status.meaning()
        );
        assert!(text.contains(&row), "{row}");
    }
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The console sessions, by the section that they stand in.
fn sessions(text: &str) -> Vec<Session> {
    let mut sessions = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap().to_owned();
        let blocks = section.split("```console\n").skip(1);
        let steps: Vec<Step> = blocks
            .flat_map(|block| steps(block.split("```").next().unwrap()))
            .collect();
        if !steps.is_empty() {
            sessions.push(Session {
                section: title,
                files: files(section),
                steps,
            });
        }
    }
    sessions
}

/// The blocks that say behind their language which file they are.
fn files(section: &str) -> Vec<(String, String)> {
    let block = Regex::new("(?ms)^```[a-z]+ ([a-z.]+)\n(.*?)^```$").unwrap();
    let files = block.captures_iter(section);
    files
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect()
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step {
                command: command.to_owned(),
                output: String::new(),
            }),
            None => writeln!(steps.last_mut().unwrap().output, "{line}").unwrap(),
        }
    }
    steps
}

/// All commands of a session, for one shell.
fn script(session: &Session) -> String {
    let mut script = String::from("exec 2>&1\n");
    for step in &session.steps {
        writeln!(script, "{}\necho {MARK}", step.command).unwrap();
    }
    script
}

fn in_bash(sandbox: &Sandbox, script: &str) -> Run {
    let folder = Path::new(POSTKEY).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script])
        .env_clear()
        .env("PATH", path)
        .env("HOME", sandbox.home())
        .env("TZ", "UTC");
    Run::of(bash.current_dir(sandbox.home()).output().unwrap())
}

/// Compares what each command printed with what the session shows.
fn compare(session: &Session, printed: &str) {
    let mark = format!("{MARK}\n");
    let outputs: Vec<&str> = printed.split(&mark).collect();
    assert_eq!(outputs.len(), session.steps.len() + 1, "{printed}");
    for (step, output) in session.steps.iter().zip(outputs) {
        assert_eq!(
            compared(output),
            compared(&step.output),
            "{}: $ {}",
            session.section,
            step.command
        );
    }
}

/// The output as it is compared: what varies is named, and columns may be wider.
fn compared(output: &str) -> String {
    let named = VARYING
        .iter()
        .fold(output.to_owned(), |text, (pattern, name)| {
            Regex::new(pattern)
                .unwrap()
                .replace_all(&text, *name)
                .into_owned()
        });
    let lines = named
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}
