//! A clock that is set back: recorded ends stay.

use std::fs;

use super::{at, verdict_at};
use crate::sandbox::Sandbox;

#[test]
fn recorded_ends_stay() {
    for see in [
        &["check"][..],
        &["describe", "other", "later"],
        &["deactivate", "other"],
        &["generate", "api", "new"],
        &["apply", "keys.toml", "--yes"],
        &["verify"],
    ] {
        let sandbox = Sandbox::new();
        let manifest = "[[key]]\nname = \"made\"\nkind = \"api\"\nsave = { file = \"made.key\" }\n";
        fs::write(sandbox.home().join("keys.toml"), manifest).unwrap();
        sandbox.generate(["api", "other"]);
        let brief = sandbox.generate(["smtp", "brief", "--expires", "1h"]);
        let old = sandbox.generate(["api", "ci"]);
        sandbox.run(["rotate", "ci", "--grace", "1h"]).expect(0);
        let secrets = [(&brief, "expired"), (&old, "retired")];
        match see {
            ["verify"] => secrets.map(|(secret, verdict)| {
                assert_eq!(verdict_at(&sandbox, "+2h", secret), verdict);
            }),
            _ => {
                at(&sandbox, "+2h", see);
                [(), ()]
            }
        };
        for (secret, verdict) in secrets {
            assert_eq!(sandbox.verify(secret).0, verdict, "{see:?}");
        }
        let export = sandbox.run(["export", "dovecot"]).expect(0);
        assert!(!export.stdout.contains("brief"), "{see:?}: {export:?}");
        let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
        let rows = "SELECT count(*) FROM smtp_login";
        let rows: i64 = vault.query_row(rows, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{see:?}");
        sandbox.run(["log", "verify"]).expect(0);
        let log = sandbox.run(["log", "brief"]).expect(0);
        assert!(log.stdout.contains("expire"), "{log:?}");
    }
}

#[test]
fn no_record_changes_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "brief", "--expires", "1h"]);
    let before = fs::read(sandbox.vault()).unwrap();
    for args in [&["list"][..], &["show", "brief"], &["log"], &["usage"]] {
        at(&sandbox, "+2h", args).expect(0);
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
    assert_eq!(sandbox.verify(&secret).0, "accepted");
}
