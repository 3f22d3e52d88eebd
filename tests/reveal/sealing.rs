//! A sealed secret is shown again while it is the default key's current one.

use std::fs;

use rusqlite::Connection;

use super::PASSPHRASE;
use crate::sandbox::{Run, Sandbox};

#[test]
fn the_secret_is_shown_again_with_its_passphrase() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let run = sandbox.reveal().expect(0);
    assert_eq!(run.secret(), secret);
    assert!(run.stderr.contains("default key `mail`"), "{run:?}");
    assert_eq!(sandbox.newest(), ("reveal".into(), "seal - opened".into()));
    assert_eq!(sandbox.verify(&secret).1, 0);
    for (format, part) in [
        ("json", format!("\"secret\":\"{secret}\"}}\n")),
        ("jsonl", format!("\"secret\":\"{secret}\"}}\n")),
        ("csv", format!(",{secret}\r\n")),
        ("env", format!("\nMAIL_SMTP_PASSWORD={secret}\n")),
    ] {
        let args = ["reveal", "--passphrase-file=pass", "--format", format];
        let run = sandbox.run(args).expect(0);
        assert!(run.stdout.ends_with(&part), "{format}: {run:?}");
    }
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn a_wrong_passphrase_reveals_nothing_and_is_logged() {
    let (sandbox, _) = Sandbox::with_default_key();
    for (at, wrong) in [
        "x",
        "correct horse batter",
        "correct horse battery ",
        "Correct horse battery",
    ]
    .into_iter()
    .enumerate()
    {
        sandbox.private("wrong", wrong.as_bytes());
        let run = sandbox
            .run(["reveal", "--passphrase-file", "wrong"])
            .expect(1);
        assert_eq!(run.stdout, "", "{wrong:?}");
        assert!(
            run.stderr.contains("cannot decrypt the secret of `mail`"),
            "{run:?}"
        );
        assert!(!run.stderr.contains("horse"), "{run:?}");
        assert_eq!(sandbox.newest(), ("reveal".into(), "seal - refused".into()));
        assert_eq!(sandbox.entries(), 2 + at);
    }
}

#[test]
fn a_vault_has_one_default_key_and_shows_which() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let second = [
        "generate",
        "smtp",
        "other",
        "--default",
        "--passphrase-file=pass",
    ];
    let run = sandbox.run(second).expect(4);
    assert!(
        run.stderr.contains("`mail` is already the default key"),
        "{run:?}"
    );
    assert!(run.stderr.contains("\nhint: "), "{run:?}");
    sandbox.run(["show", "other"]).expect(3);
    assert_eq!(sandbox.reveal().secret(), secret);
    sandbox.run(["delete", "--yes", "mail"]).expect(0);
    sandbox.reveal().expect(3);
    let new = sandbox.run(second).expect(0).secret();
    assert_eq!(sandbox.reveal().expect(0).secret(), new);
}

#[test]
fn only_an_smtp_key_can_be_the_default_and_only_on_request() {
    let sandbox = Sandbox::new();
    sandbox.private("pass", PASSPHRASE.as_bytes());
    for args in [
        [
            "generate",
            "api",
            "ci",
            "--default",
            "--passphrase-file=pass",
        ],
        [
            "generate",
            "smtp",
            "ci",
            "--inactive",
            "--passphrase-file=pass",
        ],
    ] {
        sandbox.run(args).expect(2);
    }
    assert!(!sandbox.vault().exists());
    sandbox.generate(["smtp", "plain"]);
    let run = sandbox.reveal().expect(3);
    assert!(run.stderr.contains("--default"), "{run:?}");
    let run = sandbox.run(["regenerate", "--yes", "plain", "--passphrase-file=pass"]);
    assert!(run.expect(2).stderr.contains("not the default key"));
}

#[test]
fn if_absent_creates_the_default_key_once() {
    let sandbox = Sandbox::new();
    sandbox.private("pass", PASSPHRASE.as_bytes());
    let vault = sandbox.home().join("new/vault.db");
    let vault = vault.to_str().unwrap();
    let args = |name| {
        let passphrase = "--passphrase-file=pass";
        [
            "generate",
            "smtp",
            name,
            "--if-absent",
            "--default",
            passphrase,
            "--vault",
            vault,
        ]
    };
    let secret = sandbox.run(args("mail")).expect(0).secret();
    assert_eq!(sandbox.run(args("mail")).expect(0).stdout, "");
    sandbox
        .run(["generate", "smtp", "plain", "--vault", vault])
        .expect(0);
    let run = sandbox.run(args("plain")).expect(4);
    assert!(run.stderr.contains("is not the default key"), "{run:?}");
    let run = sandbox.run(["reveal", "--passphrase-file=pass", "--vault", vault]);
    assert_eq!(run.expect(0).secret(), secret);
}

#[test]
fn a_regenerated_secret_is_sealed_with_a_new_passphrase_or_not_at_all() {
    let (sandbox, old) = Sandbox::with_default_key();
    sandbox.private("next", b"another fine passphrase");
    let run = sandbox.run(["regenerate", "--yes", "mail", "--passphrase-file=next"]);
    let new = run.expect(0).secret();
    assert_ne!(new, old);
    assert_eq!(sandbox.reveal().expect(1).stdout, "", "the old passphrase");
    let run = sandbox.run(["reveal", "--passphrase-file=next"]).expect(0);
    assert_eq!(run.secret(), new);
    let run = sandbox.run(["regenerate", "--yes", "mail"]).expect(0);
    assert!(
        run.stderr
            .contains("warning: `mail` is no longer the default key"),
        "{run:?}"
    );
    assert_eq!(
        sandbox.newest(),
        ("regenerate".into(), "default yes no".into())
    );
    assert_eq!(sandbox.reveal().expect(3).stdout, "");
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn a_rotation_drops_the_seal_and_aborting_does_not_restore_it() {
    let (sandbox, old) = Sandbox::with_default_key();
    let run = sandbox.run(["rotate", "mail"]).expect(0);
    assert!(
        run.stderr
            .contains("warning: `mail` is no longer the default key"),
        "{run:?}"
    );
    assert_eq!(sandbox.newest(), ("rotate".into(), "default yes no".into()));
    assert_eq!(sandbox.reveal().expect(3).stdout, "");
    sandbox
        .run(["rotate", "--abort", "--yes", "mail"])
        .expect(0);
    assert_eq!(sandbox.verify(&old).1, 0);
    assert_eq!(sandbox.reveal().expect(3).stdout, "");
}

#[test]
fn the_replacement_of_a_revoked_secret_is_not_sealed() {
    let (sandbox, _) = Sandbox::with_default_key();
    let run = sandbox
        .run(["revoke", "--replace", "--yes", "mail"])
        .expect(0);
    assert!(
        run.stderr
            .contains("warning: `mail` is no longer the default key"),
        "{run:?}"
    );
    assert_eq!(sandbox.reveal().expect(3).stdout, "");
}

#[test]
fn revealing_an_invalid_key_warns() {
    let (sandbox, secret) = Sandbox::with_default_key();
    sandbox.run(["deactivate", "mail"]).expect(0);
    let run = sandbox.reveal().expect(0);
    assert_eq!(run.secret(), secret);
    assert!(
        run.stderr.contains("warning: `mail` is inactive"),
        "{run:?}"
    );
}

#[test]
fn a_renamed_or_changed_key_stays_the_default_key() {
    let (sandbox, secret) = Sandbox::with_default_key();
    sandbox.run(["rename", "mail", "post"]).expect(0);
    sandbox.run(["set", "post", "--expires", "90d"]).expect(0);
    assert_eq!(sandbox.reveal().expect(0).secret(), secret);
}

#[test]
fn list_and_show_mark_the_default_key() {
    let (sandbox, _) = Sandbox::with_default_key();
    sandbox.generate(["smtp", "other"]);
    assert_eq!(sandbox.show("mail")["is_default"], true);
    assert_eq!(sandbox.show("other")["is_default"], false);
    assert!(sandbox.run(["show", "mail"]).stdout.contains("\ndefault "));
    assert!(!sandbox.run(["show", "other"]).stdout.contains("\ndefault "));
    let list = sandbox.run(["list"]).expect(0).stdout;
    let marked: Vec<_> = list
        .lines()
        .filter(|line| line.contains("active, default"))
        .collect();
    assert!(
        matches!(marked.as_slice(), [line] if line.starts_with("mail")),
        "{list}"
    );
}

#[test]
fn no_byte_of_an_old_seal_is_left_in_the_file() {
    for args in [
        &["regenerate", "--yes", "mail"][..],
        &["delete", "--yes", "mail"],
    ] {
        let (sandbox, _) = Sandbox::with_default_key();
        let select = "SELECT secret FROM sealed";
        let vault = Connection::open(sandbox.vault()).unwrap();
        let sealed: Vec<u8> = vault.query_row(select, [], |row| row.get(0)).unwrap();
        drop(vault);
        let left = || {
            let file = fs::read(sandbox.vault()).unwrap();
            let is_in = |part: &&[u8]| file.windows(8).any(|bytes| bytes == *part);
            sealed.windows(8).filter(is_in).count()
        };
        assert_eq!(left(), sealed.len() - 7);
        Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(0);
        assert_eq!(left(), 0, "{args:?}");
    }
}
