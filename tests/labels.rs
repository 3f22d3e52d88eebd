//! Labels and owners of keys: given, shown, changed, logged, and never lost.

mod older;

use std::fs;

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};

/// Runs a command line whose words have no blanks.
fn run(sandbox: &Sandbox, line: &str) -> Run {
    Run::of(sandbox.command(line.split(' ')).output().unwrap())
}

/// The labels and the owner of a key, as `show` prints them.
#[track_caller]
fn shown(sandbox: &Sandbox, name: &str) -> [Value; 2] {
    let key = sandbox.show(name);
    ["labels", "owner"].map(|field| key[field].clone())
}

#[test]
fn a_key_has_the_given_labels_and_owner_in_every_format() {
    let sandbox = Sandbox::new();
    run(&sandbox, "generate api plain").expect(0);
    let table = run(&sandbox, "list").expect(0).stdout;
    assert!(
        !table.contains("LABELS") && !table.contains("OWNER"),
        "{table}"
    );
    let line = "generate api shop --label team=shop,Env=prod --label tier=1 --owner team-shop";
    run(&sandbox, line).expect(0);
    assert_eq!(shown(&sandbox, "plain"), [json!({}), Value::Null]);
    let labels = json!({"env": "prod", "team": "shop", "tier": "1"});
    assert_eq!(
        shown(&sandbox, "shop"),
        [labels.clone(), json!("team-shop")]
    );
    let told = run(&sandbox, "show shop").expect(0).stdout;
    assert!(told.contains("env=prod,team=shop,tier=1"), "{told}");
    let table = run(&sandbox, "list").expect(0).stdout;
    assert!(
        table.contains("LABELS") && table.contains("OWNER"),
        "{table}"
    );
    let csv = run(&sandbox, "list --format csv --fields name,labels,owner").expect(0);
    let rows = "name,labels,owner\r\nplain,,\r\nshop,\"env=prod,team=shop,tier=1\",team-shop\r\n";
    assert_eq!(csv.stdout, rows);
    let csv = run(&sandbox, "list --format csv").expect(0).stdout;
    assert!(
        csv.lines().next().unwrap().ends_with(",labels,owner"),
        "{csv}"
    );
    let listed = run(&sandbox, "list --format jsonl").expect(0).stdout;
    let key: Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    assert_eq!(key["labels"], labels);
}

#[test]
fn invalid_labels_are_refused_before_anything_is_created() {
    let sandbox = Sandbox::new();
    for (flags, told) in [
        ("--label env", "a label is a name and a value"),
        ("--label env=", "1 to 100 characters"),
        ("--label env=a,env=b", "`env` occurs twice"),
        ("--label env=a --label ENV=b", "`env` occurs twice"),
        ("--label=-x=a", "not a label's name"),
        ("--owner \u{1b}[31m", "control or invisible"),
    ] {
        let refused = run(&sandbox, &format!("generate api web {flags}")).expect(2);
        assert!(refused.stderr.contains(told), "{flags}: {refused:?}");
        assert!(refused.stdout.is_empty(), "{flags}: {refused:?}");
    }
    assert!(!sandbox.vault().exists());
}

#[test]
fn set_adds_changes_and_removes_labels_and_logs_it() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "shop"]);
    for (flags, told) in [
        ("--label env=prod,team=shop", "labels env=prod,team=shop"),
        (
            "--label env=test",
            "labels env=prod,team=shop → env=test,team=shop",
        ),
        ("--label env=test", ""),
        (
            "--clear-label team,none --label tier=1",
            "labels env=test,team=shop → env=test,tier=1",
        ),
        (
            "--clear-label env --clear-label tier",
            "labels were env=test,tier=1",
        ),
        ("--owner ada", "owner ada"),
        ("--owner bob", "owner ada → bob"),
        ("--clear-owner", "owner was bob"),
    ] {
        let changed = run(&sandbox, &format!("set shop {flags}")).expect(0);
        match told {
            "" => assert!(changed.stderr.contains("unchanged"), "{changed:?}"),
            told => {
                assert!(changed.stderr.contains(told), "{flags}: {changed:?}");
                let log = run(&sandbox, "log --last 1 --format csv").expect(0).stdout;
                assert!(log.contains(told), "{flags}: {log}");
            }
        }
    }
    assert_eq!(shown(&sandbox, "shop"), [json!({}), Value::Null]);
    let refused = run(&sandbox, "set shop --owner a --clear-owner").expect(2);
    assert!(
        refused.stderr.contains("cannot be used with"),
        "{refused:?}"
    );
    run(&sandbox, "doctor").expect(0);
    run(&sandbox, "log verify").expect(0);
}

#[test]
fn a_key_has_at_most_32_labels() {
    let sandbox = Sandbox::new();
    let labels: Vec<String> = (0..32)
        .map(|number| format!("n{number}={number}"))
        .collect();
    run(
        &sandbox,
        &format!("generate api web --label {}", labels.join(",")),
    )
    .expect(0);
    let refused = run(&sandbox, "set web --label more=1").expect(2);
    assert!(refused.stderr.contains("at most 32"), "{refused:?}");
    assert_eq!(shown(&sandbox, "web")[0].as_object().unwrap().len(), 32);
    run(&sandbox, "set web --clear-label n0 --label more=1").expect(0);
}

#[test]
fn an_existing_key_with_other_labels_is_reported() {
    let sandbox = Sandbox::new();
    run(&sandbox, "generate api web --label env=prod").expect(0);
    let again = "generate api web --if-absent --label env=test --owner ada";
    let told = run(&sandbox, again).expect(0).stderr;
    assert!(told.contains("labels are env=prod, not env=test"), "{told}");
    assert!(told.contains("owner is none, not ada"), "{told}");
    run(&sandbox, &format!("{again} --strict")).expect(4);
    assert_eq!(
        shown(&sandbox, "web"),
        [json!({"env": "prod"}), Value::Null]
    );
}

#[test]
fn an_export_and_a_backup_keep_them() {
    let there = Sandbox::new();
    for line in [
        "generate smtp shop --label env=prod,team=shop --owner team-shop",
        "generate api web --label env=test",
        "generate api plain",
        "rotate shop",
    ] {
        run(&there, line).expect(0);
    }
    let export = there.run(["export", "json"]).expect(0).stdout;
    let here = Sandbox::new();
    here.import("json", &export).expect(0);
    for name in ["shop", "web", "plain"] {
        assert_eq!(shown(&here, name), shown(&there, name), "{name}");
    }
    assert_eq!(here.run(["export", "json"]).expect(0).stdout, export);
    run(&here, "doctor").expect(0);

    run(&there, "backup copy.db").expect(0);
    run(&there, "set shop --label env=test --clear-owner").expect(0);
    let compared = run(&there, "restore --dry-run copy.db");
    let change = "labels env=test,team=shop → env=prod,team=shop";
    assert!(compared.stdout.contains(change), "{compared:?}");
    run(&there, "restore copy.db --yes").expect(0);
    let before = [json!({"env": "prod", "team": "shop"}), json!("team-shop")];
    assert_eq!(shown(&there, "shop"), before);
    run(&there, "delete --yes shop web").expect(0);
    let doctor = run(&there, "doctor").stdout;
    assert!(
        doctor.contains("✓  whole") && doctor.contains("✓  facts"),
        "{doctor}"
    );
}

#[test]
fn an_import_of_invalid_labels_names_the_line() {
    let sandbox = Sandbox::new();
    let hash = crate::import::QUICK;
    for (labels, told) in [
        (
            json!("env=prod"),
            "its `labels` are not an object of strings",
        ),
        (json!(["env"]), "its `labels` are not an object of strings"),
        (
            json!({"env": 1}),
            "its `labels` are not an object of strings",
        ),
        (json!({"": "x"}), "not a label's name"),
        (json!({"env": "a,b"}), "a comma separates"),
        (json!({"env": "a", "ENV": "b"}), "`env` occurs twice"),
    ] {
        let user = json!([{"username": "some_user", "hash": hash, "labels": labels}]);
        let refused = sandbox.import("json", user.to_string()).expect(2);
        assert!(refused.stderr.contains(told), "{labels}: {refused:?}");
    }
    let user =
        json!([{"username": "some_user", "hash": hash, "labels": {"env": "prod"}, "owner": "ada"}]);
    sandbox.import("json", user.to_string()).expect(0);
    assert_eq!(
        shown(&sandbox, "some_user"),
        [json!({"env": "prod"}), json!("ada")]
    );
}

fn manifest(fields: &str) -> String {
    let save = "save = { file = \"web.key\" }";
    format!("[[key]]\nname = \"web\"\nkind = \"api\"\n{fields}\n{save}\n")
}

#[test]
fn a_manifest_sets_all_labels_and_the_owner() {
    let sandbox = Sandbox::new();
    let apply = |fields: &str, flags: &str| {
        fs::write(sandbox.home().join("keys.toml"), manifest(fields)).unwrap();
        run(&sandbox, &format!("apply keys.toml{flags}"))
    };
    let both = "labels = { env = \"prod\", Team = \"shop\" }\nowner = \"ada\"";
    let created = apply(both, "").expect(0);
    assert!(
        created.stdout.contains("labels env=prod,team=shop"),
        "{created:?}"
    );
    assert!(created.stdout.contains("owner ada"), "{created:?}");
    let prod = json!({"env": "prod", "team": "shop"});
    assert_eq!(shown(&sandbox, "web"), [prod.clone(), json!("ada")]);
    apply(both, " --dry-run").expect(0);
    apply("", " --dry-run").expect(0);
    run(&sandbox, "set web --label env=test,more=1 --owner bob").expect(0);
    let drift = apply(both, " --dry-run").expect(1);
    let told = "labels env=test,more=1,team=shop → env=prod,team=shop";
    assert!(drift.stdout.contains(told), "{drift:?}");
    assert!(drift.stdout.contains("owner bob → ada"), "{drift:?}");
    apply(both, "").expect(0);
    assert_eq!(shown(&sandbox, "web"), [prod, json!("ada")]);
    apply("labels = {}\nowner = \"\"", "").expect(0);
    assert_eq!(shown(&sandbox, "web"), [json!({}), Value::Null]);
}

#[test]
fn a_mistake_in_the_labels_of_a_manifest_has_its_line() {
    let sandbox = Sandbox::new();
    for (fields, told, hint) in [
        (
            "labels = \"env=prod\"",
            "it is text, but must be a table",
            "write `labels = {",
        ),
        (
            "labels = { env = 1 }",
            "`env`: it is a number",
            "quotation marks: \"1\"",
        ),
        (
            "labels = { \"a b\" = \"x\" }",
            "not a label's name",
            "as in `env=prod`",
        ),
        (
            "labels = { env = \"\" }",
            "1 to 100 characters",
            "removes a label",
        ),
        (
            "label = { env = \"x\" }",
            "no field `label`",
            "did you mean `labels`",
        ),
        ("owner = 5", "it is a number", "quotation marks"),
    ] {
        fs::write(sandbox.home().join("keys.toml"), manifest(fields)).unwrap();
        let refused = run(&sandbox, "apply keys.toml").expect(2);
        assert!(refused.stderr.contains("keys.toml:4: "), "{refused:?}");
        assert!(refused.stderr.contains(told), "{fields}: {refused:?}");
        assert!(refused.stderr.contains(hint), "{fields}: {refused:?}");
    }
    assert!(!sandbox.vault().exists());
}
