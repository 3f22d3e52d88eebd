//! `explain`: each check of a request, a login or a secret, with its hint.

use base64ct::{Base64, Encoding};

use crate::import::{PASSWORD, QUICK};
use crate::sandbox::{Run, Sandbox};

/// A vault with a key of each kind, and their secrets.
fn prepared() -> (Sandbox, String, String) {
    let sandbox = Sandbox::new();
    let api = sandbox.generate([
        "api",
        "web",
        "--permission",
        "read-only",
        "--limit",
        "5/day",
    ]);
    let smtp = sandbox.generate(["smtp", "mail", "--username", "user_1"]);
    (sandbox, api, smtp)
}

/// The output, which never contains the secret.
#[track_caller]
fn explain(sandbox: &Sandbox, text: &str, secret: &str) -> Run {
    let run = sandbox.run_with_input(["explain"], text.as_bytes());
    for stream in [&run.stdout, &run.stderr] {
        assert!(!stream.contains(&secret[9..25]), "{run:?}");
    }
    run
}

#[test]
fn each_problem_of_a_request_is_explained() {
    let (sandbox, api, _) = prepared();
    let text = format!("POST /v3/contacts HTTP/1.1\r\nHost: a\r\nX-Auth-Key: {api}\r\n\r\n");
    let run = explain(&sandbox, &text, &api).expect(1);
    assert_eq!(
        run.stdout,
        "   CHECK       FOUND                                                                      \
          HINT
✗  header      sent as `X-Auth-Key`; this API reads `api-key` or `Authorization: Bearer`  send it as `api-key` or `Authorization: Bearer`
✓  characters  no blanks, quotation marks or hidden characters
✓  form        90 characters, and the checksum is right
✓  secret      the secret of the API key `web`
✓  status      `web` is active
✓  expiry      `web` never expires
✓  kind        API keys are accepted here
✗  permission  the permission read-only of `web` does not allow this                      `postkey set web --permission contacts`; it is allowed by contacts, full
✓  limit       5 left of 5/day
"
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn every_failed_check_has_a_hint() {
    let (sandbox, api, smtp) = prepared();
    let plain = |user: &str, secret: &str| {
        let message = format!("\0{user}\0{secret}");
        format!(
            "EHLO x\nAUTH PLAIN {}\n535 no\n",
            Base64::encode_string(message.as_bytes())
        )
    };
    let curl = |line: &str| format!("> GET /v3/account HTTP/1.1\n> {line}\n>\n< HTTP/1.1 401\n");
    let wrong = format!("{}A", &api[..api.len() - 1]);
    for (text, failing) in [
        (curl(&format!("api-key: {api}")), &[][..]),
        (curl(&format!("Authorization: Bearer {api}")), &[]),
        (plain("User_1", &smtp), &[]),
        (api.clone(), &[]),
        (format!("{api}\r\n"), &[]),
        (curl("Host: a"), &["header: no key was sent"]),
        (
            curl(&format!("api-key: {api}\n> Authorization: Bearer {api}")),
            &["header: sent 2 times: `api-key`, `Authorization: Bearer`"],
        ),
        (
            curl(&format!(
                "Authorization: Basic {}",
                Base64::encode_string(format!("{api}:").as_bytes())
            )),
            &[
                "header: sent as `Authorization: Basic`; this API reads `api-key` or `Authorization: Bearer`",
            ],
        ),
        (curl("api-key:"), &["form: no secret given (0 characters)"]),
        (
            format!("\u{feff}\"{api}\u{200b}\" \n"),
            &[
                "characters: there is a byte order mark (U+FEFF) before it, a quotation mark before it, \
               a zero width space (U+200B) after it and 2 more",
            ],
        ),
        (
            api.replace('-', "\u{2011}"),
            &[
                "characters: there is a non-breaking hyphen (U+2011) in it, at position 9, \
               a non-breaking hyphen (U+2011) in it, at position 74",
            ],
        ),
        (
            curl(&format!("api-key: {}\u{a0}{}", &api[..20], &api[20..])),
            &["characters: there is a no-break space (U+00A0) in it, at position 21"],
        ),
        (
            api[..80].to_owned(),
            &["form: it is too short: a part is missing (80 characters)"],
        ),
        (
            wrong,
            &["form: checksum mismatch: a character is wrong or missing (90 characters)"],
        ),
        (
            "hunter2".to_owned(),
            &["form: it does not begin with xkey or xsmtp (7 characters)"],
        ),
        (
            curl(&format!("api-key: {smtp}")),
            &["kind: `mail` is an SMTP key for user_1, not what was asked for"],
        ),
        (
            plain("user_1", &api),
            &["username: `web` is an API key, not what was asked for"],
        ),
        (
            plain("user_2", &smtp),
            &["username: `mail` is an SMTP key for user_1, not what was asked for"],
        ),
        (
            plain("user_1", &format!("{smtp}\n")),
            &["characters: there is a line break (U+000A) after it"],
        ),
        (
            "AUTH CRAM-MD5\n".to_owned(),
            &["login: AUTH CRAM-MD5 does not send the secret, so it cannot be checked"],
        ),
    ] {
        let args = ["explain", "--format", "json"];
        let run = sandbox.run_with_input(args, text.as_bytes());
        let points = run.json();
        let failed: Vec<String> = points
            .as_array()
            .unwrap()
            .iter()
            .filter(|point| point["ok"] == false)
            .map(|point| {
                assert!(
                    point["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
                    "{point}"
                );
                format!(
                    "{}: {}",
                    point["check"].as_str().unwrap(),
                    point["message"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(failed, failing, "{text:?}");
        assert_eq!(run.status, i32::from(!failing.is_empty()), "{text:?}");
        for secret in [&api, &smtp] {
            assert!(!run.stdout.contains(&secret[9..25]), "{run:?}");
        }
    }
}

#[test]
fn the_keys_state_is_explained_and_nothing_recorded() {
    let (sandbox, api, _) = prepared();
    let before = sandbox.run(["log"]).expect(0).stdout;
    let failing = |secret: &str| {
        let run = sandbox.run_with_input(["explain", "--format", "json"], secret.as_bytes());
        let points = run.json();
        let failed = points
            .as_array()
            .unwrap()
            .iter()
            .filter(|point| point["ok"] == false);
        let failed = failed.map(|point| {
            format!(
                "{}: {}",
                point["message"].as_str().unwrap(),
                point["hint"].as_str().unwrap()
            )
        });
        failed.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(failing(&api), "");
    assert_eq!(sandbox.run(["log"]).expect(0).stdout, before);
    assert!(!sandbox.usage().exists());
    let text = format!("POST /v3/contacts HTTP/1.1\napi-key: {api}\n\n");
    let told = failing(&text);
    assert!(
        told.contains("does not allow this: `postkey set web --permission contacts`"),
        "{told}"
    );
    sandbox
        .run(["set", "web", "--permission", "contacts"])
        .expect(0);
    assert_eq!(failing(&text), "");
    sandbox.run(["deactivate", "web"]).expect(0);
    assert_eq!(
        failing(&api),
        "`web` is deactivated: `postkey activate web`, once it is clear why it was deactivated"
    );
    sandbox.run(["activate", "web"]).expect(0);
    let new = sandbox
        .run(["regenerate", "--yes", "web"])
        .expect(0)
        .secret();
    let said = failing(&api);
    assert!(
        said.starts_with("it was the secret of `web`, replaced 2"),
        "{said}"
    );
    let way = ": send the key's current secret, and check that this is the right vault";
    assert!(said.ends_with(way), "{said}");
    for _ in 0..5 {
        assert_eq!(sandbox.verify(&new).1, 0);
    }
    let told = failing(&new);
    assert!(
        told.starts_with("`web` has used up its limit of 5/day; resets "),
        "{told}"
    );
    let other = Sandbox::new().generate(["api", "other"]);
    assert!(failing(&other).starts_with("no key in this vault has this secret:"));
}

#[test]
fn networks_and_senders_are_named_and_a_transcripts_sender_is_checked() {
    let sandbox = Sandbox::new();
    let web = sandbox.generate(["api", "web", "--network", "10.0.0.0/8"]);
    let mail = ["smtp", "mail", "--username", "user_1", "--limit", "9/day"];
    let mail = sandbox.generate(mail);
    let text = format!("GET / HTTP/1.1\napi-key: {web}\n\n");
    let networks = "✓  network     `web` can only be used from 10.0.0.0/8 (not checked)\n";
    let run = explain(&sandbox, &text, &web).expect(0);
    assert!(run.stdout.contains(networks), "{run:?}");
    let login = Base64::encode_string(format!("\0user_1\0{mail}").as_bytes());
    let session = |sender: &str| format!("EHLO x\nAUTH PLAIN {login}\n235 ok\n{sender}");
    let unrestricted = explain(&sandbox, &session("MAIL FROM:<a@b.example>\n"), &mail).expect(0);
    assert!(!unrestricted.stdout.contains("sender"), "{unrestricted:?}");
    let left = "✓  limit       9 left of 9/day\n";
    assert!(unrestricted.stdout.contains(left), "{unrestricted:?}");
    let set = ["set", "mail", "--sender", "example.com"];
    sandbox.run(set).expect(0);
    let only = "`mail` can only send mail from example.com";
    for (sender, status, told) in [
        ("", 0, format!("✓  sender      {only} (not checked)\n")),
        (
            "MAIL FROM:<shop@example.com> SIZE=100\n250 ok\n",
            0,
            format!("✓  sender      {only}\n"),
        ),
        (
            "mail from: <ceo@bank.example>\n553 no\n",
            1,
            "  `postkey set mail --sender any`, or add the sender\n".to_owned(),
        ),
        (
            "MAIL FROM:<>\n",
            1,
            "✗  sender      `mail` cannot send mail from that address".to_owned(),
        ),
        (
            "MAIL FROM:<ceo@bank.example>\nRSET\nMAIL FROM:<shop@example.com>\n",
            0,
            format!("✓  sender      {only}\n"),
        ),
    ] {
        let run = explain(&sandbox, &session(sender), &mail).expect(status);
        assert!(run.stdout.contains(&told), "{sender}: {run:?}");
    }
}

#[test]
fn an_imported_password_is_known_by_its_login() {
    let sandbox = Sandbox::new();
    let line = format!("user_1:{QUICK}\n");
    sandbox
        .run_with_input(["import", "dovecot", "-"], line.as_bytes())
        .expect(0);
    for (password, status) in [("wrong", 1), (PASSWORD, 0)] {
        let message = format!("\0user_1\0{password}");
        let text = format!("AUTH PLAIN {}\n", Base64::encode_string(message.as_bytes()));
        let run = sandbox
            .run_with_input(["explain"], text.as_bytes())
            .expect(status);
        assert!(!run.stdout.contains(password), "{run:?}");
    }
}

#[test]
fn the_settings_say_which_header_is_read() {
    let (sandbox, api, _) = prepared();
    sandbox.settings("[serve]\nheaders = [\"x-api-key\"]\nbearer = false\n");
    let text = format!("GET /v3/account HTTP/1.1\napi-key: {api}\n\n");
    let run = explain(&sandbox, &text, &api).expect(1);
    assert!(
        run.stdout
            .contains("sent as `api-key`; this API reads `x-api-key` "),
        "{run:?}"
    );
    let text = text.replace("api-key", "X-API-Key");
    explain(&sandbox, &text, &api).expect(0);
}

#[test]
fn input_without_an_attempt_is_refused() {
    let sandbox = Sandbox::with_three_keys();
    let many = "a".repeat((1 << 20) + 1);
    for (text, why) in [
        (
            "two words",
            "neither a request, a transcript nor a single secret",
        ),
        (&many, "standard input holds more than 1 MiB"),
    ] {
        let run = sandbox
            .run_with_input(["explain"], text.as_bytes())
            .expect(2);
        assert!(
            run.stderr.contains(why) && run.stderr.contains("hint: "),
            "{run:?}"
        );
        assert_eq!(run.stdout, "");
    }
}
