//! What may exist at the path, and what may not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use super::{expect_silent, held, keys, mode, secret_in};
use crate::place::mounts::{expect_mounts, run_mounted};
use crate::sandbox::{POSTKEY, Run, Sandbox, copy_binary};
use crate::secrecy::watch::{NOBODY, as_user, program};

const TEXT: &str = "A=1\n";

/// What is created at a path, and the message.
type Kind = (&'static str, fn(&Path), &'static str);

const REFUSED: [Kind; 13] = [
    (
        "a link",
        |path| symlink("/nowhere/else", path).unwrap(),
        "symbolic link",
    ),
    (
        "a link to a file",
        |path| {
            fs::write(path.with_file_name("aim"), TEXT).unwrap();
            symlink("aim", path).unwrap();
        },
        "symbolic link",
    ),
    (
        "a link to standard output",
        |path| symlink("/dev/stdout", path).unwrap(),
        "symbolic link",
    ),
    (
        "a FIFO",
        |path| mkfifo(path, Mode::S_IRWXU).unwrap(),
        "not a regular file",
    ),
    (
        "a socket",
        |path| drop(UnixListener::bind(path).unwrap()),
        "not a regular file",
    ),
    (
        "a folder",
        |path| fs::create_dir(path).unwrap(),
        "is a folder",
    ),
    (
        "a hard link",
        |path| {
            with_mode(path, 0o600);
            fs::hard_link(path, path.with_file_name("other")).unwrap();
        },
        "more than one hard link",
    ),
    (
        "readable by all",
        |path| with_mode(path, 0o604),
        "accessible to every user",
    ),
    (
        "writable by all",
        |path| with_mode(path, 0o602),
        "accessible to every user",
    ),
    (
        "open to all",
        |path| with_mode(path, 0o777),
        "accessible to every user",
    ),
    (
        "set twice",
        |path| {
            with_mode(path, 0o600);
            fs::write(
                path,
                "CI_API_KEY=1\nNEW_API_KEY=1\nCI_API_KEY=2\nNEW_API_KEY=2\n",
            )
            .unwrap();
        },
        "more than once",
    ),
    (
        "too long",
        |path| {
            with_mode(path, 0o600);
            fs::write(path, "x".repeat((1 << 20) + 1)).unwrap();
        },
        "longer than 1 MiB",
    ),
    (
        "another's, in a folder for all",
        |path| {
            with_mode(path, 0o600);
            fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
            if geteuid().is_root() {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            } else {
                fs::set_permissions(path, Permissions::from_mode(0o606)).unwrap();
            }
        },
        "",
    ),
];

fn with_mode(path: &Path, mode: u32) {
    fs::write(path, TEXT).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The complete state of a path.
fn state(path: &Path) -> String {
    let found = fs::symlink_metadata(path).unwrap();
    let text = found.is_file().then(|| fs::read(path).unwrap());
    let marks = (
        found.mode(),
        found.uid(),
        found.gid(),
        found.ino(),
        found.nlink(),
    );
    let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
    format!("{marks:?} {names} {:?} {text:?}", fs::read_link(path).ok())
}

#[test]
fn protected_files_are_refused_before_anything_is_done() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    for (kind, make, says) in REFUSED {
        let folder = sandbox.home().join(kind);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("file");
        make(&path);
        let before = state(&path);
        for args in [
            &["generate", "api", "new"][..],
            &["regenerate", "--yes", "ci"],
            &["rotate", "ci"],
        ] {
            let path = path.to_str().unwrap();
            let args = [args, &["--format", "env", "--save", path]].concat();
            let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(6);
            expect_silent(&run);
            assert!(
                run.stderr.contains(says) && run.stderr.contains("\nhint: "),
                "{kind}: {run:?}"
            );
            assert_eq!(state(Path::new(path)), before, "{kind}: {args:?}");
            assert_eq!(keys(&sandbox), ["ci"], "{kind}: {args:?}");
            assert_eq!(sandbox.verify(&old).0, "accepted", "{kind}: {args:?}");
        }
    }
    assert_eq!(sandbox.show("ci")["log"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unwritable_destination_is_refused_before_anything_is_done() {
    let sandbox = Sandbox::new();
    let closed = sandbox.home().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
    let mut refused = vec!["missing/file", "/dev/full", "/dev/null", "/proc/version"];
    if !geteuid().is_root() {
        refused.push("closed/file");
    }
    for path in refused {
        for format in ["text", "env"] {
            let run = sandbox.run(["generate", "api", "new", "--save", path, "--format", format]);
            expect_silent(&run.expect(6));
            assert!(!sandbox.vault().exists(), "{path}");
        }
    }
}

#[test]
fn a_missing_folder_is_reported_with_a_hint() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["generate", "api", "new", "--save", "missing/file"]);
    let told = run.expect(6).stderr;
    assert!(
        told.contains("the folder `missing` does not exist\n"),
        "{told}"
    );
    assert!(
        told.contains("hint: run `mkdir -p -m 700 missing`"),
        "{told}"
    );
    assert!(!told.contains(".postkey-"), "{told}");
}

#[test]
fn a_file_that_only_begins_like_a_result_is_not_replaced() {
    for (format, foreign) in [
        (
            "json",
            "{\"name\":\"x\",\"secret\":\"zzz\",\"other\":\"precious\"}\n",
        ),
        (
            "jsonl",
            "{\"name\":\"x\",\"kind\":\"api\",\"tail\":\"t\"}\n",
        ),
        ("csv", "name,secret\nfoo,bar\n"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.private("f", foreign.as_bytes());
        let save = ["generate", "api", "ci", "--save", "f", "--format", format];
        let run = sandbox.run(save).expect(6);
        assert!(run.stderr.contains("has other contents"), "{run:?}");
        assert_eq!(held(&sandbox, "f"), foreign);
    }
}

#[test]
fn a_file_of_something_else_is_not_replaced_whole() {
    let sandbox = Sandbox::new();
    sandbox.private("app.env", b"A=1\nB=2\n");
    for format in ["text", "json", "csv"] {
        let run = sandbox.run([
            "generate", "api", "new", "--save", "app.env", "--format", format,
        ]);
        let run = run.expect(6);
        assert!(run.stderr.contains("has other contents"), "{run:?}");
        assert!(run.stderr.contains("--format env"), "{run:?}");
    }
    assert_eq!(held(&sandbox, "app.env"), "A=1\nB=2\n");
    assert!(!sandbox.vault().exists());
}

#[test]
fn a_file_is_0600_at_every_umask_and_keeps_the_mode_that_it_has() {
    for umask in ["000", "022", "077", "777"] {
        let sandbox = Sandbox::new();
        sandbox.private("group", TEXT.as_bytes());
        let (new, group) = (sandbox.home().join("new"), sandbox.home().join("group"));
        fs::set_permissions(&group, Permissions::from_mode(0o640)).unwrap();
        for (number, name) in ["new", "group", "new", "group"].iter().enumerate() {
            let script = format!("umask {umask}; exec \"$@\"");
            let key = format!("{name}-{number}");
            let args = ["-c", &script, "sh", POSTKEY, "generate", "api", &key];
            let args = args.into_iter().chain(["--format", "env", "--save", name]);
            Run::of(program(&sandbox.command(args), "sh").output().unwrap()).expect(0);
        }
        assert_eq!((mode(&new), mode(&group)), (0o600, 0o640), "umask {umask}");
        assert_eq!(held(&sandbox, "group").lines().count(), 3);
        assert_eq!(held(&sandbox, "new").lines().count(), 2);
    }
}

#[test]
fn a_file_is_never_visible_to_others_or_incomplete() {
    let sandbox = Sandbox::new();
    sandbox.private("app.env", TEXT.as_bytes());
    // Every file opened for writing outside of the vault is created exclusively, with mode 0600.
    let args = [
        "-f",
        "-e",
        "trace=openat,open,creat,fchmod,chmod,rename,renameat,renameat2,fsync",
    ];
    let command = [
        "-o", "trace", POSTKEY, "generate", "api", "web", "--format", "env",
    ];
    let args = args.into_iter().chain(command).chain(["--save", "app.env"]);
    Run::of(program(&sandbox.command(args), "strace").output().unwrap()).expect(0);
    let trace = held(&sandbox, "trace");
    let made: Vec<_> = trace
        .lines()
        .filter(|line| line.contains("\".postkey-") && line.contains("O_CREAT"))
        .collect();
    assert!(!made.is_empty(), "{trace}");
    for line in made {
        assert!(line.contains("O_EXCL") && line.contains("0600"), "{line}");
    }
    let place = |what: &str| {
        let at = trace.lines().position(|line| line.contains(what));
        at.unwrap_or_else(|| panic!("no {what}: {trace}"))
    };
    let renamed = place("\"app.env\")");
    let is_synced = |lines: &[&str]| lines.iter().any(|line| line.contains("fsync("));
    let lines: Vec<_> = trace.lines().collect();
    assert!(
        is_synced(&lines[..renamed]) && is_synced(&lines[renamed..]),
        "{trace}"
    );
    assert!(!lines[renamed].contains("O_CREAT"));
}

#[test]
fn a_full_disk_leaves_the_file_and_the_keys_as_they_were() {
    expect_mounts();
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    fs::create_dir(sandbox.home().join("full")).unwrap();
    // The file is on the full disk, the vault is not.
    let script = r#"mount -t tmpfs -o size=4k none "$0" && umask 077 && printf 'A=1\n' >"$0/env" || exit 99
        "$@"; status=$?
        test "$(cat "$0/env")" = A=1 && test "$(ls -A "$0")" = env && exit $status; exit 98"#;
    for args in [
        &["generate", "api", "new"][..],
        &["regenerate", "--yes", "ci"],
        &["rotate", "ci"],
    ] {
        let args = [args, &["--format", "env", "--save", "full/env"]].concat();
        let run = run_mounted(&sandbox, script, &sandbox.home().join("full"), &args).expect(6);
        assert!(run.stderr.contains("No space left"), "{run:?}");
        assert_eq!(sandbox.verify(&old).0, "accepted");
    }
    assert_eq!(keys(&sandbox), ["ci"]);
}

#[test]
fn another_users_file_keeps_its_owner() {
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.home(), Permissions::from_mode(0o755)).unwrap();
    let folder = sandbox.home().join("app");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("env");
    with_mode(&path, 0o640);
    if !geteuid().is_root() {
        return expect_refused_to_others(&sandbox, &path);
    }
    for owned in [&folder, &path] {
        chown(owned, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // Root sets a variable in an application's file, which keeps its owner.
    let save = [
        "generate", "api", "web", "--format", "env", "--save", "app/env",
    ];
    sandbox.run(save).expect(0);
    let found = fs::metadata(&path).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), mode(&path)),
        (NOBODY, NOBODY, 0o640)
    );
    secret_in(&held(&sandbox, "app/env"));
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    chown(&path, Some(0), Some(0)).unwrap();
    expect_refused_to_others(&sandbox, &path);
}

/// Other users cannot replace the file, even if the folder allows it.
fn expect_refused_to_others(sandbox: &Sandbox, path: &Path) {
    let other = Sandbox::new();
    let before = state(path);
    let binary = other.home().join("postkey");
    copy_binary(&binary);
    if geteuid().is_root() {
        chown(other.home(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut command = Command::new(&binary);
    command
        .args(["generate", "api", "web", "--format", "env", "--save"])
        .arg(if geteuid().is_root() {
            path
        } else {
            Path::new("/etc/passwd")
        })
        .env_clear()
        .env("HOME", other.home())
        .current_dir(sandbox.home())
        .stdin(Stdio::null());
    let run = Run::of(as_user(&mut command, NOBODY).output().unwrap()).expect(6);
    expect_silent(&run);
    assert_eq!(state(path), before);
}
