//! Postfix that asks the home host: how long a revoked key is accepted, and what happens while the
//! home host is down.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::guide::write_files;
use super::hosts::Hosts;
use super::probe::{LOGIN, Probe, SESSION, late, note};
use crate::mail::{Debian, only_as_root};
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;

/// The guide's commands for Dovecot at home.
const DOVECOT: &str = "
postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
postkey connect dovecot --file main >/etc/dovecot/dovecot.conf &&
echo '!include /etc/dovecot/postkey-network.conf' >>/etc/dovecot/dovecot.conf";

const SECTION: &str = "Postfix asks the home host";

/// The guide's commands for Postfix, which asks Dovecot at an address.
fn start_postfix(hosts: &Hosts, address: &str) {
    let printed = hosts.home.sandbox.run(["connect", "postfix"]);
    let services = hosts.other.path("/etc/postfix/master.cf");
    let mut services = fs::File::options().append(true).open(services).unwrap();
    services
        .write_all(printed.expect(0).stdout.as_bytes())
        .unwrap();
    let start = format!(
        "postconf -P submission/inet/smtpd_sasl_path=inet:{address}:12345 &&
        postconf -e service_throttle_time=5s &&
        service postfix start </dev/null"
    );
    hosts.other.shell(&start).expect(0);
}

#[test]
fn postfix_refuses_a_revoked_key_and_defers_without_home() {
    only_as_root!();
    let hosts = Hosts::boot(Debian::Here, "mx1", Debian::Here);
    let Hosts { home, other, .. } = &hosts;
    write_files(SECTION, &hosts);
    let new = ["smtp", "shop-mail", "--username", "shop_prod"];
    let secret = home.sandbox.generate(new);
    home.start_dovecot(DOVECOT);
    start_postfix(&hosts, "10.77.0.1");
    let tunnel = "chmod 755 /usr/local/sbin/postkey-tunnel &&
        systemd-analyze verify /etc/systemd/system/postkey-tunnel.service";
    let run = other.shell(tunnel);
    assert_eq!((run.status, &*run.stdout), (0, ""));
    let mut probe = Probe::start(other, LOGIN, &secret);

    let change = |command: &str| {
        home.sandbox.run([command, "shop-mail"]).expect(0);
    };
    let late = late(10, change, || match probe.next() {
        235 => true,
        535 => false,
        code => panic!("{code}"),
    });
    assert_eq!(late, [Duration::ZERO; 10]);
    home.expect_no_errors();

    assert_eq!(probe.next(), 235);
    hosts.set_network("down");
    assert_eq!(probe.next(), 454);
    hosts.set_network("up");
    wait_for("an accepted login", || probe.next() == 235);
    // A Postfix that has never reached Dovecot offers no login.
    hosts.set_network("down");
    other.shell("service postfix restart </dev/null").expect(0);
    assert_eq!(probe.next(), 0);
    hosts.set_network("up");
    let start = Instant::now();
    wait_for("an accepted login", || probe.next() == 235);
    note(&format!(
        "logins were accepted {:?} after home was back",
        start.elapsed()
    ));
}

/// The line of `authorized_keys`, before the key.
const LIMITS: &str = "restrict,port-forwarding,permitopen=\"127.0.0.1:7626\",\
    permitopen=\"10.77.0.1:12345\",from=\"10.77.0.2\",command=\"/bin/false\"";

/// The tunnel carries Dovecot's port, too, as the guide suggests for other networks.
const TUNNEL: &str = "
sed -i 's|-T -i|-T -L 127.0.0.1:12345:10.77.0.1:12345 -i|' /usr/local/sbin/postkey-tunnel &&
chmod 755 /usr/local/sbin/postkey-tunnel &&
(setsid postkey-tunnel </dev/null >tunnel.log 2>&1 &) &&
until (</dev/tcp/127.0.0.1/12345) 2>>tunnel.log; do sleep 0.1; done";

#[test]
fn an_open_session_ends_through_the_tunnel() {
    only_as_root!();
    let hosts = Hosts::boot(Debian::Trixie, "mx1", Debian::Here);
    let Hosts { home, other, .. } = &hosts;
    super::guide::run("Prepare the hosts", &hosts);
    write_files(SECTION, &hosts);
    let new = ["smtp", "shop-mail", "--username", "shop_prod"];
    let secret = home.sandbox.generate(new);
    home.sandbox
        .settings("[serve]\npolicy = \"127.0.0.1:7626\"\n");
    home.serve();
    home.start_dovecot(DOVECOT);
    hosts.start_sshd(home);
    hosts.authorize(LIMITS);
    other.shell(TUNNEL).expect(0);
    // As the guide locks a host out: the tunnel ends.
    home.shell("pkill -u postkey-remote").expect(0);
    wait_for("the end of the tunnel", || {
        other.shell("! </dev/tcp/127.0.0.1/12345").status == 0
    });
    other.shell(TUNNEL).expect(0);
    // The key runs no command and reaches no other port.
    let ssh = "ssh -i /etc/ssh/postkey";
    let id = other.shell(&format!("{ssh} postkey-remote@home id"));
    assert_eq!((id.status, &*id.stdout), (1, ""));
    let port = other.shell(&format!("{ssh} -W 127.0.0.1:7625 postkey-remote@home"));
    assert!(
        port.stdout.contains("administratively prohibited"),
        "{port:?}"
    );
    start_postfix(&hosts, "127.0.0.1");

    let mut session = Probe::start(other, SESSION, &secret);
    assert_eq!((session.next(), session.next()), (250, 250));
    let accepted = "SELECT sum(count) FROM days WHERE key_id = 1 AND verdict = 'accepted'";
    wait_for("a record of use", || {
        recorded(&home.sandbox, accepted).is_some_and(|count| count > 0)
    });
    home.sandbox.run(["deactivate", "shop-mail"]).expect(0);
    assert_eq!(session.next(), 421);
    home.sandbox.run(["activate", "shop-mail"]).expect(0);
    let mut session = Probe::start(other, SESSION, &secret);
    assert_eq!(session.next(), 250);
    hosts.set_network("down");
    let start = Instant::now();
    assert_eq!(session.next(), 451);
    note(&format!(
        "without home the answer took {:?}",
        start.elapsed()
    ));
}
