//! Postfix's policy requests, asked directly: what Postfix would never send, and what it relies on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::server::{Server, loopback};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;

/// What a request that is not understood is answered with.
const NOT_UNDERSTOOD: &str =
    "action=DEFER_IF_PERMIT 4.3.0 The policy request was not understood\n\n";

const PASSED: &str = "action=DUNNO\n\n";

/// A server that also answers policy requests, and where.
fn start(sandbox: &Sandbox) -> (Server, String) {
    let (http, policy) = (
        format!("{}:17625", loopback()),
        format!("{}:17626", loopback()),
    );
    let command = sandbox.command(["serve", "--listen", &http, "--listen-policy", &policy]);
    (Server::of(sandbox, command, &http), policy)
}

/// A request about a recipient.
fn recipient(username: &str) -> String {
    request("RCPT", username, 0)
}

fn request(state: &str, username: &str, recipients: u32) -> String {
    format!(
        "request=smtpd_access_policy\nprotocol_state={state}\nsasl_username={username}\n\
         sender=a@example.com\nclient_address=127.0.0.1\ninstance=1.2\n\
         recipient_count={recipients}\n\n"
    )
}

/// The statuses in answers, as in `421`; those that pass are `ok`.
fn statuses(answers: &str) -> Vec<&str> {
    let actions = answers.split_terminator("\n\n");
    let statuses = actions.map(|action| match action.strip_prefix("action=").unwrap() {
        "DUNNO" => "ok",
        action => &action[..3],
    });
    statuses.collect()
}

/// Sends everything, ends the sending side, and reads until the server closes.
fn exchange(address: &str, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // The server may have closed already.
    let _ = stream.write_all(sent);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn requests_follow_each_other_on_one_connection_also_in_pieces() {
    let sandbox = Sandbox::with_three_keys();
    let (_server, policy) = start(&sandbox);
    let two = recipient("") + &recipient("no_such_login");
    let refused = "action=421 4.7.0 This SMTP key is no longer valid (unknown)\n\n";
    assert_eq!(
        exchange(&policy, two.as_bytes()),
        format!("{PASSED}{refused}")
    );
    let mut stream = TcpStream::connect(&policy).unwrap();
    for byte in two.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, format!("{PASSED}{refused}"));
}

#[test]
fn what_is_not_understood_is_deferred_and_counted() {
    let sandbox = Sandbox::with_three_keys();
    let (server, policy) = start(&sandbox);
    let long = format!(
        "request=smtpd_access_policy\nsender={}",
        "x".repeat(20 << 10)
    );
    let cases: [&[u8]; 7] = [
        b"\n\n",
        b"request=other\n\n",
        b"sender=a@b.c\n\n",
        b"request=smtpd_access_policy\nwithout a value\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\n\n",
        b"request=smtpd_access_policy\nsender=cut o",
        long.as_bytes(),
    ];
    for (count, sent) in (1..).zip(cases) {
        let text = String::from_utf8_lossy(&sent[..sent.len().min(40)]);
        assert_eq!(exchange(&policy, sent), NOT_UNDERSTOOD, "{text:?}");
        let malformed = "postkey_policy_requests_total{verdict=\"malformed\"}";
        assert_eq!(server.metric(malformed), count, "{text:?}");
    }
    // Whoever goes away before asking is no error.
    assert_eq!(exchange(&policy, b""), "");
}

#[test]
fn a_request_that_is_never_complete_is_ended_and_delays_no_other() {
    let sandbox = Sandbox::with_three_keys();
    let (_server, policy) = start(&sandbox);
    let mut slow = TcpStream::connect(&policy).unwrap();
    slow.write_all(b"request=smtpd_access_policy\n").unwrap();
    let start = Instant::now();
    assert_eq!(exchange(&policy, recipient("").as_bytes()), PASSED);
    assert!(start.elapsed() < Duration::from_secs(3));
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, NOT_UNDERSTOOD);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_unix_socket_serves_as_well_and_idle_connections_end_with_the_server() {
    let sandbox = Sandbox::with_three_keys();
    let path = sandbox.home().join("policy.sock");
    let policy = format!("unix:{}", path.display());
    let http = format!("{}:17625", loopback());
    let command = sandbox.command(["serve", "--listen", &http, "--listen-policy", &policy]);
    let server = Server::of(&sandbox, command, &http);
    let log = server.log();
    assert!(
        log.contains(&format!("{http}, and on {policy} for Postfix")),
        "{log}"
    );
    let mut idle = UnixStream::connect(&path).unwrap();
    idle.write_all(recipient("").as_bytes()).unwrap();
    let mut answer = vec![0; PASSED.len()];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(answer, PASSED.as_bytes());
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_eq!(idle.read(&mut answer).unwrap(), 0);
    assert!(!path.exists());
}

#[test]
fn the_same_address_twice_and_one_that_others_could_reach_are_refused() {
    let sandbox = Sandbox::with_three_keys();
    let http = format!("{}:17625", loopback());
    let run = sandbox.run(["serve", "--listen", &http, "--listen-policy", &http]);
    let run = run.expect(5);
    assert!(run.stderr.contains("cannot listen on"), "{run:?}");
    let run = sandbox.run(["serve", "--listen-policy", "0.0.0.0:7626"]);
    let run = run.expect(2);
    assert!(run.stderr.contains("must be a loopback address"), "{run:?}");
}

#[test]
fn without_a_tail_a_login_may_do_what_one_of_its_keys_may() {
    let sandbox = Sandbox::new();
    for name in ["a", "b"] {
        sandbox.generate(["smtp", name, "--username", "ops@example.com"]);
    }
    sandbox.generate(["smtp", "own", "--username", "own_login"]);
    sandbox
        .import("dovecot", "old_user:{PLAIN}a password\n")
        .expect(0);
    let (_server, policy) = start(&sandbox);
    let ask = |username: &str| {
        let answer = exchange(&policy, recipient(username).as_bytes());
        statuses(&answer).join(" ")
    };
    let set = |args: &[&str]| {
        let run = Run::of(sandbox.command(args.iter()).output().unwrap());
        run.expect(0);
    };
    assert_eq!(
        [ask("ops@example.com"), ask("OWN_LOGIN"), ask("old_user")],
        ["ok"; 3]
    );
    set(&["deactivate", "a"]);
    set(&["set", "own", "--sender", "other.example"]);
    set(&["deactivate", "old_user"]);
    assert_eq!(ask("ops@example.com"), "ok");
    assert_eq!([ask("own_login"), ask("old_user")], ["553", "421"]);
    set(&["set", "b", "--network", "10.0.0.0/8"]);
    assert_eq!(ask("ops@example.com"), "421");
    set(&["activate", "a"]);
    assert_eq!(ask("ops@example.com"), "ok");
}

#[test]
fn a_limit_holds_for_all_connections_together_and_what_is_not_sent_is_given_back() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate([
        "smtp",
        "mail",
        "--username",
        "mail_prod",
        "--limit",
        "100/day",
    ]);
    let username = format!("mail_prod/{}", &secret[secret.len() - 16..]);
    let (server, policy) = start(&sandbox);
    let accepted: usize = std::thread::scope(|scope| {
        let clients = (0..8).map(|_| {
            let asked = recipient(&username).repeat(20);
            let policy = &policy;
            scope.spawn(move || {
                let answers = exchange(policy, asked.as_bytes());
                let statuses = statuses(&answers);
                assert!(statuses.iter().all(|status| ["ok", "452"].contains(status)));
                statuses.iter().filter(|status| **status == "ok").count()
            })
        });
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    });
    assert_eq!(accepted, 100);
    sandbox.run(["set", "mail", "--limit", "103/day"]).expect(0);
    // Of three recipients, Postfix refuses two for another reason after they were counted here.
    let mut stream = TcpStream::connect(&policy).unwrap();
    let mail = recipient(&username).repeat(3);
    stream.write_all(mail.as_bytes()).unwrap();
    wait_for("the record of the recipients", || {
        recorded(&sandbox, "SELECT count FROM windows") == Some(103)
    });
    let rest = request("END-OF-MESSAGE", &username, 1) + &recipient(&username).repeat(3);
    stream.write_all(rest.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(
        statuses(&answers),
        ["ok", "ok", "ok", "ok", "ok", "ok", "452"]
    );
    server.stop();
    assert_eq!(recorded(&sandbox, "SELECT mails FROM mail"), Some(1));
    assert_eq!(recorded(&sandbox, "SELECT count FROM windows"), Some(103));
    // Another process goes on where this one ended.
    let (_server, policy) = start(&sandbox);
    let answers = exchange(&policy, recipient(&username).as_bytes());
    assert_eq!(statuses(&answers), ["452"]);
}
