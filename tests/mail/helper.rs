//! The program printed by `connect pam`, run like PAM and maddy do.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding};

use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;
use crate::serve::server::Server;

/// Its exit statuses.
const ACCEPTED: i32 = 0;
const REFUSED: i32 = 1;
const UNABLE: i32 = 2;

/// A `serve` on a socket, a key of shop_prod, and the program.
struct Setup {
    server: Server,
    sandbox: Sandbox,
    secret: String,
    helper: PathBuf,
}

impl Setup {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        let socket = format!("unix:{}/postkey.sock", sandbox.home().display());
        sandbox.settings(&format!("[serve]\nlisten = \"{socket}\""));
        let secret = sandbox.generate(["smtp", "shop-mail", "--username", "shop_prod"]);
        let printed = sandbox.run(["connect", "pam", "--file", "helper"]);
        let helper = sandbox.home().join("postkey-login");
        fs::write(&helper, printed.expect(0).stdout).unwrap();
        Self {
            server: Server::of(&sandbox, sandbox.command(["serve"]), &socket),
            sandbox,
            secret,
            helper,
        }
    }

    /// The program. A shell runs it, since a file that was just written cannot always be executed.
    fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg(&self.helper).env_clear();
        command
    }

    /// Its exit status as run by pam_exec: with only this environment, and the password followed by
    /// a NUL.
    fn by_pam(&self, user: &str, password: &str, more: &[(&str, &str)]) -> i32 {
        let mut command = self.command();
        command.env("PAM_TYPE", "auth").env("PAM_USER", user);
        command.envs(more.iter().copied());
        run(command, &format!("{password}\0"), false)
    }

    /// Its exit status as run by maddy, which closes standard input only after it has exited.
    fn by_maddy(&self, user: &str, password: &str) -> i32 {
        run(self.command(), &format!("{user}\n{password}\n"), true)
    }
}

/// Runs a program with a text on its standard input, which may stay open; it must print nothing.
fn run(mut command: Command, input: &str, stays_open: bool) -> i32 {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without reading it.
    let _ = stdin.write_all(input.as_bytes());
    let open = Some(stdin).filter(|_| stays_open);
    let output = child.wait_with_output().unwrap();
    drop(open);
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    output.status.code().unwrap()
}

#[test]
fn it_tells_accepted_refused_and_unable_apart() {
    let setup = Setup::start();
    let Setup { sandbox, .. } = &setup;
    let secret = &*setup.secret;
    let shared = sandbox.generate(["smtp", "ops", "--username", "ops@example.com"]);
    let expect = |user: &str, password: &str, expected: i32| {
        let statuses = (
            setup.by_pam(user, password, &[]),
            setup.by_maddy(user, password),
        );
        assert_eq!(statuses, (expected, expected), "{user:?}");
    };
    expect("shop_prod", secret, ACCEPTED);
    expect("SHOP_PROD", secret, ACCEPTED);
    expect("ops@example.com", &shared, ACCEPTED);
    for (user, password) in [
        ("shop_prod", "guessed"),
        ("shop_prod", ""),
        ("shop_prod", &secret[1..]),
        ("shop_prod", &shared),
        ("ops", &shared),
        ("nobody_here", secret),
        ("", secret),
        ("$(id)\"\\%s", secret),
        // It would be read as the user before the colon.
        ("shop_prod:", secret),
    ] {
        expect(user, password, REFUSED);
    }
    sandbox.run(["deactivate", "shop-mail"]).expect(0);
    expect("shop_prod", secret, REFUSED);
    sandbox.run(["activate", "shop-mail"]).expect(0);
    expect("shop_prod", secret, ACCEPTED);
    let away = sandbox.home().join("away.db");
    fs::rename(sandbox.vault(), &away).unwrap();
    wait_for("a lost vault", || {
        setup.by_pam("shop_prod", secret, &[]) == UNABLE
    });
    expect("shop_prod", secret, UNABLE);
    fs::rename(&away, sandbox.vault()).unwrap();
    expect("shop_prod", secret, ACCEPTED);
    setup.server.daemon.signal("TERM");
    wait_for("a server that stopped", || {
        setup.by_pam("shop_prod", secret, &[]) == UNABLE
    });
    expect("shop_prod", secret, UNABLE);
}

#[test]
fn pam_variables_do_not_change_the_verdict() {
    let setup = Setup::start();
    let home = setup.sandbox.home().to_str().unwrap().to_owned();
    fs::write(setup.sandbox.home().join(".curlrc"), "url = \"x:\"\n").unwrap();
    for (name, value) in [
        ("PAM_RHOST", "192.0.2.9"),
        ("PAM_RHOST", "2001:db8::9"),
        ("PAM_RHOST", "mx.example.com"),
        ("PAM_RHOST", "192.0.2.7&address=192.0.2.8"),
        ("PAM_RHOST", "@/etc/passwd"),
        ("PAM_RHOST", "\"\r\nX: y"),
        ("HOME", &*home),
        ("http_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
        ("PATH", "/nowhere"),
        ("IFS", "s"),
    ] {
        let status = setup.by_pam("shop_prod", &setup.secret, &[(name, value)]);
        assert_eq!(status, ACCEPTED, "{name}={value}");
        let status = setup.by_pam("shop_prod", "guessed", &[(name, value)]);
        assert_eq!(status, REFUSED, "{name}={value}");
    }
    let at = |address: &str| {
        let query = "SELECT sum(count) FROM addresses WHERE key_id = 1 AND address =";
        recorded(&setup.sandbox, &format!("{query} '{address}'")).unwrap_or(0)
    };
    wait_for("the addresses of the logins", || {
        (at("192.0.2.9"), at("2001:db8::9")) == (1, 1)
    });
    assert_eq!((at("192.0.2.7"), at("192.0.2.8")), (0, 0));
}

#[test]
fn the_password_is_in_no_argument_no_environment_and_no_file() {
    let setup = Setup::start();
    let trace = setup.sandbox.home().join("trace");
    let traced = || {
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-v", "-qqq", "-s", "100000"])
            .args(["-e", "trace=execve,execveat,open,openat,creat", "-o"])
            .arg(&trace)
            .arg("/bin/sh")
            .arg(&setup.helper);
        strace
    };
    let login = format!("shop_prod:{}", setup.secret);
    let hidden = [
        setup.secret.clone(),
        Base64::encode_string(login.as_bytes()),
    ];
    let mut by_pam = traced();
    by_pam.env("PAM_TYPE", "auth").env("PAM_USER", "shop_prod");
    let by_pam = (by_pam, format!("{}\0", setup.secret), false);
    let by_maddy = (traced(), format!("shop_prod\n{}\n", setup.secret), true);
    for (command, input, stays_open) in [by_pam, by_maddy] {
        assert_eq!(run(command, &input, stays_open), ACCEPTED);
        let said = fs::read_to_string(&trace).unwrap();
        for program in ["/curl\"", "/base64\""] {
            let runs = said.lines().filter(|line| line.contains("execve("));
            assert!(runs.clone().any(|line| line.contains(program)), "{said}");
        }
        let mut files = said.lines().filter(|line| line.contains("O_CREAT"));
        assert!(files.all(|line| line.contains("\"/dev/null\"")), "{said}");
        for hidden in &hidden {
            let mut parts = (0..hidden.len() - 8).map(|at| &hidden[at..at + 8]);
            let leaked = parts.find(|part| !part.starts_with("xsmtp") && said.contains(part));
            assert_eq!(leaked, None, "{said}");
        }
    }
}
