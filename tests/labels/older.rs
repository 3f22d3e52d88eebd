//! A vault with schema 10, which knew neither labels nor owners.

use serde_json::json;

use super::run;
use crate::backup::vault_of;
use crate::sandbox::Sandbox;

const TENTH: &str = include_str!("../fixtures/vault-v10.sql");

#[test]
fn a_vault_with_schema_10_can_get_labels() {
    let sandbox = Sandbox::new();
    let vault = sandbox.home().join("older.db");
    vault_of(TENTH, &vault);
    let path = vault.to_str().unwrap();
    let key = |name: &str| run(&sandbox, &format!("show {name} --json --vault {path}")).json();
    assert_eq!(key("rails-app")["labels"], json!({}));
    assert_eq!(key("rails-app")["networks"], "10.0.0.0/8");
    run(
        &sandbox,
        &format!("set rails-app --label env=prod --owner ada --vault {path}"),
    )
    .expect(0);
    let changed = key("rails-app");
    assert_eq!(changed["labels"], json!({"env": "prod"}));
    assert_eq!(
        [&changed["owner"], &changed["senders"]],
        ["ada", "example.com,null"]
    );
    assert!(sandbox.home().join("older.db.schema-10").exists());
    let doctor = run(&sandbox, &format!("doctor --vault {path}"));
    for check in ["✓  schema", "✓  facts"] {
        assert!(doctor.stdout.contains(check), "{doctor:?}");
    }
    run(&sandbox, &format!("log verify --vault {path}")).expect(0);
}
