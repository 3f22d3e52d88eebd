//! What a gateway does with large requests, its own refusals, and a checker that hangs.

use std::time::{Duration, Instant};

use super::{GET, Kind, Setup};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;
use crate::serve::http;
use crate::serve::server::loopback;

/// An nginx whose administrator has replaced one line of the printed configuration.
fn nginx_with(line: &str, instead: &str) -> Setup {
    let listen = format!("{}:17625", loopback());
    Setup::start_altered(Kind::Nginx, Sandbox::new(), &listen, |printed| {
        assert!(printed.contains(line), "{printed}");
        printed.replacen(line, instead, 1)
    })
}

#[test]
fn a_body_of_several_megabytes_arrives_whole() {
    let setups = [
        nginx_with("# client_max_body_size 50m;", "client_max_body_size 50m;"),
        nginx_with(
            "location / {\n",
            "location / {\nclient_max_body_size 50m;\n",
        ),
        Setup::start(Kind::Caddy),
        Setup::start(Kind::NewCaddy),
        Setup::start(Kind::Traefik),
    ];
    for setup in setups {
        let secret = setup.sandbox.generate(["api", "ci"]);
        let body = "0123456789".repeat(300_000);
        let key = [("api-key", &*secret)];
        let answer = http::post(&setup.address, "/v3/smtp/email", &key, &body);
        assert_eq!(answer.expect(200).body, "backend\n");
        assert!(setup.only().body == body.as_bytes());
    }
}

#[test]
fn what_nginx_itself_refuses_stays_what_it_is() {
    let setup = Setup::start(Kind::Nginx);
    let secret = setup.sandbox.generate(["api", "ci"]);
    let names: Vec<_> = (0..120).map(|number| format!("X-{number}")).collect();
    let mut headers: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
    headers.push(("api-key", &secret));
    setup.ask(GET, &headers).expect(431);
    let body = "0123456789".repeat(300_000);
    let key = [("api-key", &*secret)];
    http::post(&setup.address, "/", &key, &body).expect(413);
    setup.expect_nothing_got_through();
}

#[test]
fn an_address_that_nginx_denies_gets_a_403() {
    let setup = nginx_with("location / {\n", "location / {\ndeny 127.0.0.0/8;\n");
    let secret = setup.sandbox.generate(["api", "ci"]);
    setup.ask(GET, &[("api-key", &secret)]).expect(403);
    setup.expect_nothing_got_through();
}

#[test]
fn a_checker_that_hangs_holds_clients_for_seconds_only() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Traefik) {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        setup.accepted(&secret);
        setup.server.daemon.signal("STOP");
        let stat = format!("/proc/{}/stat", setup.server.daemon.0.id());
        wait_for("a checker that has stopped", || {
            std::fs::read_to_string(&stat).unwrap().contains(") T ")
        });
        let start = Instant::now();
        let answer = setup.ask(GET, &[("api-key", &secret)]);
        let took = start.elapsed();
        setup.server.daemon.signal("CONT");
        assert!([503, 504].contains(&answer.status), "{kind:?}: {answer:?}");
        assert!(took < Duration::from_secs(8), "{kind:?}: {took:?}");
        setup.expect_nothing_got_through();
        setup.accepted(&secret);
    }
}
