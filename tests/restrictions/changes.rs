//! Changes of restrictions: `set`, manifests, many keys at once, keys that exist already.

use serde_json::{Value, json};

use super::{run, shown};
use crate::sandbox::Sandbox;

#[test]
fn set_changes_each_restriction_and_logs_it() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "shop"]);
    for (flags, told, field, from, to) in [
        (
            "--sender example.com,null",
            "senders example.com,null",
            "senders",
            Value::Null,
            json!("example.com,null"),
        ),
        (
            "--sender .example.com",
            "senders example.com,null → .example.com",
            "senders",
            json!("example.com,null"),
            json!(".example.com"),
        ),
        (
            "--network 10.0.0.0/8",
            "networks 10.0.0.0/8",
            "networks",
            Value::Null,
            json!("10.0.0.0/8"),
        ),
        (
            "--limit 100/day",
            "limit 100/day",
            "limit",
            Value::Null,
            json!("100/day"),
        ),
        (
            "--plan free",
            "limit 100/day → 300/day",
            "limit",
            json!("100/day"),
            json!("300/day"),
        ),
        (
            "--sender any",
            "senders were .example.com",
            "senders",
            json!(".example.com"),
            Value::Null,
        ),
        (
            "--network any",
            "networks were 10.0.0.0/8",
            "networks",
            json!("10.0.0.0/8"),
            Value::Null,
        ),
        (
            "--limit none",
            "limit was 300/day",
            "limit",
            json!("300/day"),
            Value::Null,
        ),
    ] {
        let set = run(&sandbox, &format!("set shop {flags}")).expect(0);
        assert_eq!(set.stderr, format!("`shop`: {told}\n"), "{flags}");
        let again = run(&sandbox, &format!("set shop {flags}")).expect(0);
        assert!(again.stderr.contains("unchanged"), "{again:?}");
        let log = sandbox.run(["log", "--last", "1", "--format", "json"]);
        let change = json!([{ "field": field, "from": from, "to": to }]);
        assert_eq!(log.expect(0).json()[0]["change"], change, "{flags}");
    }
    assert_eq!(
        shown(&sandbox, "shop"),
        [Value::Null, Value::Null, Value::Null]
    );
    sandbox.run(["doctor"]).expect(0);
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn other_changes_of_a_key_keep_its_restrictions() {
    let sandbox = Sandbox::new();
    let restrict = [
        "--sender",
        "example.com",
        "--network",
        "::1",
        "--limit",
        "3/day",
    ];
    let make = [&["generate", "smtp", "shop"], &restrict[..]].concat();
    run(&sandbox, &make.join(" ")).expect(0);
    let before = shown(&sandbox, "shop");
    for line in [
        "set shop --description x",
        "rename shop mail",
        "deactivate mail",
        "activate mail",
        "rotate mail",
        "rotate --finish --yes mail",
        "regenerate --yes mail",
        "set mail --expires 90d",
        "rename mail shop",
    ] {
        run(&sandbox, line).expect(0);
    }
    assert_eq!(shown(&sandbox, "shop"), before);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn if_absent_compares_the_restrictions() {
    let sandbox = Sandbox::new();
    let shop = "smtp shop --sender example.com --network 10.0.0.0/8 --limit 3/day";
    run(&sandbox, &format!("generate {shop}")).expect(0);
    for (flags, says) in [
        ("--sender any", "senders are example.com, not any"),
        ("--sender null", "senders are example.com, not null"),
        ("--network ::1", "networks are 10.0.0.0/8, not ::1/128"),
        ("--network any", "networks are 10.0.0.0/8, not any"),
        ("--limit none", "limit is 3/day, not none"),
        ("--plan free", "limit is 3/day, not 300/day"),
    ] {
        let ask = format!("generate smtp shop --if-absent {flags}");
        let told = run(&sandbox, &ask).expect(0);
        assert!(told.stderr.contains(says), "{told:?}");
        let told = run(&sandbox, &format!("{ask} --strict")).expect(4);
        assert!(told.stderr.contains(says), "{told:?}");
    }
    for same in ["smtp shop", shop] {
        let line = format!("generate {same} --if-absent --strict");
        let told = run(&sandbox, &line).expect(0);
        assert!(!told.stderr.contains("differs"), "{told:?}");
    }
}

#[test]
fn many_keys_get_the_same_restrictions() {
    let sandbox = Sandbox::new();
    sandbox.write("names", "a\nb\n");
    let line = "generate smtp --from names --save-dir keys --sender example.com --limit 9/day \
                --network 10.0.0.0/8";
    run(&sandbox, line).expect(0);
    let expected = ["example.com", "10.0.0.0/8", "9/day"].map(Value::from);
    for name in ["a", "b"] {
        assert_eq!(shown(&sandbox, name), expected);
    }
    let differs = line.replace("9/day", "8/day") + " --if-absent --strict";
    let told = run(&sandbox, &differs).expect(4);
    assert!(
        told.stderr.contains("limit is 9/day, not 8/day"),
        "{told:?}"
    );
}

/// A manifest of an SMTP key with these lines.
fn manifest(lines: &str) -> String {
    format!(
        "[[key]]\nname = \"shop\"\nkind = \"smtp\"\nsave = {{ file = \".env\", username = \"U\", \
         secret = \"S\" }}\n{lines}\n"
    )
}

#[test]
fn a_manifest_sets_restrictions_and_leaves_those_alone_that_it_does_not_name() {
    let all = "sender = \"example.com\"\nnetwork = \"10.0.0.0/8\"\nplan = \"free\"";
    let sandbox = Sandbox::with_manifest(&manifest(all));
    sandbox.apply(&[]).expect(0);
    let full = ["example.com", "10.0.0.0/8", "300/day"].map(Value::from);
    assert_eq!(shown(&sandbox, "shop"), full);
    run(&sandbox, "set shop --sender any --network ::1 --limit none").expect(0);
    let rows = sandbox.rows(&["--dry-run"], 1);
    let mut fields: Vec<&str> = rows[0]["change"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["field"].as_str().unwrap())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["limit", "networks", "senders"]);
    sandbox.apply(&[]).expect(0);
    assert_eq!(shown(&sandbox, "shop"), full);
    sandbox.manifest(&manifest(""));
    let kept = sandbox.apply(&[]).expect(0);
    assert_eq!(kept.stderr, "everything matches the manifest\n");
    assert_eq!(shown(&sandbox, "shop"), full);
    sandbox.manifest(&manifest(
        "sender = \"any\"\nnetwork = \"any\"\nlimit = \"none\"",
    ));
    sandbox.apply(&[]).expect(0);
    assert_eq!(
        shown(&sandbox, "shop"),
        [Value::Null, Value::Null, Value::Null]
    );
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn a_manifest_names_no_restriction_of_the_other_kind_or_of_a_decoy() {
    let api = "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = { file = \"web\" }\n";
    for (text, told) in [
        (
            format!("{api}sender = \"any\""),
            "an API key has no `sender`",
        ),
        (
            manifest("permission = \"full\""),
            "an SMTP key has no `permission`",
        ),
        (
            manifest("decoy = true\nsender = \"any\""),
            "a decoy has no `sender`",
        ),
        (
            manifest("decoy = true\nnetwork = \"::1\""),
            "a decoy has no `network`",
        ),
        (
            manifest("decoy = true\nlimit = \"1/day\""),
            "a decoy has no `limit`",
        ),
        (manifest("network = [\"::1\"]"), "network: "),
    ] {
        let sandbox = Sandbox::with_manifest(&text);
        let refused = sandbox.apply(&[]).expect(2);
        assert!(refused.stderr.contains(told), "{refused:?}");
        assert!(!sandbox.vault().exists());
    }
}
