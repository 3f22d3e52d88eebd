//! Keys that can only be used from some networks, with Dovecot: `allow_nets`.

use super::dovecot::{Client, Refused};
use super::machine::{Machine, on_each_debian};
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;

/// Networks of a key, and addresses from which a login is accepted, or not.
pub const CASES: [(&str, &[&str], &[&str]); 6] = [
    (
        "203.0.113.0/24",
        &["203.0.113.7", "203.0.113.255", "::ffff:203.0.113.7"],
        &[
            "203.0.112.7",
            "127.0.0.1",
            "2001:db8::1",
            "::ffff:198.51.100.1",
        ],
    ),
    (
        "2001:db8::/32",
        &["2001:db8::1", "2001:db8:ffff::1"],
        &["2001:db9::1", "127.0.0.1", "::1"],
    ),
    (
        "192.0.2.9,2001:db8::9,10.0.0.0/8",
        &["192.0.2.9", "2001:db8::9", "10.255.0.1"],
        &["192.0.2.10", "2001:db8::8", "11.0.0.1"],
    ),
    (
        "2001:db8::/33,198.51.100.128/25",
        &["2001:db8:7fff::1", "198.51.100.128"],
        &["2001:db8:8000::1", "198.51.100.127"],
    ),
    ("0.0.0.0/0", &["198.51.100.1"], &["2001:db8::1"]),
    ("any", &["198.51.100.1", "2001:db8::1"], &[]),
];

impl Machine {
    /// Checks from where the key's secret is accepted, and that Dovecot then tells which one it is.
    #[track_caller]
    pub fn expect_networks(&self, networks: &str, secret: &str, from: &[&str], not_from: &[&str]) {
        let tail = &secret[secret.len() - 16..];
        let mut client = Client::new(self);
        let mut reply = |address| client.reply_from(address, "shop_prod", secret);
        for address in from {
            let reply = reply(address);
            let user = format!("\tuser=shop_prod/{tail}");
            assert!(reply.starts_with("OK\t"), "{networks}, {address}: {reply}");
            assert!(reply.contains(&user), "{reply}");
        }
        for address in not_from {
            let reply = reply(address);
            assert!(
                reply.starts_with("FAIL\t"),
                "{networks}, {address}: {reply}"
            );
        }
    }
}

#[test]
fn dovecot_accepts_a_key_from_its_networks_only_and_reports_other_logins() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        machine.serve();
        let mut refused = 0;
        for (networks, from, not_from) in CASES {
            postkey
                .run(["set", "shop-mail", "--network", networks])
                .expect(0);
            machine.expect_networks(networks, &secret, from, not_from);
            refused += i64::try_from(not_from.len()).unwrap();
        }
        // Dovecot does not know the address of this client.
        postkey
            .run(["set", "shop-mail", "--network", "0.0.0.0/0,::/0"])
            .expect(0);
        assert_eq!(machine.login("shop_prod", &secret), Refused);
        let counted = "SELECT sum(count) FROM refusals WHERE key_id = 1 AND verdict = 'network'";
        wait_for("the refusals", || {
            recorded(postkey, counted) == Some(refused + 1)
        });
        let others = "SELECT count(*) FROM refusals WHERE verdict <> 'network'";
        assert_eq!(recorded(postkey, others), Some(0));
        machine.expect_no_errors();
    });
}
