//! The review of a month.

use std::os::unix::fs::PermissionsExt;

use rusqlite::{Connection, params};
use serde_json::json;

use super::{number, verify};
use crate::sandbox::Sandbox;

/// The first of March 2026, in days since 1970.
const MARCH: i64 = 20_513;

#[test]
fn a_month_has_requests_refusals_days_and_mails_of_its_own() {
    let sandbox = with_march();
    let run = sandbox
        .run([
            "usage", "--month", "2026-03", "--format", "json", "web", "mail",
        ])
        .expect(0);
    assert_eq!(
        run.json(),
        json!([
            {
                "month": "2026-03", "name": "web", "kind": "api", "status": "active",
                "requests": 44, "refused": 5, "days_used": 3, "busiest_day": "2026-03-02",
                "busiest_requests": 40, "mails": null, "recipients": null,
            },
            {
                "month": "2026-03", "name": "mail", "kind": "smtp", "status": "active",
                "requests": 0, "refused": 0, "days_used": 0, "busiest_day": null,
                "busiest_requests": null, "mails": 12, "recipients": 30,
            },
        ])
    );
    let run = sandbox
        .run(["usage", "--month", "2026-03", "--format", "csv", "web"])
        .expect(0);
    assert_eq!(
        run.stdout,
        "month,name,kind,status,requests,refused,days_used,busiest_day,busiest_requests,mails,recipients\r\n\
         2026-03,web,api,active,44,5,3,2026-03-02,40,,\r\n"
    );
}

#[test]
fn a_month_is_a_table_for_people_and_in_markdown() {
    let sandbox = with_march();
    let run = sandbox
        .run(["usage", "--month", "2026-03", "web", "mail", "idle"])
        .expect(0);
    assert_eq!(
        run.stdout,
        "NAME  KIND  STATUS  REQUESTS  REFUSED  DAYS USED  BUSIEST DAY     MAILS  RECIPIENTS\n\
         web   api   active  44        5        3          2026-03-02: 40\n\
         mail  smtp  active  0         0        0                          12     30\n\
         idle  api   active  0         0        0\n"
    );
    assert!(
        run.stderr.ends_with("March 2026: 3 keys, 1 not used\n"),
        "{run:?}"
    );
    let args = ["usage", "--month", "2026-03", "web", "--format", "markdown"];
    assert_eq!(
        sandbox.run(args).expect(0).stdout,
        "| NAME | KIND | STATUS | REQUESTS | REFUSED | DAYS USED | BUSIEST DAY | MAILS | RECIPIENTS |\n\
         |---|---|---|---|---|---|---|---|---|\n\
         | web | api | active | 44 | 5 | 3 | 2026-03-02: 40 |  |  |\n"
    );
}

#[test]
fn without_names_a_month_has_the_keys_that_there_were_by_name() {
    let sandbox = with_march();
    let names = |month: &str| -> Vec<String> {
        let run = sandbox.run(["usage", "--month", month, "--format", "jsonl"]);
        let lines = run.expect(0).stdout;
        let keys = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        keys.map(|key: serde_json::Value| key["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("2026-03"), [""; 0]);
    let this_month = jiff::Timestamp::now().strftime("%Y-%m").to_string();
    assert_eq!(names(&this_month), ["idle", "mail", "web"]);
}

#[test]
fn a_damaged_key_hides_no_other() {
    let sandbox = with_march();
    let before = sandbox.run(["usage", "--format", "csv"]).expect(0).stdout;
    let vault = Connection::open(sandbox.vault()).unwrap();
    let damage =
        "PRAGMA ignore_check_constraints = ON; UPDATE keys SET kind = 'x' WHERE name = 'web'";
    vault.execute_batch(damage).unwrap();
    drop(vault);
    let run = sandbox.run(["usage", "--format", "csv"]).expect(5);
    let others: Vec<_> = before
        .lines()
        .filter(|line| !line.starts_with("web,"))
        .collect();
    assert!(others.len() > 1, "{before}");
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), others, "{run:?}");
    assert!(
        run.stderr.contains("has a kind that cannot be read"),
        "{run:?}"
    );
}

#[test]
fn what_is_unknown_is_no_zero() {
    let sandbox = with_march();
    let month = jiff::Timestamp::now().strftime("%Y-%m").to_string();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let damage =
        "PRAGMA ignore_check_constraints = ON; UPDATE keys SET kind = 'x' WHERE name = 'mail'";
    vault.execute_batch(damage).unwrap();
    drop(vault);
    let args = ["usage", "--month", &month, "--format", "json"];
    let damaged = sandbox.run(args).expect(5);
    let keys = damaged.json();
    let names: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["name"])
        .collect();
    assert_eq!(names, ["idle", "web"]);
    let unreadable = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(sandbox.usage(), unreadable).unwrap();
    let refused = sandbox.run(["usage", "--month", &month, "web"]).expect(5);
    assert!(
        refused.stderr.contains("cannot tell how keys were used"),
        "{refused:?}"
    );
    assert_eq!(refused.stdout, "");
    let later = sandbox.run(["usage", "--month", "9998-01"]).expect(2);
    assert!(
        later.stderr.contains("January 9998 has not begun"),
        "{later:?}"
    );
}

#[test]
fn what_is_no_month_is_refused_with_an_example() {
    let run = Sandbox::with_three_keys()
        .run(["usage", "--month", "november"])
        .expect(2);
    assert!(run.stderr.contains("`november` is not a month"), "{run:?}");
    assert!(run.stderr.contains("hint: write `2026-11`"), "{run:?}");
}

/// Keys with use on the last of February, in March, and on the first of April 2026.
fn with_march() -> Sandbox {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "web"]);
    sandbox.generate(["smtp", "mail"]);
    sandbox.generate(["api", "idle"]);
    verify(&sandbox, &secret, &[]).expect(0);
    let usage = Connection::open(sandbox.usage()).unwrap();
    for (day, verdict, count) in [
        (-1, "accepted", 100),
        (0, "accepted", 1),
        (1, "accepted", 40),
        (1, "inactive", 3),
        (30, "accepted", 3),
        (30, "network", 2),
        (31, "accepted", 100),
    ] {
        let row = params![number(&sandbox, "web"), MARCH + day, verdict, count];
        usage
            .execute("INSERT INTO days VALUES (?1, ?2, ?3, ?4, ?2 * 86400)", row)
            .unwrap();
    }
    for (day, mails, recipients) in [(-1, 50, 50), (0, 10, 20), (30, 2, 10), (31, 50, 50)] {
        let row = params![number(&sandbox, "mail"), MARCH + day, mails, recipients];
        usage
            .execute("INSERT INTO mail VALUES (?1, ?2, ?3, ?4, ?2 * 86400)", row)
            .unwrap();
    }
    sandbox
}
