//! A rotation with a warm server.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{rotate, rotating};
use crate::clock::{Served, locked};
use crate::sandbox::Sandbox;
use crate::serve::http::Connection;
use crate::serve::server::Server;

#[test]
fn the_other_secret_is_refused_once_a_rotation_has_ended() {
    let sandbox = Sandbox::new();
    let mut old = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let mut warm = Connection::open(&server.address);
    let mut ask = |secret: &str| warm.ask("GET", "/verify", &[("api-key", secret)]).status;
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || start.elapsed() < Duration::from_secs(5) {
        let new = rotate(&sandbox, &[]).expect(0).secret();
        assert_eq!((ask(&old), ask(&new)), (200, 200));
        assert_eq!((ask(&old), ask(&new)), (200, 200));
        rotate(&sandbox, &["--abort", "--yes"]).expect(0);
        assert_eq!((ask(&new), ask(&old)), (401, 200));
        let new = rotate(&sandbox, &[]).expect(0).secret();
        assert_eq!((ask(&old), ask(&new)), (200, 200));
        rotate(&sandbox, &["--finish", "--yes"]).expect(0);
        assert_eq!((ask(&old), ask(&new)), (401, 200));
        old = new;
        rounds += 1;
    }
}

#[test]
fn a_cached_old_secret_is_refused_when_it_retires() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let served = Served::start(&sandbox);
    let new = rotate(&sandbox, &["--grace", "1h"]).expect(0).secret();
    // Nothing can change, although the server would record the end. (Reading the file here would
    // release the lock, since SQLite's locks belong to the process.)
    let vault = locked(&sandbox);
    let until = sandbox.show("ci")["secrets"][1]["retires_at"].clone();
    let until: Timestamp = until.as_str().unwrap().parse().unwrap();
    let mut warm = Connection::open(&served.server.address);
    let mut ask = |secret: &str| warm.ask("GET", "/verify", &[("api-key", secret)]).status;
    for _ in 0..10 {
        assert_eq!(ask(&old), 200);
    }
    // However long that took, half a second of the hour is left now.
    let ahead = until.duration_since(Timestamp::now()) - SignedDuration::from_millis(500);
    served.set(&format!("+{}", ahead.as_secs_f64()));
    loop {
        let before = Timestamp::now() + ahead;
        let status = ask(&old);
        let after = Timestamp::now() + ahead;
        if after < until {
            assert_eq!(status, 200);
        } else if before >= until {
            assert_eq!(status, 401);
            break;
        }
    }
    assert_eq!((ask(&old), ask(&new)), (401, 200));
    vault.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_server_records_which_secret_was_used() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let server = Server::start(&sandbox);
    server.verify(&old).expect(200);
    server.verify(&new).expect(200);
    server.stop();
    let key = sandbox.show("ci");
    for at in [0, 1] {
        let secret = &key["secrets"][at];
        assert!(secret["last_used_at"].is_string(), "{secret}");
    }
}
