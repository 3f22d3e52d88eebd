//! What `connect` prints, and when it prints nothing.

use crate::sandbox::{Run, Sandbox};

const SERVERS: [&str; 3] = ["dovecot", "postfix", "exim"];

#[test]
fn both_files_of_dovecot_are_named_and_each_is_printed_alone() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    for (version, database) in [("2.3", "connect"), ("2.4", "sqlite_path")] {
        let connect = ["connect", "dovecot", "--dovecot", version];
        let both = sandbox.run(connect).expect(0);
        assert_eq!(both.stderr, "");
        for (part, place) in [
            ("sql", "/etc/dovecot/postkey-sql.conf.ext"),
            ("main", "/etc/dovecot/dovecot.conf"),
        ] {
            let [connect, dovecot, flag, version] = connect;
            let alone = [connect, dovecot, flag, version, "--file", part];
            let alone = sandbox.run(alone).expect(0);
            let heading = format!("# === {place}, which `postkey connect dovecot --file {part}`");
            assert!(both.stdout.contains(&heading), "{both:?}");
            assert!(!alone.stdout.contains("# ==="), "{alone:?}");
            assert!(same(&both).contains(&same(&alone)), "{alone:?}");
        }
        let uri = format!("{database} = file:{}?mode=rw\n", sandbox.vault().display());
        assert!(both.stdout.contains(&uri), "{both:?}");
        // Dovecot 2.3 has no other mode.
        let journal = both.stdout.contains("\nsqlite_journal_mode = delete\n");
        assert_eq!(journal, version != "2.3", "{both:?}");
    }
}

#[test]
fn each_printed_configuration_has_its_own_salt() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    for version in ["2.3", "2.4"] {
        let print = || {
            let args = ["connect", "dovecot", "--file", "main", "--dovecot", version];
            sandbox.run(args).expect(0)
        };
        let (one, two) = (print(), print());
        assert_ne!(one.stdout, two.stdout);
        assert_eq!(same(&one), same(&two));
    }
}

#[test]
fn logins_are_reported_to_where_serve_listens() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    for (listen, line) in [
        (
            "127.0.0.1:80",
            "auth_policy_server_url = http://127.0.0.1:80/dovecot\n",
        ),
        (
            "[::1]:7625",
            "auth_policy_server_url = http://[::1]:7625/dovecot\n",
        ),
        (
            "unix:/run/postkey.sock",
            "# Dovecot could tell `postkey serve` of each login",
        ),
    ] {
        sandbox.settings(&format!("[serve]\nlisten = \"{listen}\""));
        for version in ["2.3", "2.4"] {
            let args = ["connect", "dovecot", "--dovecot", version];
            let run = sandbox.run(args).expect(0);
            assert!(run.stdout.contains(line), "{listen}: {run:?}");
            assert_eq!(
                run.stdout.contains("\nauth_policy"),
                !listen.starts_with("unix")
            );
        }
    }
}

#[test]
fn a_relative_path_is_printed_whole() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    let path = ".local/../.local/share/postkey/vault.db";
    let run = sandbox
        .run(["connect", "dovecot", "--vault", path])
        .expect(0);
    let uri = format!("file:{}?mode=rw", sandbox.vault().display());
    assert!(run.stdout.contains(&uri), "{run:?}");
}

#[test]
fn nothing_is_printed_without_a_vault() {
    let sandbox = Sandbox::new();
    for server in SERVERS {
        let run = sandbox.run(["connect", server]).expect(5);
        assert_eq!(run.stdout, "");
        assert!(
            run.stderr.starts_with("error: there is no vault at"),
            "{run:?}"
        );
        assert!(run.stderr.contains("generate api NAME` creates"), "{run:?}");
    }
}

#[test]
fn flags_that_do_not_apply_to_a_server_are_usage_errors() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    for server in ["postfix", "exim"] {
        let run = sandbox.run(["connect", server, "--file", "sql"]).expect(2);
        let said = format!("error: {server} has no file `sql`\nhint: allowed: main\n");
        assert_eq!((run.stdout.as_str(), run.stderr), ("", said));
        sandbox.run(["connect", server, "--file", "main"]).expect(0);
    }
    for args in [["connect", "sendmail"], ["connect", "--file"]] {
        let run = sandbox.run(args).expect(2);
        assert!(run.stderr.contains("hint: "), "{run:?}");
    }
    let run = sandbox
        .run(["connect", "exim", "--format", "json"])
        .expect(2);
    assert!(
        run.stderr
            .contains("format `json` is not supported by this command"),
        "{run:?}"
    );
}

#[test]
fn a_flag_that_does_not_apply_to_the_server_is_a_usage_error() {
    let sandbox = Sandbox::new();
    let gateways = "nginx, caddy, traefik, haproxy";
    for (flag, value, server, servers) in [
        ("--dovecot", "2.4", "nginx", "dovecot"),
        ("--dovecot", "2.3", "postfix", "dovecot"),
        ("--export", "/etc/x", "haproxy", "dovecot"),
        ("--backend", "a:1", "dovecot", gateways),
        ("--backend", "a:1", "gitleaks", gateways),
        ("--dovecot", "2.4", "pam", "dovecot"),
    ] {
        let run = sandbox.run(["connect", server, flag, value]).expect(2);
        let said = format!("error: {flag} does not apply to {server}\nhint: it is for {servers}\n");
        assert_eq!((run.stdout.as_str(), run.stderr), ("", said));
    }
    let run = sandbox
        .run(["connect", "pam", "--without-dovecot"])
        .expect(2);
    let said = "error: --without-dovecot does not apply to pam\nhint: it is for exim\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", said));
    let run = sandbox.run(["connect", "dovecot", "--dovecot", "2.2"]);
    assert!(run.expect(2).stderr.contains("2.3, 2.4"));
}

#[test]
fn servers_that_need_a_socket_do_not_need_the_vault() {
    let sandbox = Sandbox::new();
    let exim = || sandbox.run(["connect", "exim", "--without-dovecot"]);
    let pam = || sandbox.run(["connect", "pam"]);
    for run in [exim(), pam()] {
        let said = "error: `serve` checks logins only on a unix socket, but the settings have it \
                    listen on `127.0.0.1:7625`\nhint: set `listen = \
                    \"unix:/run/postkey/postkey.sock\"` under [serve] in the settings\n";
        let run = run.expect(5);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", said));
    }
    sandbox.settings("[serve]\nlisten = \"unix:/run/keys/a.sock\"");
    let printed = exim().expect(0).stdout;
    assert!(
        printed.contains("${readsocket{/run/keys/a.sock}"),
        "{printed}"
    );
    assert!(printed.contains("-g Debian-exim /run/keys\n"), "{printed}");
    assert!(!printed.contains("driver = dovecot"), "{printed}");
    let printed = pam().expect(0).stdout;
    for part in [
        "# === /etc/pam.d/smtp, which `postkey connect pam --file service` prints alone",
        "# === /usr/local/libexec/postkey-login, which",
        "\nauth     required pam_exec.so expose_authtok quiet /usr/local/libexec/postkey-login\n",
        "--unix-socket /run/keys/a.sock ",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    let helper = sandbox.run(["connect", "pam", "--file", "helper"]);
    assert!(helper.expect(0).stdout.starts_with("#!/bin/sh\n"));
    sandbox.settings("[serve]\nlisten = \"unix:/run/$(id)/a.sock\"");
    for run in [exim(), pam()] {
        assert_eq!(run.expect(5).stdout, "");
    }
    assert!(!sandbox.vault().exists());
}

/// The text but for the salt.
fn same(run: &Run) -> String {
    let lines = run.stdout.lines();
    let lines = lines.filter(|line| !line.starts_with("auth_policy_hash_nonce = "));
    lines.collect::<Vec<_>>().join("\n")
}
