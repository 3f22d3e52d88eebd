//! PAM with the configuration of `connect pam`, used by saslauthd, for Postfix, Sendmail and
//! others.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::machine::{Debian, Machine, on_each};
use crate::secrecy::watch::wait_for;

const SOCKET: &str = "/run/saslauthd/mux";

/// As the comments say, with all of saslauthd's logging.
const START: &str = r#"
mkdir -p .config/postkey /run/saslauthd /usr/local/libexec && install -d -m 2750 /run/postkey &&
printf '[serve]\nlisten = "unix:/run/postkey/postkey.sock"\n' >.config/postkey/config.toml &&
postkey connect pam --file service >/etc/pam.d/smtp &&
postkey connect pam --file helper >/usr/local/libexec/postkey-login &&
chmod 755 /usr/local/libexec/postkey-login || exit
setsid postkey serve 2>serve.log &
echo $! >serve.pid
until grep -q 'listening on' serve.log; do sleep 0.05; done
setsid saslauthd -d -a pam -r -m /run/saslauthd >/var/log/saslauthd.log 2>&1 &
echo $! >saslauthd.pid"#;

impl Machine {
    /// A machine with saslauthd, and the secret of shop_prod's key.
    pub fn with_saslauthd(debian: Debian) -> (Self, String) {
        let machine = Self::boot(debian);
        let key = ["smtp", "shop-mail", "--username", "shop_prod"];
        let secret = machine.sandbox.generate(key);
        machine.shell(START).expect(0);
        wait_for("a saslauthd that listens", || {
            UnixStream::connect(machine.path(SOCKET)).is_ok()
        });
        (machine, secret)
    }

    /// Stops the `serve` whose number is in serve.pid, and waits until it has exited.
    pub fn stop_serve(&self) {
        let stop =
            "kill $(cat serve.pid); while [ -e /proc/$(cat serve.pid) ]; do sleep 0.05; done";
        self.shell(stop).expect(0);
    }

    /// Whether saslauthd accepts a login of Postfix, with a realm if there is an `@`.
    #[track_caller]
    pub fn sasl_login(&self, login: &str, password: &str) -> bool {
        let (user, realm) = login.split_once('@').unwrap_or((login, ""));
        let mut stream = UnixStream::connect(self.path(SOCKET)).unwrap();
        let mut asked = Vec::new();
        for text in [user, password, "smtp", realm] {
            asked.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            asked.extend(text.as_bytes());
        }
        stream.write_all(&asked).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        match answer.get(2..4) {
            Some(b"OK") => true,
            Some(b"NO") => false,
            _ => panic!("{answer:?}"),
        }
    }
}

#[test]
fn saslauthd_accepts_valid_keys() {
    on_each(&[Debian::Here, Debian::TrixieWithExim], |debian| {
        let (machine, secret) = Machine::with_saslauthd(debian);
        let shared = ["smtp", "ops", "--username", "ops@example.com"];
        let shared = machine.sandbox.generate(shared);
        assert!(machine.sasl_login("shop_prod", &secret));
        assert!(machine.sasl_login("ops@example.com", &shared));
        assert!(!machine.sasl_login("ops", &shared));
        assert!(!machine.sasl_login("shop_prod", "guessed"));
        assert!(!machine.sasl_login("shop_prod", &shared));
        assert!(!machine.sasl_login("shop_prod", ""));
        for _ in 0..2 {
            machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
            assert!(!machine.sasl_login("shop_prod", &secret));
            machine.sandbox.run(["activate", "shop-mail"]).expect(0);
            assert!(machine.sasl_login("shop_prod", &secret));
        }
        // Debian's own tool agrees.
        let test = format!("testsaslauthd -s smtp -f {SOCKET} -u shop_prod -p");
        let said = machine.shell(&format!("{test} {secret}")).expect(0);
        assert_eq!(said.stdout, "0: OK \"Success.\"\n");
        assert_ne!(machine.shell(&format!("{test} guessed")).status, 0);
        machine.stop_serve();
        assert!(!machine.sasl_login("shop_prod", &secret));
    });
}

#[test]
fn saslauthds_cache_keeps_accepting_a_deactivated_key() {
    // The warning in the comments.
    on_each(&[Debian::TrixieWithExim], |debian| {
        let (machine, secret) = Machine::with_saslauthd(debian);
        let service = machine.read("/etc/pam.d/smtp");
        assert!(service.contains("Debian has `-c` there"), "{service}");
        let cached = "kill $(cat saslauthd.pid); while [ -e /proc/$(cat saslauthd.pid) ]; do \
                      sleep 0.05; done; rm -f /run/saslauthd/*; \
                      setsid saslauthd -d -c -a pam -r -m /run/saslauthd >/dev/null 2>&1 &";
        machine.shell(cached).expect(0);
        wait_for("a saslauthd that listens", || {
            UnixStream::connect(machine.path(SOCKET)).is_ok()
        });
        assert!(machine.sasl_login("shop_prod", &secret));
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        assert!(machine.sasl_login("shop_prod", &secret));
    });
}

#[test]
fn saslauthd_and_pam_log_no_secret() {
    on_each(&[Debian::Here, Debian::TrixieWithExim], |debian| {
        let (machine, secret) = Machine::with_saslauthd(debian);
        assert!(machine.sasl_login("shop_prod", &secret));
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        assert!(!machine.sasl_login("shop_prod", &secret));
        let log = machine.read("/var/log/saslauthd.log");
        assert!(log.contains("shop_prod"), "{log}");
        machine.expect_nothing_of(&[&secret], &["/etc/pam.d", "/run", "/var/log"]);
    });
}
