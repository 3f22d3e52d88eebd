//! What is kept of requests, and for how long.

use super::*;
use crate::usage::{ACCEPTED, UsageEvent};

const KEY: KeyId = 7;

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// Records accepted requests: `GET /v3/contacts`
fn accept(usage: &mut UsageStore, request: &str, count: u32, time: &str, from: &str) {
    accept_by(&Permissions::default(), usage, request, count, time, from);
}

fn accept_by(
    permissions: &Permissions,
    usage: &mut UsageStore,
    request: &str,
    count: u32,
    time: &str,
    from: &str,
) {
    let (method, target) = request.split_once(' ').expect("a request");
    let matched = permissions.matching(method, target).expect("it is allowed");
    let (at, address) = (at(time), from.parse().ok());
    let event = RequestEvent {
        key: KEY,
        kind: RequestKind::of(&matched),
        count,
        at,
        address,
    };
    let seen = UsageEvent {
        key: Some(KEY),
        tail: None,
        verdict: ACCEPTED,
        count,
        at,
        address,
    };
    let requests = (&[event][..], &*permissions.to_json());
    let recorded = usage.record(&[seen], &[], &[], requests);
    recorded.expect("a record");
}

fn recent(usage: &UsageStore, now: &str) -> RecentRequests {
    let found = usage.recent_requests(&[KEY, 8], "permission-missing", at(now));
    found.expect("requests").remove(&KEY).unwrap_or_default()
}

/// The method, rule and count of each kind.
fn kinds(recent: &RecentRequests) -> Vec<(String, String, u64)> {
    let kind = |recorded: &RecordedRequests| {
        let kind = &recorded.kind;
        (
            kind.method.to_string(),
            kind.rule.to_string(),
            recorded.count,
        )
    };
    recent.recorded.iter().map(kind).collect()
}

fn rows(usage: &UsageStore, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    let count = usage.connection.query_row(&query, [], |row| row.get(0));
    count.expect("a count")
}

#[test]
fn requests_are_counted_by_method_and_rule_and_no_path_is_kept() {
    let mut usage = UsageStore::in_memory("400d");
    let (first, later) = ("2026-11-20T10:00:00Z", "2026-11-22T09:00:00Z");
    accept(
        &mut usage,
        "GET /v3/contacts/secret-path",
        2,
        first,
        "192.0.2.1",
    );
    accept(
        &mut usage,
        "GET /v3/contacts/another",
        3,
        later,
        "192.0.2.2",
    );
    accept(
        &mut usage,
        "GET /v3/contacts/earlier",
        1,
        first,
        "192.0.2.3",
    );
    accept(&mut usage, "DELETE /x?secret-path", 1, later, "");
    let recent = recent(&usage, "2026-11-22T10:00:00Z");
    let kind = |method: &str, rule: &str, count| (method.to_owned(), rule.to_owned(), count);
    let expected = [kind("DELETE", "", 1), kind("GET", "* /v3/contacts/*", 6)];
    assert_eq!(kinds(&recent), expected);
    assert_eq!(recent.accepted(), 7);
    let contacts = &recent.recorded[1];
    assert_eq!(contacts.address.as_deref(), Some("192.0.2.2"));
    assert_eq!(contacts.last_at, at(later));
    let allowed_by: Vec<_> = contacts.kind.allowed_by().collect();
    assert_eq!(allowed_by, ["contacts", "full", "read-only"]);
    assert_eq!(
        (recent.recorded[0].kind.rule(), &recent.recorded[0].address),
        (None, &None)
    );
    let texts = "SELECT count(*) FROM requests
                 WHERE instr(method || rule || allowed_by || address, 'path') > 0";
    let found = usage.connection.query_row(texts, [], |row| row.get(0));
    assert_eq!(found, Ok(0));
}

#[test]
fn only_the_newest_days_count_and_are_kept() {
    for (retention, kept) in [("400d", 30), ("7d", 7)] {
        let mut usage = UsageStore::in_memory(retention);
        let mut day = at("2026-10-01T10:00:00Z");
        for _ in 0..40 {
            accept(&mut usage, "GET /x", 1, &day.to_string(), "");
            day += jiff::SignedDuration::from_hours(24);
        }
        assert_eq!(rows(&usage, "requests"), kept, "{retention}");
        let found = recent(&usage, "2026-11-09T12:00:00Z");
        assert_eq!(found.recorded[0].count, kept.unsigned_abs(), "{retention}");
        let later = recent(&usage, "2026-12-06T12:00:00Z");
        assert_eq!(later.accepted(), 3, "{retention}");
    }
}

#[test]
fn whoever_chooses_methods_cannot_hide_other_requests() {
    let mut usage = UsageStore::in_memory("400d");
    let now = "2026-11-22T10:00:00Z";
    for method in 0..300 {
        accept(&mut usage, &format!("X{method} /x"), 1, now, "");
    }
    accept(&mut usage, "DELETE /x", 2, now, "");
    let expected =
        [("", 300), ("DELETE", 2)].map(|(method, count)| (method.to_owned(), String::new(), count));
    assert_eq!(kinds(&recent(&usage, now)), expected);
}

#[test]
fn the_kind_of_requests_is_unknown_beyond_the_limit() {
    let mut usage = UsageStore::in_memory("400d");
    let now = "2026-11-22T10:00:00Z";
    let rules: Vec<_> = (0..300).map(|name| format!("\"GET /{name}\"")).collect();
    let json = format!("{{\"full\":[\"* /*\"],\"x\":[{}]}}", rules.join(","));
    let permissions = Permissions::from_json(&json).expect("permissions");
    for name in 0..300 {
        let request = format!("GET /{name}");
        accept_by(&permissions, &mut usage, &request, 1, now, "");
        accept_by(&permissions, &mut usage, "GET /0", 1, now, "");
    }
    let recent = recent(&usage, now);
    assert_eq!((recent.accepted(), recent.recorded.len()), (600, 257));
    let unknown = recent.recorded.iter().find(|kind| kind.kind.is_unknown());
    assert_eq!(unknown.map(|kind| kind.count), Some(44));
}

#[test]
fn late_requests_of_unknown_kind_count_on_their_own_day() {
    let mut usage = UsageStore::in_memory("400d");
    // Recorded a second after midnight, in one batch with those of the new day.
    let event = |kind, time| RequestEvent {
        key: KEY,
        kind,
        count: 1,
        at: at(time),
        address: None,
    };
    let permissions = Permissions::default();
    let matched = permissions.matching("GET", "/x").expect("it is allowed");
    let requests = [
        event(RequestKind::default(), "2026-10-23T23:59:59Z"),
        event(RequestKind::of(&matched), "2026-10-24T00:00:00Z"),
    ];
    let seen = UsageEvent {
        key: Some(KEY),
        tail: None,
        verdict: ACCEPTED,
        count: 2,
        at: at("2026-10-24T00:00:00Z"),
        address: None,
    };
    let requests = (&requests[..], &*permissions.to_json());
    let recorded = usage.record(&[seen], &[], &[], requests);
    recorded.expect("a record");
    for (now, all, unknown) in [
        ("2026-11-21T12:00:00Z", 2, 1),
        ("2026-11-22T12:00:00Z", 1, 0),
    ] {
        let recent = recent(&usage, now);
        let kinds = recent.recorded.iter().filter(|kind| kind.kind.is_unknown());
        assert_eq!((recent.accepted(), kinds.count()), (all, unknown), "{now}");
    }
}

#[test]
fn refusals_for_lack_of_permission_are_counted() {
    let mut usage = UsageStore::in_memory("400d");
    for (verdict, time) in [
        ("permission-missing", "2026-11-20T10:00:00Z"),
        ("permission-missing", "2026-09-20T10:00:00Z"),
        ("inactive", "2026-11-20T10:00:00Z"),
    ] {
        let seen = UsageEvent {
            key: Some(KEY),
            tail: None,
            verdict,
            count: 3,
            at: at(time),
            address: None,
        };
        usage
            .record(&[seen], &[], &[], (&[], ""))
            .expect("a record");
    }
    let recent = recent(&usage, "2026-11-22T10:00:00Z");
    assert_eq!((recent.accepted(), recent.refused), (0, 3));
}

#[test]
fn a_clock_that_was_behind_does_not_make_the_record_older() {
    let mut usage = UsageStore::in_memory("400d");
    let begun = usage.requests_since().expect("an answer").expect("a time");
    accept(&mut usage, "GET /x", 1, "2001-01-01T00:00:00Z", "");
    assert_eq!(usage.requests_since().expect("an answer"), Some(begun));
    usage
        .accept_clock(at("2020-01-01T00:00:00Z"))
        .expect("a change");
    assert_eq!(
        usage.requests_since().expect("an answer"),
        Some(at("2020-01-01T00:00:00Z"))
    );
}

#[test]
fn each_definition_of_the_permissions_is_kept_as_long_as_it_is_needed() {
    let mut usage = UsageStore::in_memory("2d");
    let json = |rule: &str| format!("{{\"full\":[\"* /*\"],\"x\":[\"{rule}\"]}}");
    for (day, rule) in [
        (20, "GET /a"),
        (21, "GET /b"),
        (22, "GET /c"),
        (23, "GET /d"),
    ] {
        let permissions = Permissions::from_json(&json(rule)).expect(rule);
        let time = format!("2026-11-{day}T10:00:00Z");
        accept_by(&permissions, &mut usage, "GET /a", 1, &time, "");
    }
    // The one before is removed when the next one is added.
    assert_eq!(
        (rows(&usage, "requests"), rows(&usage, "definitions")),
        (2, 3)
    );
    let recent = recent(&usage, "2026-11-23T12:00:00Z");
    for (recorded, rule) in recent.recorded.iter().zip(["GET /c", "GET /d"]) {
        let then = recorded.permissions.as_ref().expect("a definition");
        let rules: Vec<_> = then.rules("x").map(Rule::as_str).collect();
        assert_eq!(rules, [rule]);
    }
    usage
        .connection
        .execute_batch("UPDATE definitions SET permissions = id")
        .expect("damage");
    let recent = super::tests::recent(&usage, "2026-11-23T12:00:00Z");
    assert!(
        recent
            .recorded
            .iter()
            .all(|recorded| recorded.permissions.is_none())
    );
}

#[test]
fn requests_of_a_clock_ahead_count_once_the_clock_is_accepted() {
    let mut usage = UsageStore::in_memory("400d");
    let now = "2026-11-22T10:00:00Z";
    accept(&mut usage, "GET /x", 2, "2026-11-22T09:00:00Z", "192.0.2.1");
    accept(&mut usage, "GET /x", 3, "2036-11-22T10:00:00Z", "192.0.2.2");
    accept(&mut usage, "GET /x", 4, "2036-11-23T10:00:00Z", "192.0.2.2");
    assert!(usage.has_uses_ahead(at(now)).expect("an answer"));
    assert_eq!(recent(&usage, now).recorded[0].count, 2);
    usage.accept_clock(at(now)).expect("a change");
    assert!(!usage.has_uses_ahead(at(now)).expect("an answer"));
    let recent = recent(&usage, now);
    assert_eq!((recent.accepted(), recent.recorded[0].count), (9, 9));
    assert_eq!(recent.recorded[0].last_at, at(now));
}

#[test]
fn an_older_record_keeps_its_use_and_has_no_requests_yet() {
    let mut usage = UsageStore::in_memory("400d");
    let now = "2026-11-22T10:00:00Z";
    accept(&mut usage, "GET /x", 2, now, "");
    let older = "DROP TABLE requests; DROP TABLE definitions;
                 ALTER TABLE about DROP COLUMN requests_since; PRAGMA user_version = 5";
    usage.connection.execute_batch(older).expect("a change");
    let before = recent(&usage, now);
    assert_eq!((before.accepted(), before.recorded.len()), (0, 0));
    assert_eq!(usage.requests_since().expect("an answer"), None);
    assert!(!usage.has_uses_ahead(at(now)).expect("an answer"));
    usage.accept_clock(at(now)).expect("a change");
    usage.forget(&[8]).expect("a change");
    usage.begin(b"a vault").expect("a migration");
    accept(&mut usage, "GET /x", 1, now, "");
    let after = recent(&usage, now);
    assert_eq!((after.accepted(), after.recorded[0].count), (1, 1));
    assert!(usage.requests_since().expect("an answer").is_some());
    usage.forget(&[KEY]).expect("a change");
    assert_eq!(rows(&usage, "requests"), 0);
}
