//! The files of exports.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::sandbox::{Run, Sandbox};

#[test]
fn an_export_is_created_private_and_keeps_its_mode() {
    let sandbox = Sandbox::with_three_keys();
    let file = sandbox.home().join("users");
    let mut command = sandbox.command(["-c", "umask 000; exec \"$0\" export dovecot users"]);
    command.arg(crate::sandbox::POSTKEY);
    let mut shell = crate::secrecy::watch::program(&command, "bash");
    let run = Run::of(shell.output().unwrap()).expect(0);
    assert!(
        run.stderr.ends_with("/users` holds 1 valid secret\n"),
        "{run:?}"
    );
    assert_eq!(mode(&file), 0o600);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let (mut before, mut text) = (File::open(&file).unwrap(), String::new());
    sandbox.run(["deactivate", "prod-mail"]).expect(0);
    sandbox.run(["export", "dovecot", "users"]).expect(0);
    assert_eq!(mode(&file), 0o640);
    before.read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 2, "it was written over, not renamed");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
}

#[test]
fn protected_files_are_refused_and_unchanged() {
    let sandbox = Sandbox::with_three_keys();
    let home = sandbox.home();
    let good = home.join("good");
    sandbox.run(["export", "json", "good"]).expect(0);
    let open = home.join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    symlink(&good, home.join("link")).unwrap();
    fs::copy(&good, home.join("linked")).unwrap();
    fs::hard_link(home.join("linked"), home.join("again")).unwrap();
    fs::create_dir(home.join("folder")).unwrap();
    mkfifo(&home.join("fifo"), Mode::S_IRUSR).unwrap();
    fs::copy(&good, home.join("world")).unwrap();
    fs::set_permissions(home.join("world"), Permissions::from_mode(0o604)).unwrap();
    for (name, text) in [
        ("other.json", "[\n1]\n"),
        ("people.json", "[\n{\"name\":\"Ada\",\"hash\":\"{x}\"}\n]\n"),
        (
            "keys.json",
            "[\n{\"name\":\"a\",\"kind\":\"api\",\"tail\":null}\n]\n",
        ),
        ("more.json", "[\n]\n{\"name\":\"a\"}\n"),
    ] {
        fs::write(home.join(name), text).unwrap();
        fs::set_permissions(home.join(name), Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(home.join("shadow"), "root:*:1::::::\n").unwrap();
    sandbox.run(["export", "dovecot", "users"]).expect(0);
    let vault = sandbox.vault();
    let vault = vault.to_str().unwrap();
    let journal = format!("{vault}-journal");
    let usage = sandbox.usage();
    let usage = usage.to_str().unwrap();
    let before = state(home);
    for (file, why) in [
        ("link", "is a symbolic link"),
        ("linked", "hard link"),
        ("folder", "is a folder"),
        ("fifo", "is not a regular file"),
        ("world", "is accessible to every user"),
        ("other.json", "has other contents, which would be lost"),
        ("people.json", "has other contents, which would be lost"),
        ("keys.json", "has other contents, which would be lost"),
        ("more.json", "has other contents, which would be lost"),
        ("shadow", "has other contents, which would be lost"),
        ("users", "has other contents, which would be lost"),
        ("open/keys.json", "that other users can write to"),
        ("/dev/null", "is not a regular file"),
        (vault, "is the vault's own file"),
        (&journal, "is the vault's own file"),
        (usage, "or belongs to it"),
        ("nowhere/keys.json", "does not exist"),
    ] {
        let run = sandbox.run(["export", "json", file]).expect(5);
        assert!(run.stderr.contains(why), "{file}: {run:?}");
        assert_eq!(run.stdout, "");
        assert_eq!(state(home), before, "{file}");
    }
    fs::write(home.join("empty"), "").unwrap();
    fs::set_permissions(home.join("empty"), Permissions::from_mode(0o600)).unwrap();
    for file in ["empty", "good", "-"] {
        sandbox.run(["export", "json", file]).expect(0);
    }
    assert!(!home.join("-").exists());
}

#[test]
fn an_export_of_another_vault_is_refused_and_not_touched() {
    for format in ["dovecot", "json"] {
        let sandbox = Sandbox::with_three_keys();
        let run = |args: &[&str]| Run::of(sandbox.command(args.iter().copied()).output().unwrap());
        run(&["generate", "smtp", "else", "--vault", "other.db"]).expect(0);
        run(&["generate", "api", "web", "--vault", "other.db"]).expect(0);
        run(&["export", format, "users", "--vault", "other.db"]).expect(0);
        let path = sandbox.home().join("users");
        let before = fs::read(&path).unwrap();
        let refused = run(&["export", format, "users"]).expect(5);
        assert!(
            refused.stderr.contains("is an export of another vault"),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("move that one away"), "{refused:?}");
        // Nor does one in the settings.
        let file = path.to_str().unwrap();
        sandbox.settings(&format!(
            "[[export]]\nformat = \"{format}\"\nfile = \"{file}\"\n"
        ));
        run(&["rotate", "dev"]).expect(8);
        assert_eq!(fs::read(&path).unwrap(), before, "{format}");
        fs::remove_file(&path).unwrap();
        run(&["export"]).expect(0);
        // Its own earlier export is replaced, however old, including those without a mark and those
        // of a backup.
        run(&["backup", "copy.db"]).expect(0);
        run(&["export", format, "users", "--vault", "copy.db"]).expect(0);
        for name in ["prod-web", "prod-mail", "dev"] {
            run(&["delete", "-y", name]).expect(0);
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(" Vault: ") != (format == "json"), "{text}");
        let (title, rest) = text.split_once('\n').unwrap();
        let title = title.split(" Vault: ").next().unwrap();
        fs::write(&path, format!("{title}\n{rest}")).unwrap();
        run(&["export"]).expect(0);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_killed_export_leaves_the_old_or_the_new_file() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    sandbox.run(["activate", "dev"]).expect(0);
    let with = sandbox.read_exported();
    let mut killed = 0;
    for delay in 0..40 {
        let mut command = sandbox.command(["deactivate", "dev"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_micros(delay * 500));
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        let found = sandbox.read_exported();
        let is_without = !found.contains("\"dev\"") && found.ends_with("\n]\n");
        assert!(found == with || is_without, "{found}");
        sandbox.run(["activate", "dev", "--wait", "1s"]).expect(0);
        assert_eq!(sandbox.read_exported(), sandbox.export("json"));
    }
    assert!(killed > 5, "only {killed} were killed in time");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Every file in a folder, with its mode, link and contents.
fn state(folder: &Path) -> Vec<String> {
    let mut paths = crate::secrecy::watch::paths(folder);
    paths.sort();
    let state = paths.iter().map(|path| {
        let found = fs::symlink_metadata(path).unwrap();
        let contents = found.is_file().then(|| fs::read(path).unwrap());
        format!("{path:?} {:o} {} {contents:?}", found.mode(), found.nlink())
    });
    state.collect()
}
