//! `identify` finds every secret of the vault in any text.

use std::io::Write;
use std::process::Stdio;

use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};

/// How much of the stream is scanned at once.
const PIECE: usize = 256 << 10;

/// The maximum memory of a search, in KiB; a hash alone takes 19 MiB.
const MOST: u64 = 48 << 10;

#[test]
fn secrets_are_found_in_any_context() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let (head, rest) = secret.split_at(40);
    for text in [
        format!("\n  \"{secret}\"  \n\n"),
        format!("curl -H 'Authorization: Bearer {secret}' https://api.example.com/v3"),
        format!("export POSTKEY_API_KEY=\"{secret}\"; ./deploy"),
        format!("{{\"key\":\"{secret}\",\"line\":\"KEY={secret}\\n\"}}"),
        format!("https://user:{secret}@example.com/"),
        format!("{head}\r\n    {rest}"),
        format!("{head}=\n{rest}\n"),
        format!("xkeypost-{secret}xkey"),
    ] {
        let answer = identify(&sandbox, text.as_bytes()).expect(0).json();
        assert_eq!(answer["key"]["name"], "ci", "{text}");
        assert_eq!(
            (&answer["good"], &answer["secret_status"]),
            (&true.into(), &"current".into())
        );
    }
}

#[test]
fn each_secret_is_listed_once_with_its_count_and_line() {
    let sandbox = Sandbox::new();
    let (old, mail) = (
        sandbox.generate(["api", "web"]),
        sandbox.generate(["smtp", "mail"]),
    );
    let web = sandbox
        .run(["regenerate", "--yes", "web"])
        .expect(0)
        .secret();
    sandbox.run(["deactivate", "mail"]).expect(0);
    let elsewhere = Sandbox::new().generate(["api", "web"]);
    let last = if web.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &web[..web.len() - 1]);
    let cut = &mail[..60];
    let log = format!("start\n{elsewhere} {old}\n{web}\n{cut}\n{web} {mail}\n{wrong}\n{web}");
    let answer = identify(&sandbox, log.as_bytes()).expect(0).json();
    let findings = answer["findings"].as_array().unwrap();
    let told: Vec<String> = findings
        .iter()
        .map(|one| {
            let of = |field| one[field].to_string().replace('"', "");
            let name = one["key"]["name"].as_str().unwrap_or("-");
            let words = ["verdict", "occurrences", "first_line", "former_name"].map(of);
            format!("{name} {}", words.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "web accepted 3 3 null",
            "mail inactive 1 5 null",
            "- replaced 1 2 web",
            "- unknown 1 2 null",
            "- malformed 2 4 null",
        ]
    );
    assert_eq!(answer["verdict"], "accepted");
    let shown = sandbox
        .run_with_input(["identify"], log.as_bytes())
        .expect(0);
    assert_eq!(shown.stdout.lines().count(), 6, "{}", shown.stdout);
    for format in [("jsonl", 5), ("csv", 6)] {
        let args = ["identify", "--format", format.0];
        let run = sandbox.run_with_input(args, log.as_bytes()).expect(0);
        assert_eq!(run.stdout.lines().count(), format.1, "{run:?}");
    }
}

#[test]
fn the_old_secret_of_a_rotation_is_reported_as_such() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for (retires_at, verdict, word) in [
        (4_000_000_000_i64, "accepted", "retiring"),
        (1_000_000_000, "retired", "retired"),
    ] {
        rotate(&sandbox, retires_at);
        let answer = identify(&sandbox, secret.as_bytes()).expect(0).json();
        assert_eq!(
            (&answer["verdict"], &answer["secret_status"]),
            (&verdict.into(), &word.into())
        );
    }
}

#[test]
fn without_a_secret_of_this_vault_the_answer_is_no() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let elsewhere = Sandbox::new().generate(["api", "ci"]);
    for (text, verdict) in [
        (String::new(), "malformed"),
        ("nothing here\n\u{1b}[2J".to_owned(), "malformed"),
        (elsewhere, "unknown"),
        (secret[..80].to_owned(), "malformed"),
    ] {
        let answer = identify(&sandbox, text.as_bytes()).expect(1).json();
        assert_eq!(answer["verdict"], verdict, "{text:?}");
        assert_eq!(answer["identified"], false);
    }
}

#[test]
fn bytes_that_are_no_text_hide_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail"]);
    let mut bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    bytes.extend_from_slice(secret.as_bytes());
    bytes.extend((0..=255).rev());
    let run = identify(&sandbox, &bytes).expect(0);
    assert_eq!(run.json()["occurrences"], 1);
}

#[test]
fn a_secret_is_found_wherever_a_piece_of_the_stream_ends() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    // As a file, so that each read fills the buffer: at every offset around the end of the first
    // chunk, and with later chunks of another length.
    let mut text = Vec::new();
    let mut expected = 0;
    for offset in (0..200).chain([PIECE]) {
        text.resize(
            text.len().next_multiple_of(PIECE) + PIECE - 180 + offset,
            b'.',
        );
        text.extend_from_slice(secret.as_bytes());
        expected += 1;
    }
    let path = sandbox.home().join("text");
    std::fs::write(&path, &text).unwrap();
    let mut command = sandbox.command(["identify", "--format", "json"]);
    command.stdin(std::fs::File::open(&path).unwrap());
    let run = Run::of(command.output().unwrap()).expect(0);
    assert_eq!(run.json()["occurrences"], expected);
}

#[test]
fn streams_of_any_length_need_little_memory() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let line = "GET /v3/contacts?limit=10 HTTP/1.1 200 xkey xsmtp-relay 0123456789abcdef\n";
    let (lined, endless) = (line.repeat(8000), line.replace('\n', " ").repeat(8000));
    for filler in [lined, endless] {
        let mut command = sandbox.command(["identify", "--format", "json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for _ in 0..60 {
            stdin.write_all(filler.as_bytes()).unwrap();
        }
        stdin.write_all(secret.as_bytes()).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let highest = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let highest: u64 = highest.split_whitespace().nth(1).unwrap().parse().unwrap();
        drop(stdin);
        let run = Run::of(child.wait_with_output().unwrap()).expect(0);
        assert_eq!(run.json()["occurrences"], 1);
        assert!(highest < MOST, "{highest} KiB");
    }
}

#[test]
fn many_unknown_secrets_need_little_memory_and_hide_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut text = String::new();
    for number in 0..30_000 {
        let body = format!("xkeypost-{number:064x}-0000000000");
        text += &format!("{body}{}\n", base62(crc32fast::hash(body.as_bytes())));
    }
    text += &secret;
    let run = sandbox.run_with_input(["identify", "--format", "jsonl"], text.as_bytes());
    let run = run.expect(0);
    assert_eq!(run.stdout.lines().count(), 10_001);
    assert!(run.stdout.starts_with("{\"identified\":true"));
    assert!(run.stderr.contains("20000 more"), "{}", run.stderr);
}

#[test]
fn reading_is_not_recorded_as_use() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.verify(&secret);
    identify(&sandbox, format!("{secret}\n{secret}").as_bytes()).expect(0);
    assert_eq!(sandbox.show("ci")["requests_today"], 1);
}

/// Rotates the key `ci` to a secret that nobody knows; the old one retires.
pub fn rotate(sandbox: &Sandbox, retires_at: i64) {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let newer = "INSERT OR IGNORE INTO secrets (key_id, tail, digest, created_at)
        SELECT key_id, 'ABCDEFGHIJKLMNOP', digest, created_at FROM secrets";
    let retire = "UPDATE secrets SET retires_at = ?1 WHERE tail <> 'ABCDEFGHIJKLMNOP'";
    vault.execute(retire, [retires_at]).unwrap();
    vault.execute(newer, []).unwrap();
}

fn identify(sandbox: &Sandbox, text: &[u8]) -> Run {
    sandbox.run_with_input(["identify", "--format", "json"], text)
}

fn base62(mut number: u32) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for digit in text.iter_mut().rev() {
        *digit = digits[(number % 62) as usize];
        number /= 62;
    }
    text.iter().map(|&digit| char::from(digit)).collect()
}
