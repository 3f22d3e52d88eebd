//! Unusual use.

use rusqlite::{Connection, params};

use super::{DAY, found, in_usage, json, now, number, use_at, with_key};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::run_with_input;

const NONE: [&str; 0] = [];

#[test]
fn a_day_with_more_than_five_times_the_busiest_before_is_found() {
    for (today, expected) in [(200, None), (201, Some("201 requests on "))] {
        let sandbox = with_habits(&[10, 40, 25], today);
        let findings = json(&sandbox, &[]);
        assert_eq!(findings.len(), usize::from(expected.is_some()), "{today}");
        if let Some(start) = expected {
            let message = findings[0]["message"].as_str().unwrap();
            assert!(message.starts_with(start), "{message}");
            assert!(message.ends_with(", busiest day before: 40"), "{message}");
            assert_eq!(findings[0]["hint"], "postkey show ci");
        }
    }
}

#[test]
fn a_network_that_is_new_to_a_key_with_a_history_is_found() {
    let (sandbox, secret) = used_from("203.0.113.9");
    from(&sandbox, &secret, "203.0.113.77");
    assert_eq!(found(&sandbox, &[]), NONE);
    from(&sandbox, &secret, "198.51.100.1");
    from(&sandbox, &secret, "198.51.100.2");
    let findings = json(&sandbox, &[]);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["finding"], "new-network");
    let message = findings[0]["message"].as_str().unwrap();
    assert!(message.starts_with("first used 20"), "{message}");
    assert!(message.ends_with("Z from 198.51.100.0/24"), "{message}");
    from(&sandbox, &secret, "2001:db8:7:1::1");
    let message = json(&sandbox, &[])[0]["message"].take();
    assert!(
        message.as_str().unwrap().contains("and another network"),
        "{message}"
    );
}

#[test]
fn a_network_is_new_until_the_end_of_the_next_day() {
    let (sandbox, secret) = used_from("203.0.113.9");
    from(&sandbox, &secret, "198.51.100.1");
    let yesterday = (now() / DAY - 1) * DAY;
    let age = "UPDATE networks SET first_at = ?1 WHERE network LIKE '198%'";
    in_usage(&sandbox, age, [yesterday]);
    assert_eq!(found(&sandbox, &[]), ["ci new-network"]);
    in_usage(&sandbox, age, [yesterday - 1]);
    assert_eq!(found(&sandbox, &[]), NONE);
}

#[test]
fn a_network_is_remembered_longer_than_its_addresses() {
    let (sandbox, secret) = used_from("203.0.113.9");
    for last in 1..=12 {
        from(&sandbox, &secret, &format!("198.51.100.{last}"));
    }
    let age = "UPDATE networks SET first_at = ?1";
    in_usage(&sandbox, age, [now() - 30 * DAY]);
    let usage = &sandbox.show("ci")["usage"];
    assert!(
        !usage["addresses"].to_string().contains("203.0.113."),
        "{usage}"
    );
    from(&sandbox, &secret, "203.0.113.9");
    assert_eq!(found(&sandbox, &[]), NONE);
}

#[test]
fn a_record_of_the_first_version_is_read_and_keeps_what_it_knows() {
    let (sandbox, secret) = used_from("203.0.113.9");
    let first = "DROP TABLE networks; DROP TABLE refusals; DROP TABLE mail; DROP TABLE requests; DROP TABLE definitions;
                 ALTER TABLE addresses DROP COLUMN turn; ALTER TABLE about DROP COLUMN requests_since;
                 PRAGMA user_version = 1;
                 UPDATE days SET day = day - 30, last_at = last_at - 30 * 86400;
                 UPDATE addresses SET last_at = last_at - 86400";
    let usage = Connection::open(sandbox.usage()).unwrap();
    usage.execute_batch(first).unwrap();
    drop(usage);
    assert_eq!(found(&sandbox, &[]), NONE);
    from(&sandbox, &secret, "203.0.113.10");
    assert_eq!(found(&sandbox, &[]), NONE);
    from(&sandbox, &secret, "198.51.100.1");
    assert_eq!(found(&sandbox, &[]), ["ci new-network"]);
    let usage = sandbox.show("ci")["usage"].take();
    assert_eq!(usage["days"].as_array().unwrap().len(), 2, "{usage}");
}

#[test]
fn no_more_than_a_thousand_networks_of_a_key_are_kept() {
    let (sandbox, secret) = used_from("203.0.113.9");
    let fill = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
                INSERT INTO networks SELECT ?1, 'net-' || i, i FROM n";
    in_usage(&sandbox, fill, [number(&sandbox, "ci")]);
    from(&sandbox, &secret, "198.51.100.1");
    let usage = Connection::open(sandbox.usage()).unwrap();
    let query = "SELECT count(*), count(*) FILTER (WHERE network IN
                   ('198.51.100.0/24', '203.0.113.0/24', 'net-1200')) FROM networks";
    let counts = usage.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(counts.unwrap(), (1000, 3));
}

/// A key with this use on the days before yesterday, and today.
fn with_habits(before: &[i64], today: i64) -> Sandbox {
    let sandbox = with_key("ci");
    for (ago, count) in (2..).zip(before) {
        use_at(&sandbox, "ci", now() - ago * DAY, *count);
    }
    use_at(&sandbox, "ci", now(), today);
    sandbox
}

/// A key that has been used from this address for a month.
fn used_from(address: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    from(&sandbox, &secret, address);
    let age = "UPDATE networks SET first_at = first_at - ?1";
    assert_eq!(in_usage(&sandbox, age, params![30 * DAY]), 1);
    (sandbox, secret)
}

fn from(sandbox: &Sandbox, secret: &str, address: &str) {
    run_with_input(sandbox, &["verify", "--ip", address], secret).expect(0);
}
