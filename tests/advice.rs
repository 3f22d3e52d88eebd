//! Suggested commands: each one works where it is suggested, and loses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use regex::Regex;
use rusqlite::Connection;

use crate::sandbox::{POSTKEY, Run, SECRET, Sandbox};
use crate::{clock, ledger};

/// A state in which advice is given.
struct State {
    /// A description for failures.
    name: &'static str,
    /// Shell commands that create the state; `postkey` is the binary.
    setup: &'static str,
    /// The command that gives advice, as shell words.
    asks: &'static str,
    /// The commands that it must suggest, as far as they are predictable.
    suggests: &'static [&'static str],
    /// What it must not suggest.
    never: &'static [&'static str],
}

/// What the advice says that it ends.
const ENDS: [(&str, &str); 7] = [
    ("rotate --abort", "to remove the "),
    ("rotate --abort", "ends the "),
    ("rotate --abort", "end it"),
    ("rotate --abort", "removes the new one"),
    ("rotate --finish", "the old one"),
    ("regenerate", "replaces this one at once"),
    ("deactivate", "end its use"),
];

const STATES: &[State] = &[
    State {
        name: "a key has just expired and was in use",
        setup: "postkey generate api prod --expires 90d >prod; postkey verify <prod; expire prod",
        asks: "check",
        suggests: &["postkey set prod --expires 90d"],
        never: &["delete"],
    },
    State {
        name: "a key has expired and nothing is known of its use",
        setup: "postkey generate api prod --expires 90d >prod; expire prod",
        asks: "check",
        suggests: &["postkey show prod"],
        never: &["delete"],
    },
    State {
        name: "a key expires, but not before the extension would end",
        setup: "postkey generate api prod --expires 150d >prod",
        asks: "check --expiring 200d",
        suggests: &["postkey show prod"],
        never: &["set prod --expires 90d", "delete"],
    },
    State {
        name: "a key expires soon",
        setup: "postkey generate api prod --expires 5d >prod",
        asks: "check",
        suggests: &["postkey set prod --expires 90d"],
        never: &["delete"],
    },
    State {
        name: "a rotation is open and due again",
        setup: "postkey generate api prod >prod; postkey rotate prod --grace 120d >new; age prod",
        asks: "check",
        suggests: &["postkey show prod"],
        never: &["postkey rotate prod", "delete"],
    },
    State {
        name: "a secret is too old",
        setup: "postkey generate api prod >prod; age prod",
        asks: "check",
        suggests: &["postkey rotate prod"],
        never: &["delete"],
    },
    State {
        name: "a calendar reminds of a rotation and an expiry",
        setup: "postkey generate api prod --expires 5d >prod",
        asks: "check --older-than 1d --format ics",
        suggests: &["postkey rotate prod", "postkey set prod --expires 90d"],
        never: &["delete"],
    },
    State {
        name: "a rotation is open",
        setup: "postkey generate api prod >prod; postkey rotate prod >new",
        asks: "rotate prod",
        suggests: &[
            "postkey show prod",
            "postkey rotate --abort prod",
            "postkey rotate --finish prod",
        ],
        never: &["regenerate"],
    },
    State {
        name: "a rotation was begun",
        setup: "postkey generate api prod >prod",
        asks: "rotate prod",
        suggests: &[
            "postkey show prod",
            "postkey rotate --abort prod",
            "postkey rotate --finish prod",
        ],
        never: &["regenerate"],
    },
    State {
        name: "there is no rotation to take back",
        setup: "postkey generate api prod >prod",
        asks: "rotate --abort prod",
        suggests: &["postkey rotate prod", "postkey regenerate prod"],
        never: &[],
    },
    State {
        name: "an expired key is rotated",
        setup: "postkey generate api prod --expires 90d >prod; expire prod",
        asks: "rotate prod",
        suggests: &["postkey set prod --expires 90d"],
        never: &["regenerate", "delete"],
    },
    State {
        name: "an expired key is activated",
        setup: "postkey generate api prod --expires 90d --inactive >prod; expire prod",
        asks: "activate prod",
        suggests: &["postkey set prod --expires 90d"],
        never: &["delete"],
    },
    State {
        name: "the destination of a key lost its secret",
        setup: "manifest app.env; postkey apply keys.toml; cp app.env known; rm app.env",
        asks: "apply keys.toml",
        suggests: &["postkey rotate app --save app.env --env-name APP_KEY"],
        never: &["regenerate", "--finish"],
    },
    State {
        name: "the destination of a key in rotation lost its secret",
        setup: "manifest app.env; postkey apply keys.toml; cp app.env known; \
                postkey rotate app --save app.env --env-name APP_KEY; rm app.env",
        asks: "apply keys.toml",
        suggests: &[
            "postkey rotate --abort app",
            "postkey rotate app --save app.env --env-name APP_KEY",
        ],
        never: &["regenerate", "--finish"],
    },
    State {
        name: "the destination has an odd name",
        setup: "manifest \"it's an app.env\"; postkey apply keys.toml; rm \"it's an app.env\"",
        asks: "apply keys.toml",
        suggests: &[r"postkey rotate app --save 'it'\''s an app.env' --env-name APP_KEY"],
        never: &["regenerate", "--finish"],
    },
    State {
        name: "the destination of a key in rotation has the old secret",
        setup: "manifest app.env; postkey apply keys.toml; postkey rotate app >new",
        asks: "apply keys.toml",
        suggests: &["postkey rotate --abort app"],
        never: &["regenerate", "--finish"],
    },
    State {
        name: "the destination of an expired key lost its secret",
        setup: "manifest app.env; postkey apply keys.toml; \
                postkey set app --expires 90d; expire app; rm app.env",
        asks: "apply keys.toml",
        suggests: &[
            "postkey set app --expires 90d",
            "postkey rotate app --save app.env --env-name APP_KEY",
        ],
        never: &["regenerate", "--finish", "delete"],
    },
    State {
        name: "a manifest's key is inactive",
        setup: "manifest app.env; postkey apply keys.toml; postkey deactivate app",
        asks: "apply keys.toml",
        suggests: &["postkey activate app"],
        never: &["delete"],
    },
    State {
        name: "a file that held a secret is missing",
        setup: "postkey generate api prod --save prod.key; cp prod.key known; rm prod.key",
        asks: "generate api prod --if-absent --save prod.key",
        suggests: &["postkey rotate prod --save prod.key"],
        never: &["regenerate"],
    },
    State {
        name: "a file that held a secret is missing during a rotation",
        setup: "postkey generate api prod --save prod.key; cp prod.key known; \
                postkey rotate prod --save prod.key; rm prod.key",
        asks: "generate api prod --if-absent --save prod.key",
        suggests: &[
            "postkey rotate --abort prod",
            "postkey rotate prod --save prod.key",
        ],
        never: &["regenerate", "--finish"],
    },
    State {
        name: "the passphrase of the default key is lost",
        setup: "echo correct horse battery staple >pass; echo wrong >wrong; \
                postkey generate smtp mail --default --passphrase-file pass >mail",
        asks: "reveal --passphrase-file wrong",
        suggests: &["postkey rotate mail"],
        never: &["regenerate"],
    },
    State {
        name: "there is no default key",
        setup: "postkey generate api prod >prod",
        asks: "reveal --passphrase-file pass",
        suggests: &[],
        never: &["regenerate"],
    },
    State {
        name: "a key is revoked",
        setup: "postkey generate api prod >prod",
        asks: "revoke prod",
        suggests: &["postkey revoke --replace prod", "postkey activate prod"],
        never: &["delete"],
    },
    State {
        name: "a name is not found",
        setup: "postkey generate api prod >prod",
        asks: "show other",
        suggests: &["postkey list"],
        never: &["delete"],
    },
    State {
        name: "the clock was ahead, and a key was seen to expire",
        setup: "postkey generate api prod --expires 30d >prod; ahead prod",
        asks: "doctor",
        suggests: &["postkey doctor --accept-clock --confirm prod"],
        never: &["delete", "restore"],
    },
    State {
        name: "the clock was ahead, and nothing ended by it",
        setup: "postkey generate api prod >prod; ahead prod",
        asks: "doctor",
        suggests: &["postkey doctor --accept-clock"],
        never: &["delete", "restore"],
    },
    State {
        name: "a clock ahead ended a key that was in use",
        setup: "postkey generate api prod --expires 30d >prod; postkey verify <prod; ahead prod",
        asks: "check",
        suggests: &["postkey doctor --accept-clock --confirm prod"],
        never: &["set prod", "delete"],
    },
    State {
        name: "a clock ahead ended a key that is activated",
        setup: "postkey generate api prod --expires 30d --inactive >prod; ahead prod",
        asks: "activate prod",
        suggests: &["postkey doctor --accept-clock --confirm prod"],
        never: &["set prod", "delete"],
    },
    State {
        name: "a clock ahead retired the old secret of a key that is rotated",
        setup: "postkey generate api prod >prod; postkey rotate prod >new; ahead prod",
        asks: "rotate prod",
        suggests: &["postkey doctor --accept-clock --confirm prod"],
        never: &["regenerate", "--finish"],
    },
    State {
        name: "a term was counted from a clock ahead",
        setup: "ahead-of generate api prod --expires 1h >prod",
        asks: "doctor",
        suggests: &["postkey set prod --expires 1h"],
        never: &["delete", "restore"],
    },
    State {
        name: "a grace period was counted from a clock ahead",
        setup: "postkey generate api prod >prod; ahead-of rotate prod --grace 1h >new",
        asks: "doctor",
        suggests: &[
            "postkey rotate --finish prod",
            "postkey rotate --abort prod",
        ],
        never: &["delete", "restore"],
    },
    State {
        name: "a clock is accepted after a term was counted from a clock ahead",
        setup: "ahead-of generate api prod --expires 1h >prod",
        asks: "doctor --accept-clock",
        suggests: &["postkey set prod --expires 1h"],
        never: &["delete", "restore"],
    },
    State {
        name: "others can write the settings",
        setup: "mkdir -p .config/postkey; touch .config/postkey/config.toml; \
                chmod 666 .config/postkey/config.toml",
        asks: "list",
        suggests: &["chmod go-w ~/.config/postkey/config.toml"],
        never: &[],
    },
    State {
        name: "others can write a folder on the way to the vault",
        setup: "postkey generate api prod >prod; chmod 777 .local/share",
        asks: "list",
        suggests: &["chmod go-w ~/.local/share"],
        never: &["delete"],
    },
    State {
        name: "others can read the vault",
        setup: "postkey generate api prod >prod; chmod 644 .local/share/postkey/vault.db",
        asks: "list",
        suggests: &["chmod 600 ~/.local/share/postkey/vault.db"],
        never: &["delete"],
    },
    State {
        name: "others can look into the vault's folder",
        setup: "postkey generate api prod >prod; chmod 755 .local/share/postkey",
        asks: "doctor",
        suggests: &["chmod 700 ~/.local/share/postkey"],
        never: &["delete"],
    },
    State {
        name: "others can read the file for a secret",
        setup: "touch \"it's a.key\"; chmod 644 \"it's a.key\"",
        asks: "generate api prod --save \"it's a.key\"",
        suggests: &[r"chmod o= 'it'\''s a.key'"],
        never: &[],
    },
    State {
        name: "others can read the passphrase's file",
        setup: "echo correct horse battery staple >'a pass'; chmod 644 'a pass'",
        asks: "generate smtp mail --default --passphrase-file 'a pass' --save mail.key",
        suggests: &["chmod 600 'a pass'"],
        never: &[],
    },
    State {
        name: "there is no folder for the secret",
        setup: "postkey generate api prod >prod",
        asks: "rotate prod --save 'no folder/yet/key'",
        suggests: &["mkdir -p -m 700 'no folder/yet'"],
        never: &["regenerate"],
    },
    State {
        name: "there is no vault",
        setup: "true",
        asks: "list",
        suggests: &["postkey generate api NAME", "postkey restore FILE"],
        never: &[],
    },
    State {
        name: "the secret of a decoy",
        setup: "postkey generate api prod --decoy >prod; postkey verify <prod || test $? = 1",
        asks: "check",
        suggests: &["postkey usage prod"],
        never: &["regenerate", "delete", "deactivate"],
    },
    State {
        name: "a decoy is to be rotated",
        setup: "postkey generate api prod --decoy >prod",
        asks: "rotate prod",
        suggests: &["postkey regenerate prod", "postkey delete prod"],
        never: &["revoke", "deactivate"],
    },
    State {
        name: "a rotation has no second secret to finish",
        setup: "postkey generate api prod >prod",
        asks: "rotate --finish prod",
        suggests: &[],
        never: &["regenerate"],
    },
];

/// Shell helpers of the set-ups, and postkey under its name.
const PRELUDE: &str = r#"
umask 077
postkey() { "$POSTKEY" "$@"; }
ahead-of() { LD_PRELOAD="$FAKETIME_LIBRARY" FAKETIME=+365d "$POSTKEY" "$@"; }
manifest() {
  printf '[[key]]\nname = "app"\nkind = "api"\nsave = { file = "%s", secret = "APP_KEY" }\n' "$1" >keys.toml
}
"#;

/// Makes a key's secrets a hundred days older.
const AGE: &str = "UPDATE secrets SET created_at = created_at - 100 * 86400
    WHERE key_id = (SELECT id FROM keys WHERE name = ?1)";

/// A state in a home of its own.
struct Brought {
    sandbox: Sandbox,
}

impl Brought {
    fn about(state: &State) -> Self {
        let brought = Self {
            sandbox: Sandbox::new(),
        };
        for step in state.setup.split(';').map(str::trim) {
            match step.split_once(' ') {
                Some(("expire", name)) => brought.expire(name),
                Some(("ahead", name)) => brought.change_ahead(name),
                Some(("age", name)) => brought.change(AGE, name),
                _ => drop(brought.shell(step).expect(0)),
            }
        }
        brought
    }

    /// Runs shell commands in the home.
    fn shell(&self, script: &str) -> Run {
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("{PRELUDE}{script}")])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.sandbox.home())
            .env("TZ", "UTC")
            .env("POSTKEY", POSTKEY)
            .env("FAKETIME_LIBRARY", &clock::preload()[0].1)
            .current_dir(self.sandbox.home())
            .stdin(std::process::Stdio::null());
        Run::of(command.output().unwrap())
    }

    /// Makes a key expire a second ago.
    fn expire(&self, name: &str) {
        let at = Timestamp::now().as_second() - 1;
        ledger::expire(&self.sandbox, name, at);
    }

    /// Changes a key with a clock that is a year ahead.
    fn change_ahead(&self, name: &str) {
        clock::at(&self.sandbox, "+365d", &["describe", name, "later"]).expect(0);
    }

    /// Edits a key in the database, and updates its log.
    fn change(&self, sql: &str, name: &str) {
        let vault = Connection::open(self.sandbox.vault()).unwrap();
        assert!(vault.execute(sql, [name]).unwrap() > 0);
        ledger::reseal(&vault);
    }

    /// The saved secrets in the home, and their verdicts.
    fn verdicts(&self) -> BTreeMap<String, String> {
        let pattern = Regex::new(SECRET).unwrap();
        let files = fs::read_dir(self.sandbox.home()).unwrap();
        let files = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.is_file());
        let mut verdicts = BTreeMap::new();
        for text in files.map(|path| fs::read_to_string(path).unwrap()) {
            for secret in pattern.find_iter(&text) {
                let args = ["verify", "--format", "json", "--no-record"];
                let run = self
                    .sandbox
                    .run_with_input(args, secret.as_str().as_bytes());
                // An untrusted vault gives none.
                let verdict = match run.status {
                    5 => "none".to_owned(),
                    _ => run.json()["verdict"].as_str().unwrap().to_owned(),
                };
                verdicts.insert(secret.as_str().to_owned(), verdict);
            }
        }
        verdicts
    }

    /// Restores the home from its copy.
    fn restore(&self, kept: &Path) {
        let home = self.sandbox.home();
        let script = "find . -mindepth 1 -delete && cp -a \"$0\"/. .";
        let run = Command::new("sh")
            .args(["-c", script])
            .arg(kept)
            .current_dir(home)
            .status();
        assert!(run.unwrap().success());
    }
}

/// The commands that a text suggests: in backquotes, in a COMMAND column, in a calendar.
fn commands(text: &str) -> Vec<String> {
    let unfolded = text.replace("\r\n ", "").replace("\r\n", "\n");
    let unfolded = unfolded.replace("\\n", "\n");
    let quoted = Regex::new(&format!("`((?:postkey|{TOOLS}) [^`]+)`")).unwrap();
    let column = Regex::new(r"(?m)(?:^|  )(postkey [a-z-][^`\n\r]*)$").unwrap();
    let found = quoted
        .captures_iter(&unfolded)
        .chain(column.captures_iter(&unfolded));
    let mut found: Vec<String> = found.map(|found| found[1].trim_end().to_owned()).collect();
    let mut seen = Vec::new();
    found.retain(|command| {
        let is_new = !seen.contains(command);
        seen.push(command.clone());
        is_new
    });
    found
}

/// Other programs that messages suggest.
const TOOLS: &str = "chmod|setfacl|mkdir";

/// Whether a word must be filled in first.
fn has_placeholder(command: &str) -> bool {
    command
        .split([' ', '='])
        .any(|word| word.len() > 1 && word.chars().all(|one| one.is_ascii_uppercase()))
}

#[test]
fn every_command_that_is_suggested_works_and_loses_nothing() {
    let mut faults = Vec::new();
    for state in STATES {
        let brought = Brought::about(state);
        let told = brought.shell(&format!("postkey {}", state.asks));
        let text = format!("{}\n{}", told.stdout, told.stderr);
        let suggested = commands(&text);
        let mut fault = |what: String| faults.push(format!("{}: {what}\n{text}", state.name));
        for expected in state.suggests {
            let home = brought.sandbox.home().canonicalize().unwrap();
            let expected = expected.replace('~', home.to_str().unwrap());
            if !suggested.contains(&expected) {
                fault(format!("`{expected}` is not suggested"));
            }
        }
        for never in state.never {
            if suggested.iter().any(|command| command.contains(never)) {
                fault(format!("`{never}` is suggested"));
            }
        }
        let kept = tempfile::tempdir().unwrap();
        let copy = format!("cp -a . '{}'", kept.path().display());
        brought.shell(&copy).expect(0);
        let before = brought.verdicts();
        // In sequence if one sentence suggests it, and otherwise each on its own.
        for command in suggested.iter().filter(|command| !has_placeholder(command)) {
            let is_second = text.contains(&format!("and then `{command}`"));
            if !is_second {
                brought.restore(kept.path());
            }
            let run = brought.shell(&command.replacen("postkey ", "postkey -y ", 1));
            // The finding is its answer.
            let is_answer = command == "postkey doctor" && run.status == 1;
            if run.status != 0 && !is_answer {
                fault(format!("`{command}` ends with {run:?}"));
            }
            if !command.starts_with("postkey ") {
                let again = brought.shell(&format!("postkey -y {}", state.asks));
                if format!("{}\n{}", again.stdout, again.stderr).contains(command) {
                    fault(format!("`{command}` does not help: {again:?}"));
                }
            }
            let says_end = ENDS
                .iter()
                .any(|(verb, words)| command.contains(verb) && text.contains(words));
            let after = brought.verdicts();
            let is_kept = |verdict: &str| ["accepted", "none"].contains(&verdict);
            for (secret, _) in before.iter().filter(|(_, verdict)| is_kept(verdict)) {
                let is_lost = after
                    .get(secret)
                    .is_none_or(|verdict| verdict != "accepted");
                if is_lost && !says_end && !is_second {
                    fault(format!(
                        "`{command}` loses …{}",
                        &secret[secret.len() - 4..]
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_suggested_command_names_the_vault_that_was_named() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.home().join("it's here")).unwrap();
    let vault = sandbox.home().join("it's here/v.db");
    let path = vault.to_str().unwrap();
    let run = |args: &[&str]| {
        let args = [args, &["--vault", path]].concat();
        Run::of(sandbox.command(args).output().unwrap())
    };
    run(&["generate", "api", "prod", "--expires", "5d"]).expect(0);
    let word = format!("'{}'", path.replace('\'', r"'\''"));
    let expected = format!("postkey --vault {word} ");
    for args in [
        &["check"][..],
        &["check", "--format", "json"],
        &["check", "--format", "ics", "--older-than", "1d"],
        &["rotate", "prod"],
        &["show", "nobody"],
        &["show", "nobody", "--format", "json"],
        &["revoke", "prod"],
        &["revoke", "prod", "--report", "report.md"],
    ] {
        let run = run(args);
        let report = fs::read_to_string(sandbox.home().join("report.md")).unwrap_or_default();
        let text = format!("{}{}{report}", run.stdout, run.stderr);
        let text = text.replace("\r\n ", "").replace(r"\\", r"\");
        assert!(text.contains(&expected), "{args:?}: {text}");
        for command in commands(&text) {
            assert!(
                command.starts_with(expected.trim_end()),
                "{args:?}: {command}"
            );
        }
    }
}

/// The suggestions in the source that a state above covers, or the reason why none can.
const COVERED: &[(&str, &str)] = &[
    ("chmod 600 {path}", ""),
    ("chmod 700 {path}", ""),
    ("chmod go-w {path}", ""),
    ("chmod o= {path}", ""),
    ("mkdir -p -m 700 {}", ""),
    ("setfacl -b {path}", "not every machine has it"),
    // Covered above as part of `check`'s column, where they have no backquotes.
    ("activate {name}", ""),
    (
        "rotate {name} {flags}",
        "its flags are run by `destinations::server`, where a manifest has a new mail server",
    ),
    (
        "deactivate {name}",
        "only where a manifest's date is over: nothing is lost, the secret stays",
    ),
    ("list", ""),
    ("list '{text}'", "reads"),
    ("list --unused SPAN", "reads"),
    ("set --clear-label NAME", "a label only"),
    ("set --clear-owner", "an owner only"),
    ("regenerate {name}", ""),
    ("revoke --replace {name}", ""),
    ("rotate --abort {name}", ""),
    ("rotate --finish {name}", ""),
    ("rotate {name}", ""),
    ("rotate {name}{flags}", ""),
    ("set {name} --expires {EXTENSION}", ""),
    ("show NAME", ""),
    ("show {name}", ""),
    ("usage {name}", ""),
    ("usage {0}", "reads"),
    ("check", "reads"),
    ("delete", "of a decoy, which is never valid"),
    ("delete {name}", ""),
    ("generate smtp NAME --decoy", "makes a new key"),
    // Placeholders, or read-only commands.
    ("--help", "reads"),
    ("--version --verbose", "reads"),
    ("help", "reads"),
    ("help GUIDE", "reads"),
    ("help http", "reads"),
    ("help mail", "reads"),
    ("help settings", "reads"),
    ("apply", "names what is at work"),
    ("backup", "names what wrote the file"),
    ("connect curl {name}{flag}", "prints"),
    ("connect dovecot", "prints"),
    ("connect postgres", "prints"),
    ("connect {server} --file {part}", "prints"),
    ("delete {name}", "a temporary key whose program has ended"),
    (
        "delete NAME",
        "a key that the log contradicts, whose secret nobody can vouch for",
    ),
    (
        "describe NAME --clear",
        "a description only, and only where one was to be cleared",
    ),
    ("doctor", "reads"),
    ("doctor --accept-clock", ""),
    ("doctor --accept-clock --confirm {name}", ""),
    ("doctor --accept-clock --confirm NAME", ""),
    ("set {name} --expires {span}", ""),
    (
        "deactivate",
        "for a key that somebody edited by hand, whose use is to end",
    ),
    ("export", "writes the exports that the settings name"),
    ("export dovecot", "in a file's first line"),
    ("export dovecot FILE", "a new file"),
    ("generate api NAME", "makes a new key"),
    (
        "generate {kind} {name}{description}",
        "makes a new key, which tests/prompts runs",
    ),
    ("generate smtp NAME", "makes a new key"),
    ("generate smtp NAME --default", "makes a new key"),
    ("help COMMAND", "reads"),
    ("help {name}", "reads"),
    ("identify", "reads"),
    ("import dovecot - <users", "an example"),
    ("log", "reads"),
    ("log verify", "reads"),
    ("log verify --save-head FILE", "a new file"),
    (
        "regenerate",
        "for whoever wants no grace period, and says what it stops",
    ),
    ("regenerate NAME", "only where nobody can use the secret"),
    (
        "restore FILE",
        "only where there is no vault, or a damaged one",
    ),
    ("reveal", "reads"),
    ("revoke --replace NAME", "the secret is dead already"),
    ("revoke --report FILE NAME", "the secret is dead already"),
    ("revoke --report FILE {name}", "the secret is dead already"),
    ("revoke NAME", "for whoever wants to revoke"),
    ("revoke {name}", "for whoever wants to revoke"),
    ("rotate NAME", "the old secret keeps working"),
    (
        "rotate --due",
        "ends only what is unused; tests/rotate/due.rs runs it in each state",
    ),
    ("rotate --abort {all}", "the rotations that were just begun"),
    (
        "rotate --finish {all}",
        "the rotations that were just begun",
    ),
    ("serve", "names what may be running"),
    ("set NAME --permission …", "a permission only"),
    (
        "set {name} --permission {first}",
        "a permission only, which tests/explain.rs runs",
    ),
    ("set {name} --sender any", "senders only"),
    ("set", "names what changes a key"),
    ("show", "reads"),
    ("verify", "reads"),
];

#[test]
fn every_suggestion_in_the_source_is_known_here() {
    let found = suggestions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let known: BTreeSet<String> = COVERED.iter().map(|(text, _)| (*text).to_owned()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(
        new.is_empty(),
        "add a state that runs it, and then the text, to this file: {new:#?}"
    );
    let old: Vec<_> = known.difference(&found).collect();
    assert!(
        old.is_empty(),
        "nothing suggests these any longer: {old:#?}"
    );
}

/// Text in backquotes after `postkey` in the code, without its tests.
fn suggestions(folder: &Path) -> BTreeSet<String> {
    let quoted = Regex::new("`postkey ([^`\"]+)`").unwrap();
    let quoted_tool = Regex::new(&format!("`((?:{TOOLS}) [^`\"]+)`")).unwrap();
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(suggestions(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let code = lines.collect::<Vec<_>>().join("\n");
            let code = continued.replace_all(&code, "");
            let all = quoted
                .captures_iter(&code)
                .chain(quoted_tool.captures_iter(&code));
            found.extend(all.map(|found| found[1].to_owned()));
        }
    }
    found
}
