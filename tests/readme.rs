//! The sessions in the README and the guides, executed: each section in one shell and an empty
//! home.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag};
use regex::Regex;
use strum::VariantArray;

use crate::mail::{Debian, Machine, on_each_debian, only_as_root};
use crate::sandbox::{POSTKEY, Run, Sandbox};

/// The guides, in reading order.
pub const GUIDES: [&str; 11] = [
    "tutorial",
    "mail",
    "http",
    "fleet",
    "rotation",
    "incident",
    "ci",
    "bootstrap",
    "care",
    "security",
    "config",
];

/// The sections whose sessions start servers: Dovecot and Postfix, Exim, and nginx.
const WITH_MAIL_SERVERS: [&str; 3] = [
    "Dovecot and Postfix",
    "Check every mail with Postfix",
    "Servers that cannot read SQLite",
];
const WITH_EXIM: [&str; 1] = ["Exim, PAM and maddy without Dovecot"];
const WITH_GATEWAYS: [&str; 1] = ["Set it up with nginx"];

/// Separates the outputs of two commands.
const MARK: &str = "@@@@";

/// Values that vary between runs, and their replacements.
const VARYING: [(&str, &str); 16] = [
    (r"(?m)^(X-RateLimit-Reset): \d{10}", "$1: SECOND"),
    (crate::sandbox::SECRET, "SECRET"),
    (r#""tail":"\w{16}""#, "TAIL"),
    (r",\w{16},(active|inactive)", ",TAIL,$1"),
    (r"…\w{4}\b", "…TAIL"),
    (
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?",
        "TIME",
    ),
    (r"(since|expires) \d{4}-\d\d-\d\d", "$1 DAY"),
    (
        r"(?m)\b(?:just )?now([),]|$)|\d+ seconds? ago[),]?|\b(?:just )?now\b {2,}",
        "AGO ",
    ),
    (r"head [0-9a-f]{64}", "head HASH"),
    (r"`(\w+)-[0-9a-f]{8}`", "`$1-NUMBER`"),
    (r"\b(?:just )?now (by|from) ", "AGO $1 "),
    (r"([` ])/[\w./-]*/([\w.-]+)`", "$1$2`"),
    (r"`(file|env):/[\w./-]*/([\w.#-]+)`", "`$1:$2`"),
    (r"before-restore-\d{8}T\d{6}Z", "before-restore-TIME"),
    (r"[\w.-]+@[\w.-]+", "WHO"),
    // Printed by `service` without systemd, as on the test's machine.
    (
        r"(?m)^((Restarting|Reloading|Stopping|Starting) .*)?\.\n",
        "",
    ),
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

macro_rules! sessions {
    ($($name:ident: $file:literal,)*) => {
        const EXECUTED: &[&str] = &[$($file),*];

        $(#[test]
        fn $name() {
            go_as_shown($file);
        })*
    };
}

// One test per file, so that they run in parallel.
sessions! {
    the_readme_goes_as_shown: "README.md",
    the_tutorial_goes_as_shown: "man/guide/tutorial.md",
    the_mail_guide_goes_as_shown: "man/guide/mail.md",
    the_http_guide_goes_as_shown: "man/guide/http.md",
    the_rotation_guide_goes_as_shown: "man/guide/rotation.md",
    the_incident_guide_goes_as_shown: "man/guide/incident.md",
    the_ci_guide_goes_as_shown: "man/guide/ci.md",
    the_bootstrap_guide_goes_as_shown: "man/guide/bootstrap.md",
    the_care_guide_goes_as_shown: "man/guide/care.md",
    the_security_guide_goes_as_shown: "man/guide/security.md",
}

#[test]
fn the_mail_guide_goes_as_shown_with_dovecot_and_postfix() {
    on_each_debian(|debian| go_as_shown_on_machines("mail", &WITH_MAIL_SERVERS, debian));
}

#[test]
fn the_mail_guide_goes_as_shown_with_exim() {
    only_as_root!();
    go_as_shown_on_machines("mail", &WITH_EXIM, Debian::TrixieWithExim);
}

#[test]
fn the_http_guide_goes_as_shown_with_nginx() {
    on_each_debian(|debian| go_as_shown_on_machines("http", &WITH_GATEWAYS, debian));
}

#[test]
fn every_file_with_a_session_is_executed() {
    for file in documents() {
        let has_session = !sessions(&read(&file)).is_empty();
        let is_executed = EXECUTED.contains(&&*file) || file == crate::fleet::GUIDE;
        assert_eq!(has_session, is_executed, "{file}");
    }
}

/// Compares the sessions of a file that need no servers.
#[track_caller]
fn go_as_shown(file: &str) {
    let sessions = sessions(&read(file));
    let steps = sessions.iter().map(|session| session.steps.len());
    assert!(steps.sum::<usize>() > 4);
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

/// Compares the sessions of these sections on separate machines in parallel.
fn go_as_shown_on_machines(name: &str, sections: &[&str], debian: Debian) {
    let sessions = sessions(&guide(name));
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
fn the_test_command_installs_the_servers_that_the_guides_install() {
    let text = guide("mail") + &guide("http");
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
    let first = read("README.md")
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
fn the_settings_in_the_guides_are_valid() {
    let sandbox = Sandbox::new();
    let run = |settings: &str| {
        sandbox.settings(settings);
        sandbox.run(["list"])
    };
    let guides = GUIDES.map(guide).concat();
    let parts: Vec<_> = blocks(&guides, "```toml\n").collect();
    assert!(parts.len() > 1);
    for settings in parts {
        run(settings).expect(5);
    }
    assert!(run("unknown = 1\n").expect(5).stderr.contains("unknown"));
    let all = guide("config");
    run(blocks(&all, "```toml\n").next().unwrap());
    let vault = sandbox.vault();
    let vault = vault.to_str().unwrap();
    let key = sandbox.run([
        "--vault", vault, "--format", "json", "generate", "api", "ci",
    ]);
    assert_eq!(key.expect(0).json()["limit"], "100000/day");
}

#[test]
fn the_exit_statuses_in_the_guide_are_the_programs() {
    let text = guide("config");
    for status in postkey::exit::ExitStatus::VARIANTS {
        let row = format!(
            "| {} | {} | {} |",
            status.number(),
            <&str>::from(status),
            status.meaning()
        );
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn the_readme_is_short() {
    let text = read("README.md");
    assert!(text.lines().count() <= 150, "{}", text.lines().count());
    assert!(text.len() <= 9 * 1024, "{}", text.len());
}

#[test]
fn every_guide_is_listed_and_in_the_readme() {
    let mut names: Vec<_> = files_below("man/guide").collect();
    names.sort();
    let mut expected = GUIDES.map(|name| format!("man/guide/{name}.md"));
    expected.sort();
    assert_eq!(names, expected);
    let readme = read("README.md");
    for file in expected {
        assert!(readme.contains(&format!("({file})")), "{file}");
    }
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut seen = 0;
    for file in documents() {
        let text = read(&file);
        for link in links(&text).filter(|link| !link.contains("://")) {
            let folder = root().join(&file);
            let target = folder.parent().unwrap().join(&*link);
            assert!(target.is_file(), "{file}: {link}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// A guide is referred to by the name of its man page only.
#[test]
fn every_link_between_guides_names_the_man_page_that_it_leads_to() {
    let link = Regex::new(r"\[postkey-(\w+)\((\d)\)\]\((\w+)\.md\)").unwrap();
    for name in GUIDES {
        let text = guide(name);
        for found in link.captures_iter(&text) {
            assert_eq!(found[1], found[3], "{name}");
            assert_eq!(&found[2], if &found[1] == "config" { "5" } else { "7" });
        }
        let relative = links(&text).filter(|link| !link.contains("://"));
        assert_eq!(link.find_iter(&text).count(), relative.count(), "{name}");
    }
}

/// Installed copies of postkey do not have the README.
#[test]
fn installed_files_do_not_mention_the_readme() {
    let source = crate::house::sources().into_iter();
    let source = source.map(|(path, _)| format!("src/{}", path.display()));
    let manual = files_below("man").chain(files_below("man/guide"));
    for file in manual.chain(source) {
        let text = read(&file).to_lowercase();
        assert!(!text.contains("readme"), "{file}");
    }
}

#[test]
fn help_lists_the_guides_and_prints_them() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(["help"]).expect(0).stdout;
    for name in GUIDES {
        // The command of that name has its own help.
        let topic = if name == "config" { "settings" } else { name };
        let text = guide(name);
        assert_eq!(sandbox.run(["help", topic]).expect(0).stdout, text);
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        let is_listed = |line: &str| {
            let words = line.trim_start().split_once(' ');
            words.is_some_and(|(name, rest)| name == topic && rest.trim() == title)
        };
        assert!(list.lines().any(is_listed), "{name}");
    }
    assert!(sandbox.run(["mail"]).expect(2).stdout.is_empty());
    let wrong = sandbox.run(["help", "rotatoin"]).expect(2);
    assert!(
        wrong.stderr.contains("`postkey help rotation`"),
        "{wrong:?}"
    );
}

#[test]
fn on_a_terminal_a_guide_is_read_in_the_pager() {
    let sandbox = Sandbox::new();
    let script = "PAGER='sed s/^/paged:/' script -qec 'postkey help mail' /dev/null </dev/null";
    let paged = in_bash(&sandbox, script).stdout;
    assert!(paged.starts_with("paged:# "), "{paged}");
    let plain = in_bash(&sandbox, "export PAGER=false; postkey help mail").stdout;
    assert_eq!(plain, guide("mail"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

pub fn guide(name: &str) -> String {
    read(&format!("man/guide/{name}.md"))
}

/// Texts for people, by path.
fn documents() -> Vec<String> {
    let documents = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ];
    let documents = documents.map(String::from).into_iter();
    documents.chain(files_below("man/guide")).collect()
}

/// The files of a folder, by their paths below the root.
pub fn files_below(folder: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| {
        path.strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    })
}

fn links(text: &str) -> impl Iterator<Item = pulldown_cmark::CowStr<'_>> {
    Parser::new(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url),
        _ => None,
    })
}

/// The code blocks that begin with this line.
fn blocks<'a>(text: &'a str, fence: &'a str) -> impl Iterator<Item = &'a str> {
    let after = text.split(fence).skip(1);
    after.map(|block| block.split("```").next().unwrap())
}

/// The console sessions, by section.
fn sessions(text: &str) -> Vec<Session> {
    let mut sessions = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap().to_owned();
        let steps: Vec<Step> = blocks(section, "```console\n").flat_map(steps).collect();
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

/// The blocks with a file name after their language.
fn files(section: &str) -> Vec<(String, String)> {
    let block = Regex::new("(?ms)^```[a-z]+ ([a-z.]+)\n(.*?)^```$").unwrap();
    let files = block.captures_iter(section);
    files
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect()
}

/// The host of a prompt, if there are several, and the command behind it.
pub fn prompt(line: &str) -> Option<(&str, &str)> {
    let (host, command) = line.split_once("$ ")?;
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then_some((host, command))
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match prompt(line) {
            Some((_, command)) => steps.push(Step {
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

/// Compares each command's output with the session.
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

/// The normalized output: varying values are replaced, and columns may be wider.
pub fn compared(output: &str) -> String {
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
