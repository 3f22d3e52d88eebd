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

/// A manifest, the line of its mistake, and parts of the message and the hint.
fn cases() -> Vec<(String, usize, &'static str, &'static str)> {
    let api = |more: &str| format!("{API}{SAVE}{more}\n");
    let save = |save: &str| format!("{API}save = {save}\n");
    let smtp = |more: &str| api(more).replace("\"api\"", "\"smtp\"");
    let two =
        |second: &str| format!("{API}{SAVE}\n[[key]]\nname = \"b\"\nkind = \"api\"\n{second}");
    vec![
        (String::new(), 1, "names no key", "[[key]]"),
        ("# nothing\n".into(), 1, "names no key", "[[key]]"),
        ("key = []".into(), 1, "names no key", "[[key]]"),
        (
            "[[keys]]\nname = \"a\"".into(),
            1,
            "no field `keys`",
            "did you mean `key`?",
        ),
        (
            "\n[key]\nname = \"a\"".into(),
            2,
            "must be a list",
            "[[key]]",
        ),
        ("key = 7".into(), 1, "is a number", "[[key]]"),
        ("key = [1]".into(), 1, "is a number", "[[key]]"),
        ("[[key]\n".into(), 1, "", "TOML"),
        (api("name = \"b\""), 5, "duplicate", "TOML"),
        (
            api("plam = \"free\""),
            5,
            "no field `plam`",
            "did you mean `plan`?",
        ),
        (api("kind2 = 1\n"), 5, "no field `kind2`", "`kind`"),
        (
            api("plan = \"buisness\""),
            5,
            "plan: `buisness`",
            "did you mean `business`?",
        ),
        (api("plan = \"enterprise\""), 5, "no fixed limit", "limit"),
        (
            api("limit = \"many\""),
            5,
            "limit: `many` is not a limit",
            "300/day",
        ),
        (
            api("limit = 300"),
            5,
            "it is a number, but must be text",
            "write `300/day`",
        ),
        (
            api("plan = \"free\"\nlimit = \"1/day\""),
            6,
            "a `plan` and a `limit`",
            "one of them",
        ),
        (
            api("permission = \"red-only\""),
            5,
            "`red-only`",
            "did you mean `read-only`?",
        ),
        (api("expires = \"soon\""), 5, "expires: `soon`", "90d"),
        (
            api("expires = 2027-01-31"),
            5,
            "a date without quotation marks",
            "quotation marks",
        ),
        (
            api("expires = \"2020-01-01\""),
            1,
            "not in the future",
            "later date",
        ),
        (
            api("inactive = \"yes\""),
            5,
            "must be true or false",
            "without quotation",
        ),
        (
            api("username = \"shop_prod\""),
            5,
            "an API key has no `username`",
            "SMTP",
        ),
        (
            smtp("permission = \"full\"\nusername = \"shop\""),
            5,
            "an SMTP key has no `permission`",
            "API",
        ),
        (
            smtp("username = \"a b\""),
            5,
            "username: `a b`",
            "rails_prod",
        ),
        (
            api("description = \"a\\u001bb\""),
            5,
            "description: ",
            "one line",
        ),
        (
            format!("[[key]]\nkind = \"api\"\n{SAVE}"),
            1,
            "has no `name`",
            "name = ",
        ),
        (
            format!("[[key]]\nname = \"a\"\n{SAVE}"),
            1,
            "has no `kind`",
            "kind = ",
        ),
        (
            api("").replace("\"a\"", "\"Web App\""),
            2,
            "`Web App`",
            "use a name such as `web-app`",
        ),
        (
            api("").replace("\"api\"", "\"stmp\""),
            3,
            "`stmp` is not a kind",
            "`smtp`?",
        ),
        (
            API.into(),
            1,
            "no `save`: its secret would be lost",
            "save = {",
        ),
        (
            save("\".env\""),
            4,
            "save: `.env` is not a destination: it names no kind before a colon",
            "env:.env#API_KEY",
        ),
        (
            save("\"vualt:secret/app#key\""),
            4,
            "save: `vualt:secret/app#key` is not a destination",
            "did you mean `vault`?",
        ),
        (
            save("\"vault:secret/app\""),
            4,
            "an address is `[{mount}/data/]{path}#{key}`",
            "vault:secret/data/app#key",
        ),
        (
            save("\"github-env:KEY\""),
            4,
            "a manifest has no destination `github-env:KEY`",
            "--to",
        ),
        (
            save("\"command:\""),
            4,
            "a manifest has no destination `command:`",
            "command = [",
        ),
        (
            save("7"),
            4,
            "it is a number, but must be text or a table",
            "file =",
        ),
        (save("{}"), 4, "neither a file nor a command", "file ="),
        (
            save("{ file = \"a\", command = [\"b\"] }"),
            4,
            "not both",
            "leave it out",
        ),
        (
            save("{ file = \"a\", secrt = \"B\" }"),
            4,
            "no field `secrt`",
            "`secret`?",
        ),
        (
            save("{ file = \"a\", secret = \"1B\" }"),
            4,
            "`1B` is not a variable",
            "SMTP_PASSWORD",
        ),
        (
            save("{ file = \"a\", secret = \"B=C\" }"),
            4,
            "`B=C` is not a variable",
            "",
        ),
        (
            save("{ file = \"a\", username = \"B\", secret = \"C\" }"),
            4,
            "no username",
            "leave",
        ),
        (save("{ file = \"\" }"), 4, "not a path", "name a file"),
        (save("{ file = \"~root/a\" }"), 4, "`~`", "name a file"),
        (save("{ file = \"a/\" }"), 4, "a folder", "name a file"),
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
            save("{ file = \"a\", timeout = \"5s\" }"),
            4,
            "a file has no `timeout`",
            "leave",
        ),
        (
            save("{ command = [] }"),
            4,
            "command: it is empty",
            "list of words",
        ),
        (
            save("{ command = \"cat\" }"),
            4,
            "must be a list",
            "list of words",
        ),
        (
            save("{ command = [\"cat\", 1] }"),
            4,
            "a number",
            "quotation",
        ),
        (
            save("{ command = [\"cat\"], timeout = \"2h\" }"),
            4,
            "at most 30 minutes",
            "60s",
        ),
        (
            save("{ command = [\"cat\"], timeout = 60 }"),
            4,
            "a number",
            "`48h`",
        ),
        (
            save("{ command = [\"cat\"], secret = \"A\" }"),
            4,
            "no `secret`",
            "standard input",
        ),
        (
            smtp(""),
            4,
            "is not saved",
            "`username = \"SMTP_USERNAME\"`",
        ),
        (
            smtp("").replace(", secret = \"KEY\"", ""),
            4,
            "is not saved",
            "`username = \"shop_prod\"`",
        ),
        (
            save("{ file = \".env\", secret = \"NODE_OPTIONS\" }"),
            4,
            "how programs run",
            "API_KEY",
        ),
        (
            smtp("").replace("secret = \"KEY\"", "username = \"U\""),
            4,
            "one for the secret",
            "add",
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
            "a file in it",
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
        (
            two(SAVE),
            6,
            "`KEY` in `.env` is also set by the key on line 1",
            "its own variable",
        ),
        (
            two(SAVE).replacen("\".env\"", "\"./.env\"", 1),
            6,
            "on line 1",
            "its own variable",
        ),
        (
            two("save = { file = \".env\" }"),
            6,
            "also written by the key on line 1",
            "its own",
        ),
        (
            two(SAVE).replace("\"b\"", "\"A\""),
            6,
            "`A` is already used by the key on line 1",
            "its own",
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
