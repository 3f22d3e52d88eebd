//! Gateways that ask the home host: how long a revoked key is accepted, what happens while the home
//! host is down, and who may ask.

use std::fs;
use std::time::{Duration, Instant};

use super::guide::write_files;
use super::hosts::Hosts;
use super::probe::{Probe, REQUEST, late, note};
use crate::mail::{Debian, only_as_root};
use crate::secrecy::watch::wait_for;

/// The guide's certificates, and one of a stranger by the same authority.
const CERTIFICATES: &str = "
mkdir -p /etc/nginx/postkey && cd /etc/nginx/postkey &&
new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' &&
openssl req -x509 $new -days 2 -subj /CN=postkey -keyout ca.key -out ca.crt &&
for name in home gw1 stranger; do
  openssl req $new -subj /CN=$name -keyout $name.key -out $name.csr || exit
  use=extendedKeyUsage=clientAuth
  [ $name != home ] || use='subjectAltName=DNS:home\\nextendedKeyUsage=serverAuth'
  printf $use | openssl x509 -req -CA ca.crt -CAkey ca.key -days 2 -extfile /dev/stdin \
    -in $name.csr -out $name.crt || exit
done &&
service nginx start </dev/null";

/// Caddy, HAProxy and Traefik, which tests/run installs, on ports of their own.
const OTHER_GATEWAYS: &str = concat!(
    "
postkey connect caddy --backend 127.0.0.1:80 | sed s/:8080/:8091/ >Caddyfile &&
caddy start --adapter caddyfile --config Caddyfile </dev/null >caddy.log 2>&1 &&
postkey connect haproxy --file lua >/etc/haproxy/postkey.lua &&
postkey connect haproxy --file main --backend 127.0.0.1:80 | sed s/:8080/:8092/ >haproxy.cfg &&
haproxy -D -f haproxy.cfg &&
postkey connect traefik --backend 127.0.0.1:80 >postkey.yaml &&
(setsid ",
    env!("CARGO_TARGET_TMPDIR"),
    "/gateways/bin/traefik --entryPoints.web.address=127.0.0.1:8093 \
  --providers.file.filename=postkey.yaml --global.checkNewVersion=false \
  --global.sendAnonymousUsage=false </dev/null >traefik.log 2>&1 &)"
);

#[test]
fn gateways_refuse_a_revoked_key_and_every_key_without_home() {
    only_as_root!();
    let hosts = Hosts::boot(Debian::Here, "gw1", Debian::Here);
    let Hosts { home, other, .. } = &hosts;
    write_files("Gateways ask the home host", &hosts);
    let secret = home.sandbox.generate(["api", "shop"]);
    home.serve();
    let run = home.shell(CERTIFICATES);
    assert_eq!(run.status, 0, "{run:?}");
    other.shell("mkdir /etc/nginx/postkey").expect(0);
    for file in [
        "ca.crt",
        "gw1.crt",
        "gw1.key",
        "stranger.crt",
        "stranger.key",
        "home.crt",
        "home.key",
    ] {
        let path = format!("/etc/nginx/postkey/{file}");
        hosts.write("gw1", &path, &home.read(&path));
    }
    let start = "postkey connect nginx --backend 127.0.0.1:80 >/etc/nginx/conf.d/postkey.conf &&
        service nginx start </dev/null";
    other.shell(start).expect(0);
    let mut probe = Probe::start(other, REQUEST, &secret);

    let change = |command: &str| {
        home.sandbox.run([command, "shop"]).expect(0);
    };
    let late = late(20, change, || match probe.next() {
        200 => true,
        401 => false,
        status => panic!("{status}"),
    });
    assert_eq!(late, [Duration::ZERO; 20]);

    // The client's address gets to the home host.
    for (networks, status) in [("203.0.113.0/24", 403), ("127.0.0.1", 200)] {
        home.sandbox
            .run(["set", "shop", "--network", networks])
            .expect(0);
        assert_eq!(probe.next(), status, "{networks}");
    }
    expect_others_to_ask(&hosts, &secret);
    expect_answers_by_certificate(&hosts);

    assert_eq!(probe.next(), 200);
    hosts.set_network("down");
    for answer in ["first", "second"] {
        let start = Instant::now();
        assert_eq!(probe.next(), 503);
        note(&format!(
            "without home the {answer} answer took {:?}",
            start.elapsed()
        ));
    }
    assert_eq!(curl(&hosts, 8092, &secret), "503");
    for port in [8091, 8093] {
        let status = curl(&hosts, port, &secret);
        assert!(["502", "504"].contains(&&*status), "{port}: {status}");
    }
    hosts.set_network("up");
    wait_for("an accepted request", || probe.next() == 200);
}

/// The status of a request to a gateway.
fn curl(hosts: &Hosts, port: u16, secret: &str) -> String {
    let header = format!("api-key: {secret}\n");
    fs::write(hosts.other.sandbox.home().join("header"), header).unwrap();
    let curl = "curl -s -o /dev/null -w '%{http_code}' -H @header";
    let curl = format!("{curl} http://127.0.0.1:{port}/");
    hosts.other.shell(&curl).stdout
}

/// Other gateways ask in the same way.
fn expect_others_to_ask(hosts: &Hosts, secret: &str) {
    let run = hosts.other.shell(OTHER_GATEWAYS);
    assert_eq!(run.status, 0, "{run:?}");
    for port in [8091, 8092, 8093] {
        wait_for("a gateway that listens", || {
            curl(hosts, port, "guessed") == "401"
        });
        assert_eq!(curl(hosts, port, secret), "200", "{port}");
    }
}

/// What home answers to whom.
fn expect_answers_by_certificate(hosts: &Hosts) {
    for (certificate, path, status) in [
        (Some("gw1"), "/verify", "401"),
        (Some("gw1"), "/metrics", "404"),
        (Some("gw1"), "/dovecot", "404"),
        (Some("gw1"), "/login", "404"),
        (Some("gw1"), "/nginx/../metrics", "404"),
        (Some("stranger"), "/verify", "503"),
        (Some("home"), "/verify", "400"),
        (None, "/verify", "400"),
    ] {
        let credentials = certificate.map_or(String::new(), |name| {
            format!("--cert {name}.crt --key {name}.key")
        });
        let curl = format!(
            "cd /etc/nginx/postkey && curl -s -o /dev/null -w '%{{http_code}}' --path-as-is \
             --cacert ca.crt {credentials} https://home:8443{path}"
        );
        let run = hosts.other.shell(&curl);
        assert_eq!(run.stdout, status, "{certificate:?} {path}");
    }
}
