//! Imported passwords with Dovecot: it accepts what `verify` accepts, and nothing else.

use super::dovecot::{Accepted, Answer, Refused, Unable};
use super::machine::{Debian, Machine, on_each_debian};
use super::only_as_root;
use crate::import::{NEVER_A_PASSWORD, PASSWORD, QUICK, SCHEMES, doveadm};

/// The 2.4 configuration with weak hashes allowed.
const ALLOWS_WEAK: &str = "postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
postkey connect dovecot --file main | sed 's/^#auth_allow/auth_allow/' >/etc/dovecot/dovecot.conf &&
grep -q '^auth_allow_weak_schemes = yes$' /etc/dovecot/dovecot.conf";

/// The query of configurations for Dovecot 2.3 from before imported passwords.
const FORMER_QUERY: &str = "postkey connect dovecot --file sql |
    sed \"s/ AND tail IN (''. '\\(.*\\)') ORDER BY.*/ AND tail = '\\1'/\" \
    >/etc/dovecot/postkey-sql.conf.ext &&
grep -q \"AND tail = '%{if\" /etc/dovecot/postkey-sql.conf.ext &&
postkey connect dovecot --file main >/etc/dovecot/dovecot.conf";

#[test]
fn a_password_of_every_scheme_logs_in() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        import_every_scheme(&machine);
        let refuses_weak = machine.has_dovecot_2_4();
        expect_every_scheme(&machine, if refuses_weak { Unable } else { Accepted });
        machine.expect_logins(&[("shop_prod", &secret, Accepted)]);
        let errors = machine.errors();
        let is_of_weak = |line: &String| line.contains("Weak password scheme 'MD5-CRYPT' used");
        assert!(errors.iter().all(is_of_weak), "{errors:#?}");
        assert_eq!(errors.is_empty(), !refuses_weak);
    });
}

#[test]
fn an_older_configuration_accepts_imported_passwords() {
    only_as_root!();
    let machine = Machine::boot(Debian::Here);
    let secret = machine
        .sandbox
        .generate(["smtp", "shop-mail", "--username", "shop_prod"]);
    machine.start_dovecot(FORMER_QUERY);
    import_every_scheme(&machine);
    expect_every_scheme(&machine, Accepted);
    machine.expect_logins(&[("shop_prod", &secret, Accepted)]);
    machine.expect_no_errors();
}

#[test]
fn dovecot_2_4_accepts_weak_hashes_with_the_printed_line_uncommented() {
    only_as_root!();
    let machine = Machine::boot(Debian::Trixie);
    machine.sandbox.generate(["smtp", "mail"]);
    machine.start_dovecot(ALLOWS_WEAK);
    import_every_scheme(&machine);
    expect_every_scheme(&machine, Accepted);
    machine.expect_no_errors();
}

#[test]
fn changes_of_an_imported_key_apply_to_the_next_login() {
    on_each_debian(|debian| {
        let (machine, _) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let users = format!("rails_prod:{QUICK}\nops@example.com:{QUICK}\n");
        postkey.import("dovecot", users).expect(0);
        let other = postkey.generate(["smtp", "other", "--username", "ops@example.com"]);
        let login = |username: &str, password: &str| machine.login_by_both(username, password);
        assert_eq!(login("Rails_Prod", PASSWORD), Accepted);
        let wrong = ["", "x", "correct horse ", "' OR 1 --", "imported-", &other];
        let wrong = wrong.map(str::to_owned);
        machine.expect_logins(&wrong.each_ref().map(|wrong| ("rails_prod", wrong, Refused)));
        postkey.run(["deactivate", "rails_prod"]).expect(0);
        assert_eq!(login("rails_prod", PASSWORD), Refused);
        postkey.run(["activate", "rails_prod"]).expect(0);
        let second = postkey.run(["rotate", "rails_prod"]).expect(0).secret();
        let both = [PASSWORD, &second].map(|secret| login("rails_prod", secret));
        assert_eq!(both, [Accepted, Accepted]);
        postkey
            .run(["rotate", "--finish", "--yes", "rails_prod"])
            .expect(0);
        let both = [PASSWORD, &second].map(|secret| login("rails_prod", secret));
        assert_eq!(both, [Refused, Accepted]);

        // A shared login has the keys' secrets and the one password.
        let both = [PASSWORD, &other].map(|secret| login("ops@example.com", secret));
        assert_eq!(both, [Accepted, Accepted]);
        postkey
            .run(["set", "ops-example.com", "--expires", "1s"])
            .expect(0);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let both = [PASSWORD, &other].map(|secret| login("ops@example.com", secret));
        assert_eq!(both, [Refused, Accepted]);
        postkey
            .run(["delete", "--yes", "ops-example.com"])
            .expect(0);
        assert_eq!(login("ops@example.com", PASSWORD), Refused);
        machine.expect_no_errors();
        assert!(!machine.dovecot_log().contains(PASSWORD));
    });
}

#[test]
fn a_password_with_a_tab_or_line_end_is_never_accepted() {
    on_each_debian(|debian| {
        let (machine, _) = Machine::with_dovecot(debian);
        for (password, at) in NEVER_A_PASSWORD.iter().zip(0..) {
            let user = format!("user_{at}:{}", doveadm("SSHA", password));
            machine.sandbox.import("dovecot", user).expect(0);
            let answer = machine.login(&format!("user_{at}"), password);
            assert_eq!(answer, Refused, "{password:?}");
        }
        machine.expect_no_errors();
    });
}

#[test]
fn an_imported_secret_with_only_a_hash_logs_in() {
    on_each_debian(|debian| {
        let (machine, _) = Machine::with_dovecot(debian);
        let there = crate::sandbox::Sandbox::new();
        let secret = there.generate(["smtp", "app", "--username", "app_prod"]);
        let hash = doveadm("SHA512-CRYPT", &secret);
        let postkey = &machine.sandbox;
        postkey
            .import("dovecot", format!("app_prod:{hash}"))
            .expect(0);
        let unknown = there.generate(["smtp", "unknown"]);
        machine.expect_logins(&[
            ("app_prod", &secret, Accepted),
            ("app_prod", &unknown, Refused),
            ("shop_prod", &secret, Refused),
        ]);
        assert_eq!(postkey.verify_login("app_prod", &secret), "accepted");
        assert_eq!(postkey.verify_login("app_prod", &unknown), "mismatch");
        machine.expect_no_errors();
    });
}

/// A user for each scheme, numbered.
fn import_every_scheme(machine: &Machine) {
    let users = (0..).zip(SCHEMES);
    let users = users.map(|(at, scheme)| format!("user_{at}:{}\n", doveadm(scheme, PASSWORD)));
    let users: String = users
        .chain(["plain_user:{PLAIN}correct horse".to_owned()])
        .collect();
    machine.sandbox.import("dovecot", users).expect(0);
}

/// Checks that each password logs in, and no other; `weak` is the reply for MD5-CRYPT.
#[track_caller]
fn expect_every_scheme(machine: &Machine, weak: Answer) {
    let [right, wrong, shaped] = [PASSWORD, "correct hors", "xsmtp-0-correct"].map(str::to_owned);
    let users = SCHEMES.iter().enumerate();
    let users = users.map(|(at, scheme)| (format!("user_{at}"), scheme.starts_with("MD5")));
    let users: Vec<_> = users.chain([("plain_user".to_owned(), false)]).collect();
    let expected = users.iter().flat_map(|(user, is_weak)| {
        let [good, bad] = match is_weak {
            true if weak != Accepted => [weak, weak],
            _ => [Accepted, Refused],
        };
        [(&right, good), (&wrong, bad), (&shaped, bad)]
            .map(|(password, answer)| (user.as_str(), password, answer))
    });
    machine.expect_logins(&expected.collect::<Vec<_>>());
}
