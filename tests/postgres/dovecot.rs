//! Dovecot with the printed configuration, on a vault in a database.

use super::copied::rows_of;
use super::database::Database;
use super::own::OwnCluster;
use crate::import::{PASSWORD as IMPORTED, QUICK, doveadm};
use crate::mail::dovecot::{Accepted, Answer, Refused, Unable};
use crate::mail::networks::CASES;
use crate::mail::{Debian, Machine, on_each_debian, only_as_root};
use crate::secrecy::watch::wait_for;

/// The role that the configuration names. Roles belong to the cluster, and only this one is shared.
const ROLE: &str = "
DO $$ BEGIN
  CREATE ROLE dovecot LOGIN PASSWORD 'not-a-secret' IN ROLE postkey_mail;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END $$";

const STOP: &str = "
dovecot stop
while pgrep -x dovecot; do sleep 0.1; done
rm /var/log/dovecot.log";

const OTHER_AUTHORITY: &str = "
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 \
  -keyout /dev/null -out /etc/other.crt 2>/dev/null && chmod 644 /etc/other.crt";

/// A key of each state, and the answers to logins with them.
struct Logins(Vec<(String, String, Answer)>);

/// A machine whose Dovecot asks the database, and the vault that is copied there.
struct MailServer {
    machine: Machine,
    database: Database,
}

impl MailServer {
    fn start(debian: Debian) -> Self {
        Self::start_edited(debian, "")
    }

    fn start_edited(debian: Debian, edit: &str) -> Self {
        let database = Database::new();
        database.run(ROLE);
        let machine = Machine::boot_with(debian, &[&database.host()]);
        machine.start_dovecot(&configure(&database.url(), edit));
        Self { machine, database }
    }

    fn copy(&self) {
        self.database.copy(&self.machine.sandbox.vault());
    }

    /// Runs postkey, and copies what it changed.
    fn change<const N: usize>(&self, args: [&str; N]) -> String {
        let run = self.machine.sandbox.run(args).expect(0);
        self.copy();
        run.stdout.trim_end().to_owned()
    }

    #[track_caller]
    fn expect_no_errors(&self) {
        self.machine.expect_no_errors();
        assert_eq!(self.database.errors_of("dovecot"), "");
    }
}

/// Installs both files; `edit` is a filter for the one with the database.
fn configure(url: &str, edit: &str) -> String {
    format!(
        "umask 077 && connect='postkey connect dovecot --vault {url}' &&
         $connect --file sql {edit} >/etc/dovecot/postkey-sql.conf.ext &&
         $connect --file main >/etc/dovecot/dovecot.conf"
    )
}

#[test]
fn logins_are_checked_in_the_database() {
    on_each_debian(|debian| {
        let server = MailServer::start(debian);
        let (logins, machine) = (Logins::made(&server), &server.machine);
        logins.expect(machine);
        let answer = |user: &str, secret: &str| machine.login_by_both(user, secret);

        let second = server.change(["rotate", "shop-mail"]);
        let first = logins.secret_of("shop_prod");
        let both = [&first, &second].map(|secret| answer("shop_prod", secret));
        assert_eq!(both, [Accepted, Accepted]);
        server.change(["rotate", "--finish", "--yes", "shop-mail"]);
        let both = [&first, &second].map(|secret| answer("shop_prod", secret));
        assert_eq!(both, [Refused, Accepted]);
        server.change(["deactivate", "rails_prod"]);
        assert_eq!(answer("rails_prod", IMPORTED), Refused);
        server.change(["delete", "--yes", "shop-mail"]);
        assert_eq!(answer("shop_prod", &second), Refused);
        server.expect_no_errors();
    });
}

impl Logins {
    fn made(server: &MailServer) -> Self {
        let postkey = &server.machine.sandbox;
        let new = |args: &[&str]| {
            let args = ["generate"].iter().chain(args);
            let output = postkey.command(args.copied()).output().unwrap();
            crate::sandbox::Run::of(output).expect(0).secret()
        };
        let shop = new(&["smtp", "shop-mail", "--username", "shop_prod"]);
        let api = new(&["api", "shop-api"]);
        let idle = new(&["smtp", "idle", "--inactive", "--username", "idle"]);
        let ending = new(&["smtp", "ending", "--username", "ending", "--expires", "1s"]);
        let shared =
            ["web", "cron"].map(|name| new(&["smtp", name, "--username", "Ops@Example.com"]));
        let decoy = new(&["smtp", "trap", "--username", "trap", "--decoy"]);
        let crypt = doveadm("SHA512-CRYPT", IMPORTED);
        let users = format!("rails_prod:{QUICK}\nops@example.com:{crypt}\n");
        postkey.import("dovecot", users).expect(0);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        server.copy();
        let wrong = crate::mail::logins::wrong(&shop);
        let logins = [
            ("shop_prod", &*shop, Accepted),
            ("SHOP_Prod", &shop, Accepted),
            ("shop_prod", &wrong, Refused),
            ("shop_prod", &shared[0], Refused),
            ("shop_prod", &api, Refused),
            ("shop_prod", "", Refused),
            ("shop-api", &api, Refused),
            ("idle", &idle, Refused),
            ("ending", &ending, Refused),
            ("trap", &decoy, Refused),
            ("nobody", &shop, Refused),
            ("ops@example.com", &shared[0], Accepted),
            ("OPS@example.com", &shared[1], Accepted),
            ("ops@example.com", IMPORTED, Accepted),
            ("ops@example.com", "correct horse ", Refused),
            ("rails_prod", IMPORTED, Accepted),
            ("Rails_Prod", IMPORTED, Accepted),
            ("rails_prod", "x", Refused),
            ("rails_prod", &shop, Refused),
        ];
        let owned =
            logins.map(|(user, secret, answer)| (user.to_owned(), secret.to_owned(), answer));
        Self(owned.into())
    }

    fn expect(&self, machine: &Machine) {
        let logins = self.0.iter();
        let logins = logins.map(|(user, secret, answer)| (&**user, secret, *answer));
        machine.expect_logins(&logins.collect::<Vec<_>>());
    }

    /// The first one's.
    fn secret_of(&self, user: &str) -> String {
        self.0
            .iter()
            .find(|login| login.0 == user)
            .unwrap()
            .1
            .clone()
    }
}

#[test]
fn no_password_and_no_username_can_break_the_query() {
    on_each_debian(|debian| {
        let server = MailServer::start(debian);
        let secret =
            server
                .machine
                .sandbox
                .generate(["smtp", "shop-mail", "--username", "shop_prod"]);
        server.copy();
        let [head, tail] = [&secret[..secret.len() - 16], &secret[secret.len() - 16..]];
        let passwords = [
            "'".to_owned(),
            "''".to_owned(),
            "aaaaaaaa'bbbbbbbbbbbbbbb".to_owned(),
            "aaaaaaaa\\'bbbbbbbbbbbbbb".to_owned(),
            "bbbbbbbbbbbbbbb\\".to_owned(),
            "\\".to_owned(),
            "' OR 1 LIMIT 1--".to_owned(),
            "');SELECT pg_sleep(9)--".to_owned(),
            "'); DROP TABLE keys;--".to_owned(),
            "x') UNION SELECT 'shop_prod', '', '{PLAIN}x', NULL--".to_owned(),
            "$$;SELECT 1;$$".to_owned(),
            "$1".to_owned(),
            "E'\\x27'".to_owned(),
            "U&'\\0027'".to_owned(),
            "/* */".to_owned(),
            "%w%u;%{pass};~;*}".to_owned(),
            "%{if;1;==;1;'}".to_owned(),
            "xsmtppost-0-'".to_owned(),
            "xsmtppost-0-\\".to_owned(),
            format!("xsmtppost-0-{}' OR 1 LIMIT 1--", "0".repeat(30)),
            format!("xsmtppost-0-0');SELECT pg_sleep(9)--{tail}"),
            format!("{secret}'"),
            format!("{secret}\\"),
            format!("'{secret}"),
            format!("{secret} "),
            format!("{secret}\n"),
            format!("{secret}\n'"),
            format!("x\n{secret}"),
            format!("{head}{}", "'".repeat(16)),
            format!("{head}{}", "\\'".repeat(8)),
            format!("{head}%{}", &tail[1..]),
            tail.to_owned(),
            format!("'{tail}"),
            "ü".to_owned(),
            "\u{2019}\u{ff07}".to_owned(),
            "ʼ".repeat(20),
            "x".repeat(500),
            "'".repeat(500),
        ];
        let usernames = [
            "'",
            "x' OR '1",
            "shop_prod'--",
            "shop_prod\\'--",
            "shop_prod\\",
            "%w",
            "%u",
            "shop prod",
            "shop_prod');SELECT pg_sleep(9)--",
            "$1",
            "ü",
        ];
        let logins = passwords
            .iter()
            .map(|password| ("shop_prod", password, Refused));
        let logins = logins.chain(usernames.map(|username| (username, &secret, Refused)));
        let logins: Vec<_> = logins.chain([("shop_prod", &secret, Accepted)]).collect();
        server.machine.expect_logins(&logins);
        server.expect_no_errors();
        let log = server.machine.dovecot_log();
        for part in ["OR 1 LIMIT", "bbbbbbbb", "pg_sleep", head] {
            let lines = log.lines().filter(|line| line.contains(part));
            // A username is not a secret.
            let lines = lines.filter(|line| !line.contains("shop_prod');SELECT"));
            assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new(), "{part}");
        }
    });
}

#[test]
fn without_its_condition_the_query_would_break() {
    only_as_root!();
    // The escape of a quote is cut in half.
    let unsafe_query = "| sed 's/%{if;%w;~;[^;]*;\\(%-16.16w\\);}/\\1/'";
    let server = MailServer::start_edited(Debian::Here, unsafe_query);
    let postkey = &server.machine.sandbox;
    postkey.generate(["smtp", "shop-mail", "--username", "shop_prod"]);
    server.copy();
    let broken = server
        .machine
        .login("shop_prod", "aaaaaaaa'bbbbbbbbbbbbbbb");
    assert_eq!(broken, Unable);
    assert!(server.database.errors_of("dovecot").contains("ERROR: "));
}

#[test]
fn a_key_is_accepted_from_its_networks_only() {
    on_each_debian(|debian| {
        let server = MailServer::start(debian);
        let postkey = &server.machine.sandbox;
        let secret = postkey.generate(["smtp", "shop-mail", "--username", "shop_prod"]);
        for (networks, from, not_from) in CASES {
            server.change(["set", "shop-mail", "--network", networks]);
            server
                .machine
                .expect_networks(networks, &secret, from, not_from);
        }
        server.expect_no_errors();
    });
}

#[test]
fn a_lost_connection_refuses_nobody() {
    on_each_debian(|debian| {
        let server = MailServer::start(debian);
        let postkey = &server.machine.sandbox;
        let secret = postkey.generate(["smtp", "shop-mail", "--username", "shop_prod"]);
        server.copy();
        assert_eq!(server.machine.login("shop_prod", &secret), Accepted);
        let name = server.database.name();
        let cut = format!(
            "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
             WHERE usename = 'dovecot' AND datname = '{name}'"
        );
        assert_eq!(server.database.run(&cut), "t");
        // Dovecot finds that out with the next query.
        assert_eq!(server.machine.login("shop_prod", &secret), Accepted);
    });
}

#[test]
fn of_several_servers_the_primary_is_asked_and_must_prove_its_name() {
    on_each_debian(|debian| {
        let machine = Machine::boot(debian);
        let secret = machine
            .sandbox
            .generate(["smtp", "shop-mail", "--username", "shop_prod"]);
        let primary = OwnCluster::in_network_of(&machine);
        let copy = || primary.run(&rows_of(&machine.sandbox.vault()));
        copy();
        primary.run(ROLE);
        certify(&machine, &primary);
        let standby = primary.standby();
        let names = "echo 127.0.0.1 db1 db2 other >>/etc/hosts";
        machine.shell(names).expect(0);
        let url = |standby_name: &str, primary_name: &str| {
            let (standby, primary) = (standby.port(), primary.port());
            format!("postgres://{standby_name}:{standby},{primary_name}:{primary}/postkey")
        };
        let with_password = "| sed 's/PASSWORD/not-a-secret/'";
        machine.start_dovecot(&configure(&url("db1", "db2"), with_password));
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                         WHERE usename = 'dovecot'";
        assert_eq!(primary.run(encrypted), "t");
        assert_eq!(
            standby.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'dovecot'"),
            "0"
        );
        machine.expect_no_errors();
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        copy();
        assert_eq!(machine.login("shop_prod", &secret), Refused);
        machine.sandbox.run(["activate", "shop-mail"]).expect(0);
        copy();

        // Nobody is let in by a server of another name, or of another authority.
        for (url, edit) in [
            (url("other", "other"), with_password),
            (
                url("db1", "db2"),
                "| sed 's/PASSWORD/not-a-secret/; s,/etc/ssl/certs/ca-certificates.crt,/etc/other.crt,'",
            ),
        ] {
            machine.shell(STOP).expect(0);
            let start = format!("{OTHER_AUTHORITY} && {}", configure(&url, edit));
            machine.start_dovecot(&start);
            // Dovecot goes on trying for a minute.
            let log_in = format!("timeout 3 doveadm auth test shop_prod {secret}");
            let run = machine.shell(&log_in);
            assert!(
                run.status != 0 && !run.stdout.contains("succeeded"),
                "{run:?}"
            );
            let errors = machine.errors().join("\n");
            assert!(errors.contains("certificate"), "{errors}");
        }
    });
}

/// Gives the server a certificate for db1 and db2 by an authority that the machine trusts.
fn certify(machine: &Machine, server: &OwnCluster) {
    let make = "
        cd /etc/ssl && new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' &&
        openssl req -x509 $new -days 2 -subj /CN=authority -keyout ca.key -out ca.crt &&
        openssl req $new -subj /CN=db -keyout server.key -out server.csr &&
        printf subjectAltName=DNS:db1,DNS:db2 | openssl x509 -req -CA ca.crt -CAkey ca.key -days 2 \
          -extfile /dev/stdin -in server.csr -out server.crt &&
        cat ca.crt >>/etc/ssl/certs/ca-certificates.crt";
    machine.shell(make).expect(0);
    for name in ["server.crt", "server.key"] {
        server.write(name, &machine.read(&format!("/etc/ssl/{name}")));
    }
    server.run("ALTER SYSTEM SET ssl = on");
    server.run("SELECT pg_reload_conf()");
    wait_for("TLS", || server.run("SHOW ssl") == "on");
}
