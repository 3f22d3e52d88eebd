//! Changes of selected keys hit only those that are known to match, as they were shown.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use super::{run, statuses, stocked, told};
use crate::prompts::terminal::Terminal;
use crate::sandbox::Sandbox;
use crate::usage::used_on;

#[test]
fn keys_are_only_changed_for_being_unused_if_their_use_was_recorded() {
    const UNKNOWN: &str = "cannot tell which keys are unused";
    let without = Sandbox::with_three_keys();
    let since_lately = used_on(&[("a", 10, 1), ("b", 5, 1)]);
    let unreadable = used_on(&[("a", 200, 1), ("b", 5, 1)]);
    let open = Permissions::from_mode(0o644);
    fs::set_permissions(unreadable.usage(), open).unwrap();
    for (case, sandbox) in [
        ("no record", without),
        ("a young record", since_lately),
        ("an unreadable record", unreadable),
    ] {
        let before = statuses(&sandbox);
        for line in [
            "deactivate --unused 90d",
            "delete --unused 90d",
            "revoke --unused 90d",
            "regenerate --format env --unused 90d",
            "rotate --format env --unused 90d",
            "set --where-unused 90d --owner x",
            "deactivate --unused 90d --dry-run",
        ] {
            let refused = run(&sandbox, &format!("{line} --yes")).expect(5);
            assert!(
                refused.stderr.contains(UNKNOWN),
                "{case}: {line}: {refused:?}"
            );
            assert_eq!(statuses(&sandbox), before, "{case}: {line}");
        }
        let listed = run(&sandbox, "list --unused 90d").expect(0);
        assert!(listed.stderr.contains("warning: "), "{case}: {listed:?}");
        let is_unreadable = case == "an unreadable record";
        sleep(Duration::from_millis(1100));
        let listed = run(&sandbox, "list --names --unused 1s").expect(0);
        assert!(!is_unreadable || listed.stdout.is_empty(), "{listed:?}");
    }
    let recorded = used_on(&[("a", 200, 1), ("b", 5, 1)]);
    run(&recorded, "deactivate --unused 90d --yes").expect(0);
    assert_eq!(told(&statuses(&recorded)), "a inactive, b active");
}

#[test]
fn minutes_are_not_taken_for_months() {
    let sandbox = used_on(&[("a", 200, 1), ("b", 5, 1)]);
    for selector in ["--unused 3m", "--expiring 3m"] {
        let listed = run(&sandbox, &format!("list {selector}")).expect(0);
        assert!(listed.stderr.contains("a span of minutes"), "{listed:?}");
    }
    for line in ["deactivate --unused 3m", "set --where-unused 3m --owner x"] {
        let refused = run(&sandbox, &format!("{line} --yes")).expect(2);
        assert!(refused.stderr.contains("`1mo`"), "{line}: {refused:?}");
        let noted = run(&sandbox, &format!("{line} --dry-run")).expect(0);
        assert!(noted.stderr.contains("a span of minutes"), "{noted:?}");
    }
    assert_eq!(told(&statuses(&sandbox)), "a active, b active");
}

#[test]
fn revoked_keys_are_not_activated_with_others() {
    let sandbox = stocked();
    for line in [
        "revoke web",
        "deactivate mail",
        "activate other",
        "revoke other",
    ] {
        run(&sandbox, line).expect(0);
    }
    // It has another secret than the one that leaked.
    run(&sandbox, "regenerate other --yes").expect(0);
    let done = run(&sandbox, "activate --kind api --yes").expect(0);
    assert!(
        done.stderr.contains("`web` was revoked: skipped"),
        "{done:?}"
    );
    let after = "bait decoy, mail inactive, off active, other active, web inactive";
    assert_eq!(told(&statuses(&sandbox)), after);
    let again = run(&sandbox, "activate --kind api --yes --json").expect(0);
    assert_eq!(again.json().as_array().unwrap().len(), 0);
    run(&sandbox, "activate web").expect(0);
}

#[test]
fn a_key_that_changed_since_it_was_shown_is_not_hit() {
    for (line, question, change) in [
        (
            "rotate --finish --label team=news",
            "Finish the rotation of 1 key?",
            &["rotate --abort other --yes", "rotate other"][..],
        ),
        (
            "rotate --abort --label team=news",
            "Abort the rotation of 1 key?",
            &["rotate --abort other --yes", "rotate other"],
        ),
        (
            "rotate --label team=shop,env=prod",
            "Rotate 1 key?",
            &["delete web --yes", "generate api web"],
        ),
        (
            "regenerate --label team=shop,env=prod",
            "Replace the secrets of 1 key?",
            &["regenerate web --yes"],
        ),
    ] {
        let sandbox = stocked();
        let mut terminal = Terminal::start(&sandbox.command(line.split(' ')));
        terminal.expect(question);
        for line in change {
            run(&sandbox, line).expect(0);
        }
        let before = run(&sandbox, "list --json").expect(0).stdout;
        terminal.press("y\r");
        assert_ne!(terminal.end(), 0, "{line}: {}", terminal.shown());
        let shown = terminal.shown();
        assert!(shown.contains("was changed by another process"), "{shown}");
        assert_eq!(
            run(&sandbox, "list --json").expect(0).stdout,
            before,
            "{line}"
        );
    }
}

#[test]
fn the_keys_and_what_is_lost_are_shown_before_the_question() {
    for flags in ["", " --quiet", " --json"] {
        let sandbox = stocked();
        let line = format!("deactivate --label team=shop{flags}");
        let mut terminal = Terminal::start(&sandbox.command(line.split(' ')));
        terminal
            .expect("mail")
            .expect("web")
            .expect("Deactivate 2 keys?");
        terminal.press("n\r");
        assert_eq!(terminal.end(), 1, "{}", terminal.shown());
    }
    let sandbox = stocked();
    let line = "rotate --finish --label team=news";
    let mut terminal = Terminal::start(&sandbox.command(line.split(' ')));
    terminal.expect("no usage of `other` is recorded");
    terminal
        .expect("Finish the rotation of 1 key?")
        .press("y\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}

#[test]
fn repeating_a_command_that_matches_nothing_more_renews_the_exports() {
    for line in [
        "revoke --label team=shop --yes",
        "regenerate --label team=none --yes",
        "deactivate --label team=shop --yes",
    ] {
        let sandbox = stocked();
        sandbox.export_to("json");
        run(&sandbox, "revoke --label team=shop --yes").expect(0);
        let exported = sandbox.read_exported();
        fs::remove_file(sandbox.exported()).unwrap();
        run(&sandbox, line).expect(0);
        assert_eq!(sandbox.read_exported(), exported, "{line}");
    }
}

#[test]
fn damage_of_one_key_keeps_no_other_from_being_shown() {
    let sandbox = stocked();
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let damage = "UPDATE log SET at = 9e18 WHERE key = 'mail'";
    vault
        .execute_batch("DROP TRIGGER IF EXISTS log_is_append_only")
        .unwrap();
    vault.execute(damage, []).unwrap();
    drop(vault);
    let shown = run(&sandbox, "show --label team=shop --json").expect(5);
    let keys = shown.json();
    let names: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["name"])
        .collect();
    assert_eq!(names, ["bait", "off", "web"]);
}
