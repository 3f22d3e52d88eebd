//! Invalid manifests: the mistake, its line, and the hint; nothing is changed.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::THREE;
use crate::sandbox::{Run, Sandbox};

/// The start of a valid key.
const API: &str = "[[key]]\nname = \"a\"\nkind = \"api\"\n";
const SAVE: &str = "save = { file = \".env\", secret = \"KEY\" }\n";

/// A manifest, the line of its mistake, and parts of the message and the hint: mistakes that are found
/// when the manifest is read, whose table is beside its parser, and all that are found later.
fn cases() -> Vec<(String, usize, &'static str, &'static str)> {
    let api = |more: &str| format!("{API}{SAVE}{more}\n");
    let save = |save: &str| format!("{API}save = {save}\n");
    let two =
        |second: &str| format!("{API}{SAVE}\n[[key]]\nname = \"b\"\nkind = \"api\"\n{second}");
    vec![
        (
            api("plan = \"buisness\""),
            5,
            "plan: `buisness`",
            "did you mean `business`?",
        ),
        (
            two(SAVE),
            6,
            "`KEY` in `.env` is also set by the key on line 1",
            "its own variable",
        ),
        (
            api("expires = \"2020-01-01\""),
            1,
            "not in the future",
            "later date",
        ),
        (
            save("{ file = \"keys.toml\" }"),
            1,
            "the manifest itself",
            "another",
        ),
        (
            save("{ file = \"./keys.toml\" }"),
            1,
            "the manifest itself",
            "another",
        ),
        (
            save("{ file = \"no/where\" }"),
            1,
            "folder `no` does not exist",
            "mkdir",
        ),
        (
            save("{ file = \".local\" }"),
            1,
            "is a folder",
            "a file in that folder",
        ),
        (
            save("{ command = [\"no-such-thing\"] }"),
            1,
            "program `no-such-thing` not found",
            "PATH",
        ),
        (
            save("{ command = [\"./no-such-thing\"] }"),
            1,
            "program `./no-such-thing` not found",
            "PATH",
        ),
        (
            save("{ command = [\"./keys.toml\"] }"),
            1,
            "program `./keys.toml` not found",
            "PATH",
        ),
    ]
}

#[test]
fn every_mistake_has_its_line_and_a_hint_and_nothing_is_touched() {
    for (text, line, message, expected) in cases() {
        let sandbox = Sandbox::with_manifest(&text);
        fs::create_dir_all(sandbox.home().join(".local")).unwrap();
        for dry in [&[][..], &["--dry-run"]] {
            let run = sandbox.apply(dry);
            let first = format!("error: keys.toml:{line}: ");
            let (says, hint) = run.stderr.split_once("\nhint: ").unwrap_or_default();
            let at = says.find("error: ").unwrap_or_default();
            let (note, says) = says.split_at(at);
            assert!(
                note.is_empty() || note.contains("it would be created"),
                "{run:?}"
            );
            assert!(matches!(run.status, 2 | 5), "{text}\n{run:?}");
            assert!(says.starts_with(&first), "{text}\n{run:?}");
            assert!(says.contains(message), "{text}\n{run:?}");
            assert!(
                hint.contains(expected) || expected.is_empty(),
                "{text}\n{run:?}"
            );
            assert_eq!(run.stdout, "", "{text}");
        }
        assert!(!sandbox.vault().exists(), "{text}");
        assert!(!sandbox.home().join(".env").exists(), "{text}");
    }
}

#[test]
fn mistakes_are_reported_together_by_line() {
    let text = "[[key]]\nnam = \"a\"\nkind = \"apo\"\nplan = \"fre\"\n\n[[key]]\nname = 1\n";
    let run = Sandbox::with_manifest(text).apply(&[]).expect(2);
    let lines: Vec<usize> = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("error: keys.toml:"))
        .map(|rest| rest.split(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(lines, [1, 1, 2, 3, 4, 6, 6, 7], "{run:?}");
    let many = "[[key]]\nx = 1\n".repeat(1000);
    let run = Sandbox::with_manifest(&many).apply(&[]).expect(2);
    assert_eq!(run.stderr.matches("error: ").count(), 20);
}

#[test]
fn mistakes_are_json_to_programs() {
    let run = Sandbox::with_manifest("[[keys]]\n")
        .apply(&["--format", "json"])
        .expect(2);
    let error: serde_json::Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(error["error"]["code"], "usage");
    assert_eq!(error["error"]["hint"], "did you mean `key`?");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("keys.toml:1: "), "{message}");
}

#[test]
fn files_that_are_not_manifests_are_refused() {
    let sandbox = Sandbox::new();
    let home = sandbox.home();
    fs::create_dir(home.join("folder")).unwrap();
    mkfifo(&home.join("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    fs::write(home.join("latin"), b"[[key]]\nname = \"\xe4\"\n").unwrap();
    fs::write(home.join("long"), "# a line\n".repeat(1_000_000)).unwrap();
    for (file, why) in [
        ("missing.toml", "No such file"),
        ("folder", "it is a folder"),
        ("fifo", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("latin", "line 2 is not UTF-8"),
        ("long", "larger than 1 MiB"),
    ] {
        let run = sandbox.run(["apply", file]).expect(2);
        let says = format!("error: cannot read the manifest `{file}`: ");
        assert!(run.stderr.starts_with(&says), "{run:?}");
        assert!(run.stderr.contains(why), "{run:?}");
    }
    let blank = "\n".repeat(1_000_000);
    let run = sandbox.run_with_input(["apply", "-"], blank.as_bytes());
    assert!(run.expect(2).stderr.contains("names no key"));
    assert!(!sandbox.vault().exists());
}

#[test]
fn endless_input_ends() {
    let sandbox = Sandbox::new();
    let zero = fs::File::open("/dev/zero").unwrap();
    let mut child = sandbox
        .command(["apply", "-"])
        .stdin(Stdio::from(zero))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_over = crate::prompts::terminal::until(Duration::from_secs(20), || {
        child.try_wait().unwrap().is_some()
    });
    let _ = child.kill();
    let run = Run::of(child.wait_with_output().unwrap());
    assert!(
        is_over && run.stderr.contains("larger than 1 MiB"),
        "{run:?}"
    );
    assert_eq!(run.status, 2);
}

#[test]
fn a_secret_in_a_manifest_is_refused_and_not_repeated() {
    let secret = Sandbox::new().generate(["api", "ci"]);
    for text in [
        format!("{API}save = {{ file = \".env\", secret = \"{secret}\" }}\n"),
        format!("{API}save = {{ command = [\"store\", \"{secret}\"] }}\n"),
        format!("{API}{SAVE}description = \"{secret}\"\n"),
        format!("{API}{SAVE}{secret} = 1\n"),
        format!("{API}{SAVE}name = {secret}\n"),
    ] {
        let run = Sandbox::with_manifest(&text).apply(&[]).expect(2);
        assert!(!run.stderr.contains(&secret[9..30]), "{run:?}");
    }
}

#[test]
fn unchangeable_differences_are_refused_before_anything_is_done() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.generate(["api", "Shop-Mail"]);
    sandbox.generate(["smtp", "other", "--username", "taken_name"]);
    let (before, entries) = (fs::read(sandbox.vault()).unwrap(), sandbox.logged());
    let run = sandbox.apply(&[]).expect(4);
    assert!(
        run.stderr
            .starts_with("error: keys.toml:2: `Shop-Mail` already exists"),
        "{run:?}"
    );
    sandbox.manifest(&THREE.replace("\"shop-mail\"", "\"other\""));
    let run = sandbox.apply(&[]).expect(4);
    assert!(
        run.stderr.contains("its username is `taken_name`"),
        "{run:?}"
    );
    sandbox.manifest(
        &THREE
            .replace("shop_prod", "taken_name")
            .replace("shop-mail", "new"),
    );
    let run = sandbox.apply(&[]).expect(4);
    assert!(
        run.stderr
            .contains("`taken_name` belongs to the key `other`"),
        "{run:?}"
    );
    assert_eq!(sandbox.logged(), entries);
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
    assert!(!sandbox.home().join(".env").exists());
}
