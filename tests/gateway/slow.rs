//! Large requests, a gateway's own refusals, and a checker that hangs.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::{GET, Kind, Setup};
use crate::parallel::on_each;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;
use crate::serve::http::{self, Connection, request};
use crate::serve::server::loopback;

/// A gateway with one line of its configuration replaced.
fn altered(kind: Kind, (line, instead): (&str, &str)) -> Setup {
    let listen = format!("{}:17625", loopback());
    Setup::start_altered(kind, Sandbox::new(), &listen, |printed| {
        assert!(printed.contains(line), "{printed}");
        printed.replacen(line, instead, 1)
    })
}

/// The replacements that allow large bodies: only needed for nginx.
fn for_large_bodies(kind: Kind) -> &'static [(&'static str, &'static str)] {
    if kind.is_nginx() {
        &[
            ("# client_max_body_size 50m;", "client_max_body_size 50m;"),
            (
                "location / {\n",
                "location / {\nclient_max_body_size 50m;\n",
            ),
        ]
    } else {
        &[("", "")]
    }
}

#[test]
fn a_body_of_several_megabytes_arrives_whole() {
    on_each(Kind::all(), |kind| {
        for alteration in for_large_bodies(kind) {
            let setup = altered(kind, *alteration);
            let secret = setup.sandbox.generate(["api", "ci"]);
            let body = "0123456789".repeat(300_000);
            let key = [("api-key", &*secret)];
            let answer = http::post(&setup.address, "/v3/smtp/email", &key, &body);
            assert_eq!(answer.expect(200).body, "backend\n");
            assert!(setup.only().body == body.as_bytes());
        }
    });
}

#[test]
fn nginxs_own_refusals_are_unchanged() {
    on_each(Kind::all().filter(|kind| kind.is_nginx()), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        let names: Vec<_> = (0..120).map(|number| format!("X-{number}")).collect();
        let mut headers: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
        headers.push(("api-key", &secret));
        setup.ask(GET, &headers).expect(431);
        let body = "0123456789".repeat(300_000);
        let key = [("api-key", &*secret)];
        http::post(&setup.address, "/", &key, &body).expect(413);
        setup.expect_nothing_got_through();
    });
}

#[test]
fn an_address_that_nginx_denies_gets_a_403() {
    on_each(Kind::all().filter(|kind| kind.is_nginx()), |kind| {
        let denied = ("location / {\n", "location / {\ndeny 127.0.0.0/8;\n");
        let setup = altered(kind, denied);
        let secret = setup.sandbox.generate(["api", "ci"]);
        setup.ask(GET, &[("api-key", &secret)]).expect(403);
        setup.expect_nothing_got_through();
    });
}

/// Stops the checker until it is told to continue.
fn halt(setup: &Setup) {
    setup.server.daemon.signal("STOP");
    let stat = format!("/proc/{}/stat", setup.server.daemon.0.id());
    wait_for("a checker that has stopped", || {
        std::fs::read_to_string(&stat).unwrap().contains(") T ")
    });
}

#[test]
fn a_hanging_checker_delays_clients_for_seconds_only() {
    on_each(Kind::all().filter(|kind| *kind != Kind::Traefik), |kind| {
        let setup = Setup::start_as_printed(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        // The first check takes longer than later ones.
        setup.server.verify(&secret).expect(200);
        setup.accepted(&secret);
        halt(&setup);
        let start = Instant::now();
        // Five seconds, scaled to the load of this machine.
        let five_seconds = thread::spawn(move || {
            sleep(Duration::from_secs(5));
            start.elapsed()
        });
        let answer = setup.ask(GET, &[("api-key", &secret)]);
        let took = start.elapsed();
        let at_most = five_seconds.join().unwrap() + Duration::from_secs(3);
        setup.server.daemon.signal("CONT");
        assert!([503, 504].contains(&answer.status), "{kind:?}: {answer:?}");
        assert!(took < at_most, "{kind:?}: {took:?}, at most {at_most:?}");
        setup.expect_nothing_got_through();
        setup.server.verify(&secret).expect(200);
        setup.accepted(&secret);
    });
}

#[test]
fn a_request_with_a_late_check_counts_once() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "few", "--limit", "3/day"]);
        setup.accepted(&secret);
        halt(&setup);
        let mut client = Connection::open(&setup.address);
        let head = request(GET.0, GET.1, &[("api-key", &secret)]);
        client.send(head.as_bytes()).unwrap();
        sleep(Duration::from_secs(2));
        setup.server.daemon.signal("CONT");
        client.answer().unwrap().expect(200);
        setup.only();
        setup.accepted(&secret);
        setup.refused(&secret, 429);
    });
}
