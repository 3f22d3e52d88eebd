//! Restrictions in exports, imports and backups: none is ever lost.

use serde_json::{Value, json};

use super::{run, shown};
use crate::import::QUICK;
use crate::sandbox::Sandbox;

/// A vault with restricted keys of each kind, one of them in a rotation, and an imported password.
fn restricted() -> Sandbox {
    let sandbox = Sandbox::new();
    let line = format!("old_user:{QUICK}");
    sandbox.import("dovecot", line).expect(0);
    for line in [
        "set old_user --sender .example.com --network 192.0.2.0/24 --limit 7/hour",
        "generate smtp shop --sender example.com,null --network 10.0.0.0/8,::1 --limit 5/day",
        "generate smtp other --sender robot@example.com",
        "generate api web --network 2001:db8::/32 --limit 9/day",
        "rotate shop",
        "rotate web",
        "rotate old_user",
    ] {
        run(&sandbox, line).expect(0);
    }
    sandbox
}

/// Checks that the keys are as the log says. Imported hashes may be weak.
#[track_caller]
fn expect_facts(sandbox: &Sandbox) {
    let doctor = sandbox.run(["doctor"]);
    assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
}

#[test]
fn an_export_keeps_them_in_another_vault() {
    let there = restricted();
    let export = there.run(["export", "json"]).expect(0).stdout;
    let here = Sandbox::new();
    here.import("json", &export).expect(0);
    assert_eq!(here.keys(), there.keys());
    for name in ["old_user", "shop", "other", "web"] {
        assert_eq!(shown(&here, name), shown(&there, name), "{name}");
        assert_ne!(shown(&here, name), [Value::Null, Value::Null, Value::Null]);
    }
    assert_eq!(here.run(["export", "json"]).expect(0).stdout, export);
    expect_facts(&here);
}

#[test]
fn an_import_that_would_lose_one_is_refused() {
    let there = restricted();
    let rows = there.run(["export", "json"]).expect(0).json();
    let rows = rows.as_array().unwrap();
    let row = |name: &str| {
        let found = rows.iter().find(|row| row["name"] == name);
        found.unwrap().clone()
    };
    let with = |name: &str, field: &str, value: Value| {
        let mut row = row(name);
        row[field] = value;
        row["retires_at"] = Value::Null;
        json!([row])
    };
    let user = |field: &str, value: &str| {
        let mut user = json!({"username": "some_user", "hash": QUICK});
        user[field] = value.into();
        json!([user])
    };
    for (objects, told) in [
        (
            with("web", "senders", json!("example.com")),
            "an API key has no `senders`",
        ),
        (
            with("shop", "permission", json!("full")),
            "an SMTP key has no `permission`",
        ),
        (
            with("shop", "networks", json!("10.0.0.1/8")),
            "not the first of its network",
        ),
        (with("shop", "networks", json!("")), "is not a network"),
        (
            with("shop", "networks", json!(["::1"])),
            "its `networks` is not a string",
        ),
        (with("shop", "senders", json!("*")), "is not a sender"),
        (with("shop", "limit", json!("few")), "is not a limit"),
        (user("senders", "@"), "is not a sender"),
        (user("networks", "here"), "is not a network"),
        (user("sender", "example.com"), "unknown field `sender`"),
        (user("network", "::1"), "unknown field `network`"),
        (user("allow_nets", "::1"), "unknown field `allow_nets`"),
    ] {
        let here = Sandbox::new();
        let refused = here.import("json", objects.to_string()).expect(2);
        assert!(refused.stderr.contains(told), "{told}: {refused:?}");
        assert!(!here.vault().exists());
    }
    // The old secret of a rotation cannot have others than the new one.
    for (field, value) in [("networks", "::1"), ("senders", "any"), ("limit", "none")] {
        let mut pair: Vec<Value> = rows
            .iter()
            .filter(|row| row["name"] == "shop")
            .cloned()
            .collect();
        assert_eq!(pair.len(), 2);
        pair[1][field] = value.into();
        let here = Sandbox::new();
        let refused = here.import("json", json!(pair).to_string()).expect(2);
        assert!(refused.stderr.contains("its access differs"), "{refused:?}");
    }
    let line = format!("some_user:{QUICK}::::::allow_nets=192.0.2.0/24");
    let refused = Sandbox::new().import("dovecot", line).expect(2);
    assert!(
        refused.stderr.contains("`allow_nets` would be lost"),
        "{refused:?}"
    );
}

#[test]
fn a_minimal_object_can_have_them() {
    let sandbox = Sandbox::new();
    let user = json!({
        "username": "some_user", "hash": QUICK,
        "senders": "example.com", "networks": "::ffff:192.0.2.1", "limit": "5/day",
    });
    sandbox.import("json", user.to_string()).expect(0);
    let expected = ["example.com", "192.0.2.1/32", "5/day"].map(Value::from);
    assert_eq!(shown(&sandbox, "some_user"), expected);
}

#[test]
fn a_restore_tells_which_ones_it_changes() {
    let sandbox = restricted();
    let copy = sandbox.backup("copy.db");
    let before = ["shop", "web"].map(|name| shown(&sandbox, name));
    for line in [
        "set shop --sender any --network any --limit none",
        "set web --network ::1",
    ] {
        run(&sandbox, line).expect(0);
    }
    let args = ["--dry-run", "--format", "json"];
    let rows = sandbox.restore(&args, &copy).json();
    let changed = |name: &str| -> Vec<Value> {
        let mut rows = rows.as_array().unwrap().iter();
        let row = rows.find(|row| row["name"] == name).unwrap();
        let change = row["change"].as_array().unwrap().iter();
        change.map(|change| change["field"].clone()).collect()
    };
    assert_eq!(changed("shop"), ["limit", "senders", "networks"]);
    assert_eq!(changed("web"), ["networks"]);
    sandbox.restore(&["--yes"], &copy).expect(0);
    assert_eq!(["shop", "web"].map(|name| shown(&sandbox, name)), before);
    expect_facts(&sandbox);
}
