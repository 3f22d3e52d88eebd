//! `postkey rotate --due`: rotations that go on by themselves, run by run, with other clocks.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::clock::fake;
use crate::prompts::terminal::until;
use crate::sandbox::{Run, SECRET, Sandbox};

const DUE: &[&str] = &["rotate", "--due"];

/// A key in a file, whose use has been recorded; it is due after 90 days.
struct Rotated {
    sandbox: Sandbox,
    old: String,
}

/// Runs postkey so much later.
fn at(sandbox: &Sandbox, offset: &str, args: &[&str]) -> Run {
    with_input(sandbox, offset, args, "")
}

fn with_input(sandbox: &Sandbox, offset: &str, args: &[&str], input: &str) -> Run {
    sandbox.write("input", input);
    let mut command = sandbox.command(args.iter().copied());
    let path = format!("{}/bin:/usr/bin:/bin", sandbox.home().display());
    command.env("PATH", path);
    command.stdin(fs::File::open(sandbox.home().join("input")).unwrap());
    fake(&mut command, offset);
    Run::of(command.output().unwrap())
}

impl Rotated {
    fn new(policy: &[&str]) -> Self {
        Self::to("file:key", policy)
    }

    fn to(destination: &str, policy: &[&str]) -> Self {
        let sandbox = Sandbox::with_tools();
        sandbox
            .with_path(&["generate", "api", "web", "--to", destination])
            .expect(0);
        let set = [&["set", "web", "--rotate-every", "90d"], policy].concat();
        sandbox.with_path(&set).expect(0);
        let old = secret_at(&sandbox, destination);
        let rotated = Self { sandbox, old };
        rotated.use_secret("+90d", &rotated.old);
        rotated
    }

    /// Uses a secret so much later; it must be valid.
    #[track_caller]
    fn use_secret(&self, offset: &str, secret: &str) {
        with_input(&self.sandbox, offset, &["verify"], secret).expect(0);
    }

    fn key(&self) -> String {
        self.sandbox.read("key").trim().to_owned()
    }

    /// A run so much later, whose one row has this state and reason.
    #[track_caller]
    fn due(&self, offset: &str, state: &str, reason: &str) -> Value {
        let args = [DUE, &["--format", "json"]].concat();
        let run = at(&self.sandbox, offset, &args);
        let rows = run.json();
        assert_eq!(rows.as_array().unwrap().len(), 1, "{run:?}");
        let row = rows[0].clone();
        assert_eq!(row["state"], state, "{run:?}");
        assert_eq!(
            row["reason"].as_str().unwrap_or_default(),
            reason,
            "{run:?}"
        );
        let is_notable = matches!(state, "held" | "not-possible" | "aborted");
        let status = match state {
            "failed" => run.status,
            _ => i32::from(is_notable),
        };
        assert_eq!(run.status, status, "{run:?}");
        row
    }

    /// The findings of `check` about rotations so much later.
    fn findings(&self, offset: &str) -> Vec<String> {
        let run = at(&self.sandbox, offset, &["check", "--format", "json"]);
        let found = run.json();
        let words = found.as_array().unwrap().iter();
        let words = words.map(|found| found["finding"].as_str().unwrap().to_owned());
        words
            .filter(|word| word.contains("rotation") || word.starts_with("new-secret"))
            .collect()
    }

    fn rows(&self) -> i64 {
        let vault = Connection::open(self.sandbox.vault()).unwrap();
        vault
            .query_row("SELECT count(*) FROM rotations", [], |row| row.get(0))
            .unwrap()
    }

    fn expect_sound(&self) {
        self.sandbox.run(["log", "verify"]).expect(0);
        let doctor = at(&self.sandbox, "+90d", &["doctor"]);
        assert!(!doctor.stdout.contains("does not match"), "{doctor:?}");
    }
}

fn secret_at(sandbox: &Sandbox, destination: &str) -> String {
    let text = match destination {
        "file:key" => sandbox.read("key"),
        "env:.env#KEY" => sandbox.read(".env").trim().replace("KEY=", ""),
        _ => {
            let secret = regex::Regex::new(SECRET).unwrap();
            secret.find(&sandbox.kept()).unwrap().as_str().to_owned()
        }
    };
    text.trim().to_owned()
}

#[test]
fn a_rotation_finishes_once_only_the_new_secret_is_used() {
    for destination in ["file:key", "env:.env#KEY", "vault:secret/app#key"] {
        let rotated = Rotated::to(destination, &["--after", "touch reloaded"]);
        let sandbox = &rotated.sandbox;
        let none = at(sandbox, "+89d", DUE).expect(0);
        assert_eq!(none.stdout, "");
        assert_eq!(none.stderr, "no rotation is due: 1 key checked\n");
        rotated.due("+90d", "waiting", "");
        let new = secret_at(sandbox, destination);
        assert_ne!(new, rotated.old);
        assert!(sandbox.home().join("reloaded").exists());
        rotated.use_secret("+2161h", &rotated.old);
        rotated.use_secret("+2162h", &new);
        // Something else still used the old one.
        rotated.use_secret("+2163h", &rotated.old);
        let row = rotated.due("+2163h", "waiting", "");
        assert!(row["step"].is_null(), "{row}");
        rotated.due("+2165h", "finished", "");
        assert_eq!(secret_at(sandbox, destination), new);
        rotated.use_secret("+2165h", &new);
        with_input(sandbox, "+2165h", &["verify"], &rotated.old).expect(1);
        assert_eq!(rotated.rows(), 0);
        rotated.expect_sound();
    }
}

#[test]
fn a_secret_that_is_never_used_is_taken_back_everywhere() {
    for destination in ["file:key", "env:.env#KEY", "vault:secret/app#key"] {
        let rotated = Rotated::to(destination, &["--after", "sh -c 'echo x >>reloads'"]);
        let sandbox = &rotated.sandbox;
        rotated.due("+90d", "waiting", "");
        let new = secret_at(sandbox, destination);
        rotated.use_secret("+2180h", &rotated.old);
        // The destination has the old one again, and the new one works a while longer.
        let row = rotated.due("+2184h", "waiting", "");
        assert_eq!(row["step"], "run-after");
        assert_eq!(secret_at(sandbox, destination), rotated.old);
        with_input(sandbox, "+2184h", &["verify", "--no-record"], &new).expect(0);
        let finish = ["rotate", "--finish", "--yes", "web"];
        let refused = at(sandbox, "+2184h", &finish).expect(1);
        assert!(refused.stderr.contains("is being aborted"), "{refused:?}");
        let row = rotated.due("+2185h", "aborted", "new-secret-unused");
        assert_eq!(row["step"], "remove");
        with_input(sandbox, "+2185h", &["verify"], &new).expect(1);
        rotated.use_secret("+2185h", &rotated.old);
        assert_eq!(sandbox.read("reloads"), "x\nx\n");
        // The next attempt waits as long.
        rotated.due("+2190h", "held", "new-secret-unused");
        assert_eq!(
            rotated.findings("+2190h"),
            ["rotation-held", "rotation-due"]
        );
        rotated.due("+2210h", "waiting", "");
        assert_ne!(secret_at(sandbox, destination), rotated.old);
        rotated.expect_sound();
    }
}

#[test]
fn an_old_secret_that_is_still_used_holds_the_rotation_until_it_is_not() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    rotated.use_secret("+2165h", &rotated.key());
    with_input(
        &rotated.sandbox,
        "+131030m",
        &["verify", "--ip", "203.0.113.9"],
        &rotated.old,
    )
    .expect(0);
    let row = rotated.due("+91d", "held", "old-secret-used");
    assert_eq!(row["address"], "203.0.113.9", "{row}");
    assert_eq!(rotated.findings("+91d"), ["rotation-held"]);
    let shown = at(&rotated.sandbox, "+91d", &["show", "web"])
        .expect(0)
        .stdout;
    assert!(shown.contains("held since"), "{shown}");
    assert!(shown.contains("203.0.113.9"), "{shown}");
    assert!(
        shown.contains("works until the rotation is finished"),
        "{shown}"
    );
    // The old one works long after the grace period.
    rotated.use_secret("+99d", &rotated.old);
    rotated.due("+99d", "held", "old-secret-used");
    rotated.due("+100d", "finished", "");
    assert_eq!(rotated.findings("+100d"), [""; 0]);
    rotated.expect_sound();
}

#[test]
fn without_a_usage_record_nothing_is_finished_or_aborted() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    rotated.use_secret("+2162h", &rotated.key());
    for name in ["usage.db", "usage.db-wal", "usage.db-shm"] {
        let _ = fs::remove_file(rotated.sandbox.vault().with_file_name(name));
    }
    rotated.due("+91d", "held", "usage-unknown");
    fs::write(rotated.sandbox.usage(), "no database").unwrap();
    let run = at(&rotated.sandbox, "+92d", DUE).expect(1);
    assert!(run.stderr.contains("usage is not shown"), "{run:?}");
    fs::remove_file(rotated.sandbox.usage()).unwrap();
    // It begins again too late for this rotation.
    rotated.use_secret("+93d", &rotated.key());
    rotated.due("+94d", "held", "usage-unknown");
    let finish = ["rotate", "--finish", "--yes", "web"];
    at(&rotated.sandbox, "+94d", &finish).expect(0);
    assert_eq!(rotated.rows(), 0);
    rotated.expect_sound();
}

#[test]
fn a_key_that_was_never_used_is_not_judged_by_its_use() {
    let rotated = Rotated::new(&[]);
    let usage = Connection::open(rotated.sandbox.usage()).unwrap();
    usage.execute_batch("DELETE FROM secrets").unwrap();
    drop(usage);
    rotated.due("+90d", "waiting", "");
    rotated.due("+91d", "held", "usage-unknown");
}

#[test]
fn an_after_command_that_fails_holds_the_rotation_and_runs_again() {
    let rotated = Rotated::new(&["--after", "sh reload"]);
    let sandbox = &rotated.sandbox;
    sandbox.write("reload", "#!/bin/sh\ncat \"$HOME/key\"\nexit 3\n");
    let run = at(sandbox, "+90d", DUE).expect(1);
    assert!(
        run.stderr.contains("`sh reload` exited with status 3"),
        "{run:?}"
    );
    assert!(!run.stderr.contains(&rotated.key()), "{run:?}");
    assert!(!run.stdout.contains(&rotated.key()), "{run:?}");
    let shown = at(sandbox, "+90d", &["show", "web"]).expect(0).stdout;
    assert!(shown.contains("the `after` command failed"), "{shown}");
    assert!(!shown.contains(&rotated.key()), "{shown}");
    assert_eq!(rotated.findings("+90d"), ["rotation-held"]);
    rotated.due("+2161h", "failed", "after-failed");
    // It has neither secret, and nothing on its standard input.
    sandbox.write(
        "reload",
        "#!/bin/sh\nenv >env; cat >stdin; echo \"$@\" >args\n",
    );
    rotated.due("+2162h", "waiting", "");
    let environment = sandbox.read("env");
    assert!(environment.contains("POSTKEY_NAME=web\n"), "{environment}");
    for text in [environment, sandbox.read("stdin"), sandbox.read("args")] {
        assert!(!text.contains("xkeypost-"), "{text}");
    }
    assert_eq!(sandbox.read("stdin"), "");
    assert_eq!(rotated.findings("+2162h"), [""; 0]);
}

#[test]
fn a_delivery_that_fails_changes_nothing_and_is_tried_again() {
    let rotated = Rotated::to("vault:secret/app#key", &[]);
    let sandbox = &rotated.sandbox;
    for mode in ["fail", "late", "print"] {
        sandbox.mode(mode);
        let run = at(sandbox, "+90d", DUE).expect(6);
        assert!(run.stderr.contains("cannot deliver the secret"), "{run:?}");
        sandbox.mode("");
        assert_eq!(secret_at(sandbox, "vault:secret/app#key"), rotated.old);
        rotated.use_secret("+90d", &rotated.old);
    }
    rotated.due("+2161h", "waiting", "");
    assert_ne!(secret_at(sandbox, "vault:secret/app#key"), rotated.old);
}

#[test]
fn a_destination_that_somebody_else_changed_is_not_restored() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    rotated.use_secret("+2161h", &rotated.old);
    rotated.sandbox.write("key", "something else\n");
    rotated.due("+91d", "failed", "cannot-restore");
    assert_eq!(rotated.sandbox.read("key"), "something else\n");
    rotated.use_secret("+91d", &rotated.old);
    assert_eq!(rotated.findings("+91d"), ["rotation-held"]);
}

#[test]
fn keys_that_cannot_be_rotated_are_reported_with_a_command() {
    let sandbox = Sandbox::with_tools();
    sandbox.generate(["api", "printed"]);
    let to_command = ["generate", "api", "piped", "--to", "command:", "--", "cat"];
    sandbox.with_path(&to_command).expect(0);
    sandbox
        .with_path(&["generate", "api", "off", "--inactive", "--to", "file:off"])
        .expect(0);
    sandbox
        .with_path(&["generate", "api", "trap", "--decoy", "--to", "file:trap"])
        .expect(0);
    let args = [DUE, &["--format", "json"]].concat();
    // The default policy only reminds.
    assert_eq!(at(&sandbox, "+91d", &args).expect(0).stdout, "[]\n");
    sandbox.settings("[policy]\nrotate_every = \"90d\"\n");
    let run = at(&sandbox, "+91d", &args).expect(1);
    let rows = run.json();
    let told = rows.as_array().unwrap().iter().map(|row| {
        assert_eq!(row["state"], "not-possible");
        format!(
            "{} {}",
            row["name"].as_str().unwrap(),
            row["reason"].as_str().unwrap()
        )
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            "off inactive",
            "piped only-command",
            "printed no-destination"
        ]
    );
    // Names and selectors choose among them.
    let one = at(&sandbox, "+91d", &[&args[..], &["printed"]].concat()).expect(1);
    assert_eq!(one.json().as_array().unwrap().len(), 1);
    let none = [&args[..], &["--label", "a=b"]].concat();
    assert_eq!(at(&sandbox, "+91d", &none).expect(0).stdout, "[]\n");
}

#[test]
fn a_rotation_by_hand_is_left_alone_and_ends_an_automatic_one() {
    let rotated = Rotated::new(&[]);
    let sandbox = &rotated.sandbox;
    at(sandbox, "+90d", &["rotate", "web"]).expect(0);
    let row = rotated.due("+90d", "waiting", "");
    assert!(row["step"].is_null());
    assert!(
        row["message"].as_str().unwrap().contains("by hand"),
        "{row}"
    );
    for end in [
        &["rotate", "--abort", "--yes", "web"][..],
        &["rotate", "--finish", "--yes", "web"],
        &["regenerate", "--yes", "web"],
    ] {
        let rotated = Rotated::new(&[]);
        rotated.due("+90d", "waiting", "");
        let run = at(&rotated.sandbox, "+90d", end).expect(0);
        assert_eq!(rotated.rows(), 0, "{end:?}");
        if end.contains(&"--abort") {
            assert!(run.stderr.contains("has the old secret again"), "{run:?}");
            assert_eq!(rotated.key(), rotated.old);
        }
        rotated.expect_sound();
    }
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    let refused = at(&rotated.sandbox, "+90d", &["rotate", "web"]).expect(4);
    assert!(
        refused.stderr.contains("already being rotated"),
        "{refused:?}"
    );
    let delete = ["delete", "--yes", "--confirm", "web", "web"];
    at(&rotated.sandbox, "+90d", &delete).expect(0);
    assert_eq!(rotated.rows(), 0);
}

#[test]
fn a_dry_run_changes_nothing_and_tells_the_next_step() {
    let rotated = Rotated::new(&[]);
    let dry = [DUE, &["--dry-run", "--format", "json"]].concat();
    let before = fs::read(rotated.sandbox.vault()).unwrap();
    let row = at(&rotated.sandbox, "+90d", &dry).expect(0).json()[0].clone();
    assert_eq!(
        (&row["state"], &row["step"]),
        (&"planned".into(), &"begin".into())
    );
    assert_eq!(fs::read(rotated.sandbox.vault()).unwrap(), before);
    assert_eq!(rotated.key(), rotated.old);
    rotated.due("+90d", "waiting", "");
    rotated.use_secret("+2162h", &rotated.key());
    let row = at(&rotated.sandbox, "+91d", &dry).expect(0).json()[0].clone();
    assert_eq!(row["step"], "finish");
    rotated.due("+91d", "finished", "");
}

#[test]
fn it_says_nothing_with_quiet_while_it_waits() {
    let rotated = Rotated::new(&[]);
    let quiet = [DUE, &["--quiet"]].concat();
    let run = at(&rotated.sandbox, "+1d", &quiet).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    rotated.due("+90d", "waiting", "");
    let run = at(&rotated.sandbox, "+2161h", &quiet).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn one_process_at_a_time_continues_a_rotation() {
    let rotated = Rotated::new(&[
        "--after",
        "sh -c 'echo >began; until [ -e go ]; do sleep 0.05; done'",
    ]);
    let sandbox = &rotated.sandbox;
    let mut command = sandbox.command(DUE.iter().copied());
    fake(&mut command, "+90d");
    let first = command
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(until(Duration::from_secs(20), || sandbox
        .home()
        .join("began")
        .exists()));
    rotated.due("+90d", "skipped", "");
    let abort = ["rotate", "--abort", "--yes", "--wait", "1s", "web"];
    let refused = at(sandbox, "+90d", &abort).expect(5);
    assert!(
        refused
            .stderr
            .contains("another process continues the rotation of `web`"),
        "{refused:?}"
    );
    assert_ne!(rotated.key(), rotated.old);
    let by_hand = at(sandbox, "+90d", &["rotate", "web"]).expect(4);
    assert!(
        by_hand.stderr.contains("already being rotated"),
        "{by_hand:?}"
    );
    sandbox.write("go", "");
    let first = Run::of(first.wait_with_output().unwrap()).expect(0);
    assert!(first.stdout.contains("waiting"), "{first:?}");
    let folder = sandbox.vault();
    let left = fs::read_dir(folder.parent().unwrap()).unwrap();
    let mut names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.find(|name| name.contains("rotation")), None);
}

#[test]
fn an_abort_by_hand_runs_after_and_goes_on_if_that_fails() {
    let abort = &["rotate", "--abort", "--yes", "web"];
    for (reload, warning) in [
        ("cat key >read", ""),
        (
            "cat key >read; exit 3",
            "the application may still use the new secret, which stops working: `sh reload` exited \
             with status 3",
        ),
    ] {
        let rotated = Rotated::new(&["--after", "sh reload"]);
        let sandbox = &rotated.sandbox;
        sandbox.write("reload", "cp key read\n");
        rotated.due("+90d", "waiting", "");
        assert_ne!(sandbox.read("read").trim(), rotated.old);
        sandbox.write("reload", reload);
        let run = at(sandbox, "+90d", abort).expect(0);
        assert!(run.stderr.contains(warning), "{run:?}");
        assert_eq!(
            run.stderr.contains("warning"),
            !warning.is_empty(),
            "{run:?}"
        );
        assert_eq!(sandbox.read("read").trim(), rotated.old);
        assert_eq!(rotated.rows(), 0);
        rotated.expect_sound();
    }
    // Nothing can be restored: there is nothing to read, either.
    let rotated = Rotated::new(&["--after", "sh reload"]);
    rotated.sandbox.write("reload", "echo run >>runs\n");
    rotated.due("+90d", "waiting", "");
    rotated.sandbox.write("key", "something else\n");
    let run = at(&rotated.sandbox, "+90d", abort).expect(0);
    assert!(run.stderr.contains("keeps the new secret"), "{run:?}");
    assert_eq!(rotated.sandbox.read("runs"), "run\n");
}

#[test]
fn a_signal_during_after_ends_an_abort_before_it_removes_the_secret() {
    let rotated = Rotated::new(&["--after", "sh reload"]);
    let sandbox = &rotated.sandbox;
    sandbox.write("reload", "");
    rotated.due("+90d", "waiting", "");
    sandbox.write("reload", "echo >began; sleep 30\n");
    let abort = ["rotate", "--abort", "--yes", "web"];
    let mut command = sandbox.command(abort);
    fake(&mut command, "+90d");
    let run = command.stderr(Stdio::piped()).spawn().unwrap();
    let began = sandbox.home().join("began");
    assert!(until(Duration::from_secs(20), || began.exists()));
    let pid = nix::unistd::Pid::from_raw(run.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), None, "{ended:?}");
    assert_eq!(rotated.rows(), 1);
    sandbox.write("reload", "echo >reloaded\n");
    at(sandbox, "+90d", &abort).expect(0);
    assert!(sandbox.home().join("reloaded").exists());
    assert_eq!(rotated.rows(), 0);
}

#[test]
fn the_vault_alone_does_not_open_the_old_secret() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    let stored = fs::read(rotated.sandbox.vault()).unwrap();
    for secret in [&rotated.old, &rotated.key()] {
        let random = &secret.as_bytes()[9..secret.len() - 16];
        for part in random.windows(8) {
            let mut places = stored.windows(8);
            assert!(places.all(|place| place != part), "8 characters are stored");
        }
    }
    // Nothing is left of it once the rotation has ended.
    let sealed = |sandbox: &Sandbox| {
        let vault = Connection::open(sandbox.vault()).unwrap();
        let query = "SELECT sealed FROM rotations";
        vault.query_row(query, [], |row| row.get::<_, Vec<u8>>(0))
    };
    let sealed_before = sealed(&rotated.sandbox).unwrap();
    rotated.use_secret("+2162h", &rotated.key());
    rotated.due("+91d", "finished", "");
    let stored = fs::read(rotated.sandbox.vault()).unwrap();
    let mut places = stored.windows(16);
    assert!(places.all(|place| place != &sealed_before[24..40]));
}

#[test]
fn an_old_secret_that_was_written_back_is_not_retired() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    let new = rotated.key();
    rotated.use_secret("+2161h", &new);
    rotated.sandbox.write("key", &format!("{}\n", rotated.old));
    rotated.due("+2164h", "failed", "destination-changed");
    rotated.use_secret("+2164h", &rotated.old);
    rotated.sandbox.write("key", &format!("{new}\n"));
    rotated.due("+2166h", "finished", "");
}

#[test]
fn a_key_that_was_used_before_but_not_since_is_not_judged() {
    let rotated = Rotated::new(&[]);
    rotated.due("+2161h", "waiting", "");
    rotated.due("+2186h", "held", "usage-unknown");
    rotated.use_secret("+2187h", &rotated.old);
    rotated.due("+2188h", "waiting", "");
    assert_eq!(rotated.key(), rotated.old);
}

#[test]
fn a_manifest_continues_a_rotation_where_it_was_delivered() {
    let rotated = Rotated::new(&[]);
    let sandbox = &rotated.sandbox;
    let key = "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = { file = \"other\" }\n";
    sandbox.write("keys.toml", key);
    sandbox.write("other", &format!("{}\n", rotated.old));
    rotated.due("+90d", "waiting", "");
    rotated.use_secret("+2161h", &rotated.old);
    let due = ["apply", "--rotate-due", "keys.toml"];
    at(sandbox, "+2184h", &due).expect(0);
    assert_eq!(rotated.key(), rotated.old);
    at(sandbox, "+2186h", &due).expect(1);
    rotated.use_secret("+2186h", &rotated.key());
}

#[test]
fn an_aborted_rotation_ends_when_none_follows() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    rotated.use_secret("+2161h", &rotated.old);
    rotated.due("+2184h", "waiting", "");
    rotated.due("+2186h", "aborted", "new-secret-unused");
    let never = ["set", "web", "--rotate-every", "never"];
    at(&rotated.sandbox, "+2186h", &never).expect(0);
    at(&rotated.sandbox, "+2220h", DUE).expect(0);
    assert_eq!(rotated.rows(), 0);
    assert_eq!(rotated.findings("+2220h"), [""; 0]);
    rotated.expect_sound();
}

#[test]
fn a_key_without_runs_is_reported_as_stalled() {
    let rotated = Rotated::new(&[]);
    rotated.due("+90d", "waiting", "");
    assert_eq!(rotated.findings("+2161h"), [""; 0]);
    assert_eq!(rotated.findings("+93d"), ["rotation-stalled"]);
}

#[test]
fn a_manifest_rotates_its_own_keys_to_where_it_says() {
    let sandbox = Sandbox::with_tools();
    sandbox.generate(["api", "other"]);
    sandbox.write(
        "keys.toml",
        "[[key]]\nname = \"web\"\nkind = \"api\"\nrotate_every = \"30d\"\ngrace = \"12h\"\n\
         after = [\"touch\", \"reloaded\"]\nsave = { file = \".env\", secret = \"KEY\" }\n\n\
         [[key]]\nname = \"piped\"\nkind = \"api\"\nrotate_every = \"30d\"\n\
         save = { command = [\"sh\", \"-c\", \"cat >piped\"] }\n",
    );
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    let old = secret_at(&sandbox, "env:.env#KEY");
    with_input(&sandbox, "+30d", &["verify"], &old).expect(0);
    let due = ["apply", "--rotate-due", "keys.toml", "--format", "json"];
    let dry = at(&sandbox, "+30d", &[&due[..], &["--dry-run"]].concat()).expect(0);
    let states = |run: &Run| -> Vec<String> {
        let rows = run.json();
        let word = |row: &Value| {
            format!(
                "{} {}",
                row["name"].as_str().unwrap(),
                row["state"].as_str().unwrap()
            )
        };
        rows.as_array().unwrap().iter().map(word).collect()
    };
    assert_eq!(states(&dry), ["web planned", "piped planned"]);
    assert_eq!(secret_at(&sandbox, "env:.env#KEY"), old);
    let run = at(&sandbox, "+30d", &due).expect(0);
    assert_eq!(states(&run), ["web waiting", "piped waiting"]);
    let new = secret_at(&sandbox, "env:.env#KEY");
    assert_ne!(new, old);
    assert!(sandbox.home().join("reloaded").exists());
    with_input(&sandbox, "+721h", &["verify"], &new).expect(0);
    with_input(&sandbox, "+721h", &["verify"], &sandbox.read("piped")).expect(0);
    let run = at(&sandbox, "+723h", &due).expect(0);
    assert_eq!(states(&run), ["web finished", "piped finished"]);
    with_input(&sandbox, "+723h", &["verify"], &old).expect(1);
    // A command cannot be read back: nothing is restored.
    let piped = sandbox.read("piped");
    at(&sandbox, "+61d", &due).expect(0);
    with_input(&sandbox, "+1465h", &["verify"], &piped).expect(0);
    with_input(
        &sandbox,
        "+61d",
        &["verify"],
        &secret_at(&sandbox, "env:.env#KEY"),
    )
    .expect(0);
    let run = at(&sandbox, "+63d", &due).expect(1);
    assert_eq!(states(&run), ["web finished", "piped held"]);
    assert_eq!(run.json()[1]["reason"], "cannot-restore");
    let missing = "[[key]]\nname = \"new\"\nkind = \"api\"\nsave = { file = \"f\" }\n";
    sandbox.write("more.toml", missing);
    at(&sandbox, "+63d", &["apply", "--rotate-due", "more.toml"]).expect(3);
    assert!(!sandbox.home().join("f").exists());
}

#[test]
fn the_units_of_the_guide_are_understood_by_systemd() {
    let guide = include_str!("../../man/guide/rotation.md");
    let sandbox = Sandbox::new();
    for block in guide.split("```ini\n").skip(1) {
        let unit = block.split("```").next().unwrap();
        let name = unit.lines().next().unwrap().rsplit('/').next().unwrap();
        sandbox.write(name, &unit.replace("%h/.local/bin/postkey", "/bin/true"));
    }
    for name in ["postkey-rotate.service", "postkey-rotate.timer"] {
        let run = std::process::Command::new("systemd-analyze")
            .args(["verify", "--man=no", name])
            .env(
                "SYSTEMD_UNIT_PATH",
                format!("{}:", sandbox.home().display()),
            )
            .current_dir(sandbox.home())
            .output()
            .unwrap();
        // An unknown setting is only warned of.
        assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
    }
}

#[test]
fn a_signal_ends_the_run_and_holds_nothing() {
    let rotated = Rotated::new(&["--after", "sh -c 'echo >began; sleep 30'"]);
    let sandbox = &rotated.sandbox;
    let mut command = sandbox.command(DUE.iter().copied());
    fake(&mut command, "+90d");
    let run = command
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let began = sandbox.home().join("began");
    assert!(until(Duration::from_secs(20), || began.exists()));
    let pid = nix::unistd::Pid::from_raw(run.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), None, "{ended:?}");
    assert!(
        String::from_utf8_lossy(&ended.stdout).contains("web"),
        "{ended:?}"
    );
    assert_eq!(rotated.findings("+90d"), [""; 0]);
    let reload = ["set", "web", "--after", "touch reloaded"];
    sandbox.run(reload).expect(0);
    rotated.due("+2161h", "waiting", "");
    assert!(sandbox.home().join("reloaded").exists());
}

#[test]
fn a_failed_step_is_told_in_the_row() {
    let rotated = Rotated::new(&[]);
    fs::remove_file(rotated.sandbox.home().join("key")).unwrap();
    fs::create_dir(rotated.sandbox.home().join("key")).unwrap();
    let args = [DUE, &["--format", "json"]].concat();
    let run = at(&rotated.sandbox, "+90d", &args);
    let row = run.json()[0].clone();
    assert_eq!(row["state"], "failed");
    assert!(row["message"].as_str().unwrap().contains("key"), "{row}");
    assert_ne!(run.status, 0);
    at(&rotated.sandbox, "+90d", &["rotate", "--due", "--", "cat"]).expect(2);
}
