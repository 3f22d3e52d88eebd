//! Keys that are selected by what they are, and dry runs.

mod asking;
mod dry;
mod known;

use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// Runs a command line whose words have no blanks.
fn run(sandbox: &Sandbox, line: &str) -> Run {
    Run::of(sandbox.command(line.split(' ')).output().unwrap())
}

/// Four keys: two of the shop, one of them inactive, another team's, and a decoy.
fn stocked() -> Sandbox {
    let sandbox = Sandbox::new();
    for line in [
        "generate api web --label team=shop,env=prod --owner ada --permission read-only",
        "generate smtp mail --label team=shop,env=test --expires 9d",
        "generate api off --label team=shop --inactive",
        "generate api other --label team=news --owner bob",
        "generate api bait --decoy --label team=shop",
        "rotate other",
    ] {
        run(&sandbox, line).expect(0);
    }
    sandbox
}

/// Each key with its status.
fn statuses(sandbox: &Sandbox) -> Vec<(String, String)> {
    let listed = run(sandbox, "list --json --sort name").expect(0).json();
    let of = |key: &Value| {
        let text = |field: &str| key[field].as_str().unwrap().to_owned();
        (text("name"), text("status"))
    };
    listed.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn reading_commands_show_the_keys_that_match() {
    let sandbox = stocked();
    for (selector, expected) in [
        ("--label team=shop", "bait mail off web"),
        ("--label team=shop,env=prod", "web"),
        ("--label team=shop --label env=test", "mail"),
        ("--owner ada", "web"),
        ("--kind smtp", "mail"),
        ("--status active", "mail other web"),
        ("--status inactive", "off"),
        ("--status decoy", "bait"),
        ("--permission read-only", "web"),
        ("--expiring 14d", "mail"),
        ("--unused 1s", "bait mail off other web"),
        ("--label team=none", ""),
    ] {
        std::thread::sleep(std::time::Duration::from_millis(
            if selector.contains("unused") { 1100 } else { 0 },
        ));
        let names = |run: Run| -> String {
            let run = run.expect(0);
            let lines = run.stdout.lines().filter(|line| !line.is_empty());
            lines.collect::<Vec<_>>().join(" ")
        };
        let listed = run(&sandbox, &format!("list --names --sort name {selector}"));
        assert_eq!(names(listed), expected, "{selector}");
        let shown = run(&sandbox, &format!("show --json {selector}")).expect(0);
        let shown = shown.json();
        let shown: Vec<_> = shown
            .as_array()
            .unwrap()
            .iter()
            .map(|key| &key["name"])
            .collect();
        assert_eq!(
            shown,
            expected.split_whitespace().collect::<Vec<_>>(),
            "{selector}"
        );
        let log = run(
            &sandbox,
            &format!("log --jsonl {selector}").replace("--jsonl", "--format jsonl"),
        );
        let keys = log.expect(0).stdout;
        let mut keys: Vec<String> = keys
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["key"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.join(" "), expected, "{selector}");
        let used = run(&sandbox, &format!("usage --format jsonl {selector}")).expect(0);
        assert_eq!(
            used.stdout.lines().count(),
            expected.split_whitespace().count()
        );
    }
    let text = run(&sandbox, "show --label team=shop").expect(0).stdout;
    assert_eq!(text.matches("\nstatus ").count(), 4, "{text}");
    let csv = run(&sandbox, "show --label team=shop --format csv")
        .expect(0)
        .stdout;
    assert_eq!(csv.lines().count(), 5, "{csv}");
    let checked = run(&sandbox, "check --label team=shop --expiring 14d --json")
        .expect(1)
        .json();
    let names: Vec<_> = checked
        .as_array()
        .unwrap()
        .iter()
        .map(|found| &found["name"])
        .collect();
    assert_eq!(names, ["mail"]);
    for selector in ["--label team=none", "--owner nobody"] {
        let none = run(&sandbox, &format!("check {selector}")).expect(2);
        assert!(none.stderr.contains("nothing was checked"), "{none:?}");
    }
    run(&sandbox, "check --label team=shop --status expired").expect(0);
}

/// Commands that change selected keys, which keys those are, and their statuses afterwards.
const CHANGES: [(&str, &str, &str); 9] = [
    (
        "activate --label team=shop",
        "off",
        "bait decoy, mail active, off active, other rotating, web active",
    ),
    (
        "deactivate --label team=shop",
        "mail web",
        "bait decoy, mail inactive, off inactive, other rotating, web inactive",
    ),
    (
        "revoke --label team=shop",
        "mail web",
        "bait decoy, mail inactive, off inactive, other rotating, web inactive",
    ),
    (
        "delete --label team=shop",
        "mail off web",
        "bait decoy, other rotating",
    ),
    (
        "delete --status decoy",
        "bait",
        "mail active, off inactive, other rotating, web active",
    ),
    (
        "set --where-label team=shop --owner eve",
        "mail off web",
        "bait decoy, mail active, off inactive, other rotating, web active",
    ),
    (
        "rotate --finish --label team=news",
        "other",
        "bait decoy, mail active, off inactive, other active, web active",
    ),
    (
        "rotate --abort --label team=news",
        "other",
        "bait decoy, mail active, off inactive, other active, web active",
    ),
    (
        "regenerate --format env --label team=shop,env=prod",
        "web",
        "bait decoy, mail active, off inactive, other rotating, web active",
    ),
];

fn told(statuses: &[(String, String)]) -> String {
    let told = statuses
        .iter()
        .map(|(name, status)| format!("{name} {status}"));
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn changes_of_selected_keys_need_a_yes_and_happen_to_all() {
    for (line, keys, after) in CHANGES {
        let sandbox = stocked();
        let before = fs::read(sandbox.vault()).unwrap();
        let refused = run(&sandbox, line).expect(2);
        assert!(
            refused.stderr.contains("requires confirmation"),
            "{line}: {refused:?}"
        );
        assert!(refused.stderr.contains("pass --yes"), "{line}: {refused:?}");
        assert!(fs::read(sandbox.vault()).unwrap() == before, "{line}");
        let done = run(&sandbox, &format!("{line} --yes")).expect(0);
        assert_eq!(told(&statuses(&sandbox)), after, "{line}: {done:?}");
        for key in keys.split(' ') {
            assert!(
                done.stderr.contains(&format!("`{key}`")),
                "{line}: {done:?}"
            );
        }
        run(&sandbox, "log verify").expect(0);
    }
}

#[test]
fn no_match_is_no_error_so_that_scripts_can_be_repeated() {
    for (line, ..) in CHANGES {
        let sandbox = stocked();
        let line = match line.split_once("team=") {
            Some((before, _)) => format!("{before}team=none"),
            None => line.replace("decoy", "expired"),
        };
        for line in [
            format!("{line} --yes"),
            line.clone(),
            format!("{line} --dry-run"),
        ] {
            let before = fs::read(sandbox.vault()).unwrap();
            let done = run(&sandbox, &line);
            match line.contains("set ") {
                true => assert!(done.stderr.contains("nothing to change"), "{done:?}"),
                false => {
                    let done = done.expect(0);
                    assert!(done.stderr.contains("no key matches"), "{line}: {done:?}");
                }
            }
            assert!(fs::read(sandbox.vault()).unwrap() == before, "{line}");
        }
    }
    let sandbox = stocked();
    let twice = "deactivate --yes --label team=shop";
    run(&sandbox, twice).expect(0);
    let again = run(&sandbox, twice).expect(0);
    assert!(again.stderr.contains("no key matches"), "{again:?}");
    let json = run(&sandbox, &format!("{twice} --json")).expect(0);
    assert_eq!(json.json().as_array().unwrap().len(), 0);
}

#[test]
fn names_and_selectors_are_not_mixed() {
    let sandbox = stocked();
    for (line, flag) in [
        ("show web --owner ada", "--owner"),
        ("usage web --label team=shop", "--label"),
        ("check web --kind api", "--kind"),
        ("log web --status active", "--status"),
        ("log --key web --status active", "--status"),
        ("activate web --unused 1d", "--unused"),
        ("deactivate web --expiring 1d", "--expiring"),
        ("delete web --permission full", "--permission"),
        ("rotate web --label team=shop", "--label"),
        ("regenerate web --label team=shop", "--label"),
        ("revoke web --label team=shop", "--label"),
        ("set web --where-label team=shop --owner x", "--where-label"),
        ("set web --where-unused 1d --owner x", "--where-unused"),
    ] {
        let refused = run(&sandbox, &format!("{line} --yes")).expect(2);
        let told = format!("names cannot be combined with {flag}");
        assert!(refused.stderr.contains(&told), "{line}: {refused:?}");
    }
    let refused = run(&sandbox, "delete --label team=shop --confirm web").expect(2);
    assert!(
        refused.stderr.contains("--confirm names a key"),
        "{refused:?}"
    );
    let refused = run(&sandbox, "set --where-label team=shop --name web --yes").expect(2);
    assert!(
        refused.stderr.contains("gives one key a name"),
        "{refused:?}"
    );
    let refused = run(&sandbox, "revoke --label team=shop --replace --yes").expect(2);
    assert!(refused.stderr.contains("2 keys match"), "{refused:?}");
    let refused = run(&sandbox, "log verify --label team=shop").expect(2);
    assert!(refused.stderr.contains("verify"), "{refused:?}");
    let unknown = run(&sandbox, "list --permission raed-only").expect(2);
    assert!(unknown.stderr.contains("read-only"), "{unknown:?}");
    let unknown = run(&sandbox, "deactivate --permission raed-only --yes").expect(2);
    assert!(unknown.stderr.contains("read-only"), "{unknown:?}");
}

#[test]
fn if_one_selected_key_cannot_be_changed_none_is() {
    for line in [
        "activate --label team=x --yes",
        "set --where-label team=x --owner ada --yes",
    ] {
        let sandbox = Sandbox::new();
        for name in ["a", "b", "c"] {
            run(
                &sandbox,
                &format!("generate api {name} --label team=x --inactive"),
            )
            .expect(0);
        }
        let vault = Connection::open(sandbox.vault()).unwrap();
        vault
            .execute("UPDATE keys SET description = 'x' WHERE name = 'b'", [])
            .unwrap();
        drop(vault);
        let refused = run(&sandbox, line).expect(5);
        assert!(refused.stderr.contains("`b`"), "{line}: {refused:?}");
        let listed = run(&sandbox, "list --json").expect(0).json();
        for key in listed.as_array().unwrap() {
            assert_eq!(key["status"], "inactive", "{line}");
            assert!(key["owner"].is_null(), "{line}");
        }
    }
}

#[test]
fn a_damaged_key_is_reported_and_keeps_no_other_from_being_deactivated() {
    let sandbox = stocked();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let damage =
        "PRAGMA ignore_check_constraints = ON; UPDATE keys SET kind = 'x' WHERE name = 'web'";
    vault.execute_batch(damage).unwrap();
    drop(vault);
    let done = run(&sandbox, "deactivate --label team=shop --yes");
    assert_ne!(done.status, 0, "{done:?}");
    assert!(
        done.stderr.contains("cannot be read") || done.stderr.contains("damaged"),
        "{done:?}"
    );
}
