//! The passphrase's file must be private and plain.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use super::PASSPHRASE;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::NOBODY;

const MAKE: [&str; 4] = ["generate", "smtp", "new", "--default"];

#[test]
fn a_file_that_is_not_private_is_refused() {
    let (sandbox, _) = Sandbox::with_default_key();
    let home = sandbox.home();
    let text = PASSPHRASE.as_bytes();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o601, 0o777] {
        let name = format!("mode-{mode:o}");
        sandbox.private(&name, text);
        fs::set_permissions(home.join(name), Permissions::from_mode(mode)).unwrap();
    }
    symlink("pass", home.join("link")).unwrap();
    mkfifo(&home.join("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    fs::create_dir(home.join("folder")).unwrap();
    let mut refused = vec![
        "mode-640",
        "mode-604",
        "mode-620",
        "mode-602",
        "mode-601",
        "mode-777",
        "link",
        "fifo",
        "folder",
        "missing",
        "/dev/null",
        "/dev/zero",
    ];
    if geteuid().is_root() {
        sandbox.private("another's", text);
        chown(home.join("another's"), Some(NOBODY), None).unwrap();
        refused.push("another's");
    }
    expect_refused(&sandbox, &refused);
}

#[test]
fn a_first_line_that_is_no_passphrase_is_refused() {
    let (sandbox, _) = Sandbox::with_default_key();
    sandbox.private("empty", b"");
    sandbox.private("blank", b"\ncorrect horse battery\n");
    sandbox.private("binary", b"correct horse \xff battery");
    sandbox.private("endless", &vec![b'x'; 5000]);
    expect_refused(&sandbox, &["empty", "blank", "binary", "endless"]);
}

#[test]
fn a_weak_passphrase_is_refused_and_no_key_created() {
    let sandbox = Sandbox::new();
    let with = |text: &str| {
        sandbox.private("chosen", text.as_bytes());
        let args = [&MAKE[..], &["--passphrase-file", "chosen"]].concat();
        sandbox.run::<6>(args.try_into().unwrap())
    };
    for (text, why) in [
        ("vierzehn Zeich", "fewer than 15 characters"),
        (&"a".repeat(40), "repeats like"),
        ("passwordpassword1", "easily guessed"),
        ("qwertyuiopasdfgh", "easily guessed"),
    ] {
        let run = with(text).expect(2);
        assert!(run.stderr.contains(why), "{text}: {run:?}");
        assert!(!run.stderr.contains(text), "{text}: {run:?}");
        assert!(!sandbox.vault().exists());
    }
    with("fünfzehn Zeiche").expect(0);
    // The same applies to a new secret; the old one opens with its own passphrase.
    sandbox.private("weak", "a".repeat(40).as_bytes());
    let again = ["regenerate", "-y", "new", "--passphrase-file=weak"];
    sandbox.run(again).expect(2);
    sandbox.private("pass", "fünfzehn Zeiche".as_bytes());
    sandbox.reveal().expect(0);
}

#[test]
fn the_first_line_counts_without_its_end() {
    let (sandbox, secret) = Sandbox::with_default_key();
    for end in ["\n", "\r\n", "\nand more\n", "\r\n\r\n"] {
        sandbox.private("pass", format!("{PASSPHRASE}{end}").as_bytes());
        assert_eq!(sandbox.reveal().expect(0).secret(), secret, "{end:?}");
    }
    sandbox.private("pass", format!("{PASSPHRASE} \n").as_bytes());
    sandbox.reveal().expect(1);
}

/// No key is created and no secret revealed, and nothing is logged.
fn expect_refused(sandbox: &Sandbox, files: &[&str]) {
    let fresh = sandbox.home().join("fresh/vault.db");
    let before = sandbox.entries();
    for file in files {
        let run = sandbox.run(["reveal", "--passphrase-file", file]).expect(2);
        assert!(
            run.stdout.is_empty() && run.stderr.contains(file),
            "{file}: {run:?}"
        );
        assert!(run.stderr.contains("\nhint: "), "{file}: {run:?}");
        let vault = [
            "--vault",
            fresh.to_str().unwrap(),
            "--passphrase-file",
            file,
        ];
        let args: [&str; 8] = [&MAKE[..], &vault].concat().try_into().unwrap();
        let run = sandbox.run(args).expect(2);
        assert!(run.stdout.is_empty() && !fresh.exists(), "{file}: {run:?}");
    }
    assert_eq!(sandbox.entries(), before);
}
