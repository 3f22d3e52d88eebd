//! Use is counted at once and recorded within a second; the record is expendable.

use std::fs;

use rusqlite::{Connection, OpenFlags};

use super::server::Server;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// One number in the record; `None` if there is no record.
pub fn recorded(sandbox: &Sandbox, query: &str) -> Option<i64> {
    // A missing one is not created.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let usage = Connection::open_with_flags(sandbox.usage(), flags).ok()?;
    usage.query_row(query, [], |row| row.get(0)).ok()?
}

/// How often any key was accepted.
pub const ACCEPTED: &str = "SELECT sum(count) FROM days WHERE verdict = 'accepted'";

#[test]
fn use_is_recorded_with_its_count_its_address_and_what_was_refused() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let from = |caller: &str, address: &str| {
        let headers = [
            ("api-key", &*secret),
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/"),
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Uri", "/"),
            ("X-Original-Address", address),
            ("X-Forwarded-For", address),
        ];
        server.ask("GET", caller, &headers).expect(200);
    };
    from("/nginx", "192.0.2.1");
    from("/nginx", "192.0.2.1");
    from("/forward", "198.51.100.7, 192.0.2.2");
    from("/nginx", "no address");
    // Like an nginx on `[::]` with `ipv6only=off`, and gateways that append the port.
    from("/nginx", "::ffff:192.0.2.1");
    from("/forward", "[::ffff:192.0.2.2]:4321");
    from("/forward", "198.51.100.7, 192.0.2.2:50000");
    for address in ["2001:db8::1", "%5B2001:db8::1%5D:443"] {
        let target = format!("/verify?address={address}");
        let key = [("api-key", &*secret)];
        server.ask("GET", &target, &key).expect(200);
    }
    server.verify("nonsense").expect(401);
    let is = |query: &str, count| recorded(&sandbox, query) == Some(count);
    let at =
        |address: &str| format!("SELECT sum(count) FROM addresses WHERE address = '{address}'");
    wait_for("nine recorded uses", || is(ACCEPTED, 9));
    assert!(is(&at("192.0.2.1"), 3) && is(&at("192.0.2.2"), 3) && is(&at("2001:db8::1"), 2));
    assert!(is("SELECT count(*) FROM addresses WHERE key_id > 0", 3));
    assert!(is(
        "SELECT sum(count) FROM days WHERE key_id = 0 AND verdict = 'malformed'",
        1
    ));
}

#[test]
fn a_deleted_usage_record_is_recreated_and_a_damaged_one_ignored() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    wait_for("a record", || recorded(&sandbox, ACCEPTED) == Some(1));
    for end in ["", "-wal", "-shm"] {
        // The last two only exist while somebody uses it.
        let _ = fs::remove_file(sandbox.vault().with_file_name(format!("usage.db{end}")));
    }
    server.verify(&secret).expect(200);
    wait_for("a record anew", || recorded(&sandbox, ACCEPTED) == Some(1));
    fs::remove_file(sandbox.usage()).unwrap();
    fs::create_dir(sandbox.usage()).unwrap();
    server.verify(&secret).expect(200);
    wait_for("a warning", || {
        server.log().contains("usage is not recorded")
    });
    server.verify(&secret).expect(200);
    wait_for("a lost record", || {
        server.metric("postkey_lost_usage_records_total") > 0
    });
    fs::remove_dir(sandbox.usage()).unwrap();
    server.verify(&secret).expect(200);
    wait_for("a note", || {
        server.log().contains("usage is recorded again")
    });
    assert!(recorded(&sandbox, ACCEPTED) >= Some(1));
}

#[test]
fn counts_are_exported_to_prometheus() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    for _ in 0..3 {
        server.verify(&secret).expect(200);
    }
    server.verify("nonsense").expect(401);
    let count = |verdict: &str| {
        server.metric(&format!(
            "postkey_requests_total{{path=\"/verify\",verdict=\"{verdict}\"}}"
        ))
    };
    assert_eq!(
        [count("accepted"), count("malformed"), count("expired")],
        [3, 1, 0]
    );
    assert_eq!(server.metric("postkey_vault_up"), 1);
    assert_eq!(server.metric("postkey_cached_secrets"), 1);
    let answer = server.ask("GET", "/metrics", &[]).expect(200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.body.ends_with("# EOF\n"));
    for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap();
        assert!(
            name.starts_with("postkey_") && number.parse::<i64>().is_ok(),
            "{line}"
        );
    }
}
