//! Exports in the settings: every command that changes the vault rewrites them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;

use crate::apply::THREE;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::wait_for;

#[test]
fn every_command_that_changes_the_vault_rewrites_the_exports_before_it_exits() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.run(["backup", "copy.db"]).expect(0);
    sandbox.export_to("json");
    fs::write(sandbox.home().join("names"), "one\ntwo\n").unwrap();
    let hash = "{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=";
    fs::write(sandbox.home().join("users"), format!("old_shop:{hash}\n")).unwrap();
    sandbox.manifest(THREE);
    let mut last = String::new();
    for args in [
        &["generate", "api", "--from", "names", "--format", "jsonl"][..],
        &["import", "dovecot", "users"],
        &["generate", "api", "new"],
        &["generate", "smtp", "new-mail", "--format", "json"],
        &["regenerate", "--yes", "new"],
        &["rotate", "new"],
        &["rotate", "--abort", "--yes", "new"],
        &["rotate", "dev"],
        &["rotate", "--finish", "--yes", "dev"],
        &["deactivate", "new", "dev"],
        &["activate", "new"],
        &["rename", "new", "newer"],
        &["describe", "newer", "something"],
        &["set", "newer", "--permission", "read-only"],
        &["revoke", "newer"],
        &["revoke", "--replace", "--yes", "newer"],
        &["delete", "--yes", "newer"],
        &["apply", "keys.toml"],
        &["restore", "--yes", "--keep-inactive", "copy.db"],
    ] {
        let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap());
        assert_eq!(run.status, 0, "{args:?} {run:?}");
        let exported = sandbox.read_exported();
        assert_ne!(exported, last, "{args:?} changed nothing");
        assert_eq!(exported, sandbox.export("json"), "{args:?}");
        last = exported;
    }
}

#[test]
fn a_command_that_only_reads_leaves_the_exports_alone() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("dovecot");
    sandbox.manifest(THREE);
    fs::write(sandbox.home().join("users"), "old_shop:$1$").unwrap();
    sandbox.run(["rename", "dev", "devel"]).expect(0);
    let number = || fs::metadata(sandbox.exported()).unwrap().ino();
    let before = number();
    for args in [
        &["list"][..],
        &["show", "devel"],
        &["check"],
        &["doctor"],
        &["export", "json"],
        &["apply", "--dry-run", "keys.toml"],
        &["import", "--dry-run", "dovecot", "users"],
    ] {
        Run::of(sandbox.command(args.iter().copied()).output().unwrap());
        assert_eq!(number(), before, "{args:?}");
    }
}

#[test]
fn a_failed_export_is_always_reported() {
    let sandbox = Sandbox::with_three_keys();
    let folder = sandbox.home().join("there");
    let (keys, users) = (folder.join("keys"), sandbox.home().join("users"));
    fs::create_dir(&folder).unwrap();
    sandbox.settings(&format!(
        "[[export]]\nformat = \"json\"\nfile = {keys:?}\n[[export]]\nformat = \"dovecot\"\nfile = {users:?}"
    ));
    sandbox.run(["rename", "dev", "devel"]).expect(0);
    fs::remove_dir_all(&folder).unwrap();
    let run = sandbox.run(["--quiet", "deactivate", "devel"]).expect(8);
    let said = "error: the vault was changed, but an export is out of date: ";
    assert!(run.stderr.starts_with(said), "{run:?}");
    assert!(run.stderr.contains("hint: ") && run.stderr.contains("`postkey export`"));
    assert_eq!(sandbox.show("devel")["status"], "inactive");
    let run = sandbox
        .run(["--quiet", "generate", "smtp", "more"])
        .expect(8);
    assert_eq!(sandbox.verify(&run.secret()).1, 0);
    assert_eq!(
        fs::read_to_string(&users).unwrap(),
        sandbox.export("dovecot")
    );
    let run = sandbox.run(["deactivate", "prod-web", "missing", "--format", "json"]);
    let codes: Vec<_> = run.expect(8).stderr.lines().map(code).collect();
    assert_eq!(codes, ["not-found", "incomplete"]);
    let doctor = sandbox.run(["doctor", "--format", "csv"]).expect(1);
    assert!(doctor.stdout.contains("\nexports,false,"), "{doctor:?}");
    assert!(doctor.stdout.contains(",create its folder; "), "{doctor:?}");
    let run = sandbox.run(["export"]).expect(5);
    assert!(run.stderr.contains("does not exist"), "{run:?}");
    assert!(run.stderr.contains("hint: create it first"), "{run:?}");
    fs::create_dir(&folder).unwrap();
    let run = sandbox.run(["export", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&run[0]["format"], &run[0]["secrets"]),
        (&"json".into(), &2.into())
    );
    assert_eq!(fs::read_to_string(&keys).unwrap(), sandbox.export("json"));
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn rerunning_a_killed_command_rewrites_the_exports() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    for again in [
        &["deactivate", "dev"][..],
        &["activate", "dev"],
        &["generate", "api", "dev", "--if-absent"],
        &["set", "dev", "--expires", "never"],
        &["rotate", "--finish", "--yes", "dev"],
    ] {
        sandbox.run(["deactivate", "dev"]).expect(0);
        // As if the process had been killed between its commit and its export.
        let plain = sandbox.home().join("plain.toml");
        fs::write(&plain, "").unwrap();
        sandbox
            .run(["activate", "dev", "--config", plain.to_str().unwrap()])
            .expect(0);
        assert_ne!(sandbox.read_exported(), sandbox.export("json"));
        let run = Run::of(sandbox.command(again.iter().copied()).output().unwrap());
        assert_eq!(run.status, 0, "{run:?}");
        assert_eq!(sandbox.read_exported(), sandbox.export("json"), "{again:?}");
    }
}

#[test]
fn a_failed_command_still_exports_what_it_changed() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    sandbox
        .run(["deactivate", "prod-web", "missing", "dev"])
        .expect(3);
    let exported = sandbox.read_exported();
    assert!(
        exported.contains("prod-mail") && !exported.contains("dev"),
        "{exported}"
    );
    assert_eq!(exported, sandbox.export("json"));
}

#[test]
fn expired_keys_are_reported_until_the_next_export() {
    let sandbox = Sandbox::new();
    sandbox.export_to("json");
    let soon = Timestamp::now().as_second() + 2;
    let soon = Timestamp::from_second(soon).unwrap().to_string();
    sandbox.generate(["api", "brief", "--expires", &soon]);
    sandbox.generate(["api", "lasting"]);
    assert!(sandbox.read_exported().contains("brief"));
    sleep(Duration::from_millis(2100));
    assert!(sandbox.read_exported().contains("brief"));
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(doctor.stdout.contains("is out of date"), "{doctor:?}");
    sandbox.run(["export"]).expect(0);
    assert!(!sandbox.read_exported().contains("brief"));
    let doctor = sandbox.run(["doctor"]).expect(0);
    assert!(doctor.stdout.contains("is up to date"), "{doctor:?}");
}

#[test]
fn a_leaked_secret_leaves_the_export_before_the_rest_of_the_log_is_read() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    let secret = sandbox.generate(["api", "leaked"]);
    assert!(sandbox.read_exported().contains("leaked"));
    let mut command = sandbox.command(["revoke"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "a log with {secret} in it").unwrap();
    wait_for("an export without it", || {
        !sandbox.read_exported().contains("leaked")
    });
    assert!(
        child.try_wait().unwrap().is_none(),
        "its input had not ended"
    );
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_export_in_the_settings_is_not_overwritten_for_another_vault() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    sandbox.run(["rename", "dev", "devel"]).expect(0);
    let before = sandbox.read_exported();
    let run = sandbox
        .run(["generate", "api", "x", "--vault", "other.db"])
        .expect(0);
    assert!(
        run.stderr
            .contains("this is not the vault that the settings name"),
        "{run:?}"
    );
    let run = sandbox.run(["export", "--vault", "other.db"]).expect(2);
    assert!(
        run.stderr
            .contains("this is not the vault that the settings name"),
        "{run:?}"
    );
    let run = sandbox.run(["doctor", "--vault", "other.db"]).expect(1);
    assert!(run.stdout.contains("this is not the vault"), "{run:?}");
    assert_eq!(sandbox.read_exported(), before);
    let same = ".local/../.local/share/postkey/vault.db";
    sandbox
        .run(["delete", "--yes", "devel", "--vault", same])
        .expect(0);
    assert!(!sandbox.read_exported().contains("devel"));
}

#[test]
fn missing_and_duplicate_exports_are_reported() {
    let sandbox = Sandbox::with_three_keys();
    let run = sandbox.run(["export"]).expect(2);
    assert!(
        run.stderr.contains("hint: `postkey export dovecot FILE`"),
        "{run:?}"
    );
    let one = "[[export]]\nformat = \"json\"\nfile = \"/srv/keys\"\n";
    sandbox.settings(&one.repeat(2));
    let run = sandbox.run(["check"]).expect(5);
    assert!(
        run.stderr
            .contains("two exports would overwrite each other"),
        "{run:?}"
    );
}

fn code(line: &str) -> String {
    let said: serde_json::Value = serde_json::from_str(line).unwrap();
    said["error"]["code"].as_str().unwrap_or("?").to_owned()
}

#[test]
fn leftovers_of_an_interrupted_export_are_found() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    sandbox.run(["export"]).expect(0);
    let left = sandbox.exported().with_file_name(".postkey-cut0ff");
    fs::write(&left, "[\n").unwrap();
    sandbox.run(["doctor"]).expect(0);
    let file = fs::File::options().write(true).open(&left).unwrap();
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(hour_ago).unwrap();
    let doctor = sandbox.run(["doctor", "--format", "csv"]).expect(1);
    let found = format!(
        "exports,false,\"`{}` is an unfinished export",
        left.display()
    );
    assert!(doctor.stdout.contains(&found), "{doctor:?}");
}
