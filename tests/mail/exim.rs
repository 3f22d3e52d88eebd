//! Exim without Dovecot, with the authenticators that `connect exim --without-dovecot` prints, asked
//! over SMTP. It is Debian's exim4-daemon-light.

use super::dovecot::Mechanism;
use super::machine::{Debian, Machine, on_each};
use crate::import::doveadm;
use crate::sandbox::Run;

/// swaks' exit status if the login failed.
const REFUSED: i32 = 28;

/// As Debian's own split configuration.
const START: &str = r#"
mkdir -p .config/postkey && install -d -m 2750 -g Debian-exim /run/postkey &&
printf '[serve]\nlisten = "unix:/run/postkey/postkey.sock"\n' >.config/postkey/config.toml &&
postkey connect exim --without-dovecot >/etc/exim4/conf.d/auth/99_postkey &&
echo MAIN_TLS_ENABLE = yes >/etc/exim4/conf.d/main/00_postkey &&
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost \
  -keyout /etc/exim4/exim.key -out /etc/exim4/exim.crt 2>/dev/null &&
chgrp Debian-exim /etc/exim4/exim.key && chmod 640 /etc/exim4/exim.key &&
sed -i "s/^dc_use_split_config=.*/dc_use_split_config='true'/" /etc/exim4/update-exim4.conf.conf &&
update-exim4.conf || exit
setsid postkey serve 2>serve.log &
echo $! >serve.pid
until grep -q 'listening on' serve.log; do sleep 0.05; done
mkdir -p /run/exim4 && chown Debian-exim: /run/exim4
exim4 -bd -oX 127.0.0.1.25
"#;

impl Machine {
    fn swaks(&self, args: &[&str], user: &str, password: &str) -> Run {
        let mut command = self.command("swaks");
        command
            .args(["--server", "127.0.0.1:25", "--from", "shop@example.com"])
            .args(["--to", "root@localhost"])
            .args(args)
            .env("SWAKS_OPT_auth_user", user)
            .env("SWAKS_OPT_auth_password", password);
        Run::of(command.output().unwrap())
    }
}

/// The reply to a login with each mechanism, which must begin the same way.
#[track_caller]
fn expect(machine: &Machine, user: &str, password: &str, code: &str) {
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        let word = format!("{mechanism:?}").to_uppercase();
        let args = ["--tls", "--auth", &word, "--quit-after", "AUTH"];
        let run = machine.swaks(&args, user, password);
        assert!(run.stdout.contains(&format!(" {code} ")), "{run:?}");
        assert_eq!(run.status == REFUSED, code != "235", "{run:?}");
    }
}

#[test]
fn exim_accepts_valid_keys_and_defers_if_it_cannot_check() {
    on_each(&[Debian::TrixieWithExim], |debian| {
        let machine = Machine::boot(debian);
        let sandbox = &machine.sandbox;
        let key = ["smtp", "shop-mail", "--username", "shop_prod"];
        let secret = sandbox.generate(key);
        let shared = ["smtp", "ops", "--username", "ops@example.com"];
        let shared = sandbox.generate(shared);
        let odd = r#"a:b ${run{id}} $address1 "\r\n" '{}}ü"#;
        let users = format!("rails_prod:{}", doveadm("SSHA256", odd));
        sandbox.import("dovecot", users).expect(0);
        machine.shell(START).expect(0);
        expect(&machine, "shop_prod", &secret, "235");
        expect(&machine, "ops@example.com", &shared, "235");
        expect(&machine, "rails_prod", odd, "235");
        for (user, password) in [
            ("shop_prod", "guessed"),
            ("shop_prod", &*shared),
            ("nobody_here", &secret),
            ("rails_prod", "a"),
            // Read as one, it would be the odd password of the user before the colon.
            ("rails_prod:a", &odd[2..]),
        ] {
            expect(&machine, user, password, "535");
        }
        sandbox.run(["deactivate", "shop-mail"]).expect(0);
        expect(&machine, "shop_prod", &secret, "535");
        sandbox.run(["activate", "shop-mail"]).expect(0);
        let run = machine.swaks(&["--tls", "--auth", "PLAIN"], "shop_prod", &secret);
        assert!(run.expect(0).stdout.contains(" 250 OK id="));
        let run = machine.swaks(&["--auth", "PLAIN"], "shop_prod", &secret);
        assert!(!run.expect(REFUSED).stdout.contains("AUTH PLAIN"));
        let away = sandbox.home().join("away.db");
        std::fs::rename(sandbox.vault(), &away).unwrap();
        expect(&machine, "shop_prod", &secret, "435");
        std::fs::rename(&away, sandbox.vault()).unwrap();
        expect(&machine, "shop_prod", &secret, "235");
        machine.stop_serve();
        expect(&machine, "shop_prod", &secret, "435");
        let used = sandbox.run(["usage", "shop-mail", "--format", "json"]);
        assert!(used.expect(0).stdout.contains("127.0.0.1"));
        let log = machine.read("/var/log/exim4/mainlog");
        assert!(log.contains("A=postkey_plain:shop_prod"), "{log}");
        let folders = ["/etc/exim4", "/run", "/var/log", "/var/spool/exim4"];
        machine.expect_nothing_of(&[&secret, &shared, odd], &folders);
    });
}
