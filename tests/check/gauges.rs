//! Gauges for node_exporter's textfile collector, as a real parser reads them.

use std::process::Command;

use serde_json::Value;

use super::{DAY, age, check, end, now, with_key};
use crate::sandbox::Sandbox;

/// Parses the text format and prints each sample as its name, its labels and its value.
const PARSER: &str = "
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.argv[1]))
assert all(family.type == 'gauge' and family.documentation for family in families)
json.dump([[sample.name, ' '.join(sample.labels.values()), int(sample.value)]
    for family in families for sample in family.samples], sys.stdout)
";

#[test]
fn keys_are_gauges_with_their_findings() {
    let sandbox = with_key("ci");
    sandbox.generate(["smtp", "overdue"]);
    sandbox.generate(["api", "stopped", "--expires", "3d"]);
    sandbox.run(["deactivate", "stopped"]).expect(0);
    end(&sandbox, "ci", now() + 5 * DAY);
    age(&sandbox, "ci", 10 * DAY);
    age(&sandbox, "overdue", 100 * DAY);
    let samples = samples(&sandbox, &[]);
    let of = |name: &str| -> Vec<(String, i64)> {
        let name = format!("postkey_{name}");
        let found = samples.iter().filter(|sample| sample[0] == *name);
        let found = found.map(|sample| (sample[1].as_str().unwrap().to_owned(), value(sample)));
        found.collect()
    };
    let api = |at: i64| ("ci api".to_owned(), at);
    let smtp = |at: i64| ("overdue smtp".to_owned(), at);
    let near = |found: &[(String, i64)], expected: &[(String, i64)]| {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.0, expected.0);
            assert!((found.1 - expected.1).abs() < 60, "{found:?} {expected:?}");
        }
    };
    near(&of("key_expiry_timestamp_seconds"), &[api(now() + 5 * DAY)]);
    let due = of("key_rotation_due_timestamp_seconds");
    near(&due, &[smtp(now() - 10 * DAY)]);
    assert_eq!(of("key_last_use_timestamp_seconds"), []);
    let named = |labels: &str| (labels.to_owned(), 1);
    assert_eq!(
        of("key_finding"),
        [
            named("ci api expiring"),
            named("overdue smtp rotation-due"),
            named("overdue smtp never-used"),
        ]
    );
    assert_eq!(of("checked_keys"), [(String::new(), 3)]);
    near(&of("check_timestamp_seconds"), &[(String::new(), now())]);
}

#[test]
fn the_last_use_is_a_gauge() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "web"]);
    sandbox
        .run_with_input(["verify"], secret.as_bytes())
        .expect(0);
    let samples = samples(&sandbox, &["web"]);
    let used = |sample: &&Value| sample[0] == "postkey_key_last_use_timestamp_seconds";
    let used = samples.iter().find(used).unwrap();
    assert_eq!(used[1], "web api");
    assert!((value(used) - now()).abs() < 60, "{used}");
}

#[test]
fn a_vault_without_keys_has_the_gauges_of_the_check_only() {
    let sandbox = with_key("ci");
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    let samples = samples(&sandbox, &[]);
    let names: Vec<_> = samples.iter().map(|sample| &sample[0]).collect();
    assert_eq!(
        names,
        ["postkey_checked_keys", "postkey_check_timestamp_seconds"]
    );
}

/// The samples of a check, which finds things and exits 0.
fn samples(sandbox: &Sandbox, args: &[&str]) -> Vec<Value> {
    let args = [&["check", "--quiet", "--format", "prometheus"], args].concat();
    let run = check(sandbox, &args).expect(0);
    assert_eq!(run.stderr, "");
    let mut parser = Command::new("/usr/bin/python3");
    let parsed = parser.args(["-c", PARSER, &run.stdout]).output().unwrap();
    assert!(parsed.status.success(), "{parsed:?} {}", run.stdout);
    serde_json::from_slice(&parsed.stdout).unwrap()
}

fn value(sample: &Value) -> i64 {
    sample[2].as_i64().unwrap()
}
