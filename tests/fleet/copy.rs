//! A mail server with a copy: how long a revoked key is accepted, and what happens while the home
//! host is down.

use std::thread::sleep;
use std::time::Duration;

use super::guide::{run, write_files};
use super::hosts::Hosts;
use super::probe::{late, note};
use crate::mail::dovecot::{Accepted, Refused};
use crate::mail::{Debian, only_as_root};
use crate::secrecy::watch::wait_for;

const SETTINGS: &str = "
[[export]]
format = \"dovecot\"
file = \"/var/lib/postkey-remote/users\"
";

const EXPORT: &str = "
install -m 640 -g postkey-remote /dev/null /var/lib/postkey-remote/users &&
postkey export";

const DOVECOT: &str = "
chmod 755 /usr/local/sbin/postkey-pull &&
postkey-pull &&
postkey connect dovecot --export /etc/dovecot/postkey-users >/etc/dovecot/dovecot.conf";

/// Dovecot checks its file once a second.
const LOOKED: Duration = Duration::from_millis(1100);

#[test]
fn a_copy_follows_home_and_outlives_it() {
    only_as_root!();
    let hosts = Hosts::boot(Debian::Trixie, "mx2", Debian::Here);
    let Hosts { home, other, .. } = &hosts;
    run("Prepare the hosts", &hosts);
    write_files("A mail server with a copy", &hosts);
    let new = ["smtp", "shop-mail", "--username", "shop_prod"];
    let secret = home.sandbox.generate(new);
    hosts.start_sshd(home);
    hosts.authorize("restrict,from=\"10.77.0.4\",command=\"cat users\"");
    home.sandbox.settings(SETTINGS);
    home.shell(EXPORT).expect(0);
    other.start_dovecot(DOVECOT);
    expect_valid_units(&hosts);
    expect_little_access(&hosts);

    let pulls = "while sleep 1; do postkey-pull; done </dev/null >pulls.log 2>&1 &";
    other.shell(pulls).expect(0);
    // Only the machine has the export, which changes with the key.
    let change = |command: &str| {
        home.shell(&format!("postkey {command} shop-mail"))
            .expect(0);
    };
    let is_accepted = || other.login("shop_prod", &secret) == Accepted;
    let late = late(3, change, is_accepted);
    note(&format!(
        "accepted after `deactivate` had returned: {late:?}"
    ));
    // Otherwise nothing would have been measured.
    assert!(late.iter().any(|late| *late > Duration::ZERO));
    assert!(late.iter().all(|late| *late < Duration::from_secs(10)));

    wait_for("an accepted login", is_accepted);
    hosts.set_network("down");
    change("deactivate");
    sleep(LOOKED);
    assert_ne!(other.shell("postkey-pull").status, 0);
    assert!(is_accepted());
    other.expect_no_errors();
    other.shell("rm /etc/dovecot/postkey-users").expect(0);
    sleep(LOOKED);
    assert_eq!(other.login("shop_prod", &secret), Refused);
}

fn expect_valid_units(hosts: &Hosts) {
    let verify = "systemd-analyze verify /etc/systemd/system/postkey-pull.*";
    let run = hosts.other.shell(verify);
    assert_eq!((run.status, &*run.stdout), (0, ""));
}

/// Its key runs one command, whatever is asked for, and the ports of other hosts are closed to it.
fn expect_little_access(hosts: &Hosts) {
    let anything = "ssh -i /etc/ssh/postkey postkey-remote@home id";
    let said = hosts.other.shell(anything).expect(0).stdout;
    assert_eq!(said, hosts.other.read("/etc/dovecot/postkey-users"));
    // Nothing listens on the first two; without the firewall, that would be known at once.
    for (port, status) in [(12345, 124), (8443, 124), (22, 0)] {
        let connect = format!("timeout 1 bash -c '</dev/tcp/10.77.0.1/{port}'");
        assert_eq!(hosts.other.shell(&connect).status, status, "{port}");
    }
}
