//! Hostile inputs.

use std::fs;

use super::{PASSWORD, QUICK};
use crate::prompts::terminal::Terminal;
use crate::sandbox::Sandbox;

#[test]
fn a_million_lines_are_counted_and_a_larger_file_is_refused() {
    let sandbox = Sandbox::new();
    let run = sandbox
        .import("dovecot", "a:b\n".repeat(1_000_000))
        .expect(2);
    assert!(
        run.stderr.contains("1000000 invalid lines"),
        "{} bytes",
        run.stderr.len()
    );
    let run = sandbox
        .import("dovecot", "a".repeat((16 << 20) + 1))
        .expect(2);
    assert!(
        run.stderr.contains("standard input holds more than 16 MiB"),
        "{run:?}"
    );
    let run = sandbox.run(["import", "json", "/dev/zero"]).expect(2);
    assert!(
        run.stderr.contains("`/dev/zero` holds more than 16 MiB"),
        "{run:?}"
    );
}

#[test]
fn invalid_bytes_are_invalid_lines_and_any_line_end_is_accepted() {
    let sandbox = Sandbox::new();
    let mut users = b"\xef\xbb\xbfgood_user:".to_vec();
    users.extend(QUICK.as_bytes());
    users.extend(b"\r\nsome\xff:x\r\nsome\0user:x\n");
    users.extend(b"x".repeat(2 << 20));
    users.extend(b"\nsome\x1b[2Juser:x\nxsmtppost-0123456789abcdef0123456789abcdef:x");
    let run = sandbox.import("dovecot", &users).expect(2);
    for said in [
        "line 2: it is not UTF-8 text",
        "line 3: it contains a NUL character",
        "line 4: longer than 64 KiB",
        "line 5: `some\\u{1b}[2Juser` is not a username",
        "line 6: [secret not shown] is not a username",
        "5 invalid lines",
    ] {
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    let end = users.windows(2).position(|pair| pair == b"\r\n").unwrap();
    sandbox.import("dovecot", &users[..end + 1]).expect(0);
    assert_eq!(sandbox.verify_login("good_user", PASSWORD), "accepted");
}

#[test]
fn invalid_json_is_reported_by_line() {
    let sandbox = Sandbox::new();
    for (text, said) in [
        ("[\n{},\n{]", "line 3: it is not JSON"),
        ("{}\n\n{\"a\"", "line 3: it is not JSON"),
        ("{}\n7", "line 2: it is not an object"),
        ("[\n\n[]]", "line 3: it is not an object"),
        ("\n\"\u{fffd}", "line 2: it is not JSON"),
        ("{}", "line 1: it has no `username`"),
    ] {
        let run = sandbox.import("json", text).expect(2);
        assert!(run.stderr.contains(said), "{text}: {run:?}");
    }
    let run = sandbox.import("json", b"\n{\n\xff").expect(2);
    assert!(
        run.stderr.contains("line 3: it is not UTF-8 text"),
        "{run:?}"
    );
    sandbox.import("json", "[".repeat(2 << 20)).expect(2);
    sandbox.import("json", "{\"a\":".repeat(1 << 20)).expect(2);
    for text in ["", "[]", " \n"] {
        for form in ["json", "dovecot", "htpasswd"] {
            if form != "json" && text == "[]" {
                continue;
            }
            let run = sandbox.import(form, text).expect(2);
            let says = "error: nothing to import in standard input\nhint: ";
            assert!(run.stderr.starts_with(says), "{run:?}");
        }
    }
    assert!(!sandbox.vault().exists());
}

#[test]
fn a_file_that_cannot_be_read_and_a_terminal_are_usage_errors() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.home().join("folder")).unwrap();
    for file in ["missing", "folder"] {
        let run = sandbox.run(["import", "dovecot", file]).expect(2);
        assert!(
            run.stderr.contains(&format!("cannot read `{file}`")),
            "{run:?}"
        );
    }
    for args in [&["import", "dovecot"][..], &["import", "json", "-"]] {
        let mut terminal = Terminal::start(&sandbox.command(args.iter().copied()));
        let status = terminal.end_within(std::time::Duration::from_secs(3));
        assert_eq!(status, 2, "{}", terminal.shown());
        assert!(terminal.shown().contains("no file was named"));
    }
}
