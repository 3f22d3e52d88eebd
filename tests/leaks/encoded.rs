//! Encoded secrets, and data that cannot be decoded.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::{Run, Sandbox};

/// The maximum memory of a search, in KiB; a hash alone takes 19 MiB.
const MOST: u64 = 48 << 10;

/// The maximum time for 2 MiB of hostile input, unoptimized and on a loaded machine.
const SOON: Duration = Duration::from_secs(120);

/// Passes a text through a program.
fn piped(program: &str, text: &[u8]) -> Vec<u8> {
    let mut child = Command::new("sh")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(text);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

/// Every way in which leaked secrets have been seen encoded, by the programs that do so.
fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let made = |program: &str, text: String| piped(program, text.as_bytes());
    let config = format!("one\nKEY={secret}\ntwo\n");
    vec![
        (
            "AUTH PLAIN",
            made("base64", format!("\0ops@example.com\0{secret}")),
        ),
        (
            "authzid",
            made("base64", format!("admin\0ops@example.com\0{secret}")),
        ),
        ("AUTH LOGIN", made("base64 -w 0", secret.to_owned())),
        ("Basic", {
            let value = made("base64 -w 0", format!("user:{secret}"));
            [b"Authorization: Basic ", &value[..], b"\r\n"].concat()
        }),
        ("Kubernetes", {
            let value = made("base64 -w 0", format!("{secret}\n"));
            [b"kind: Secret\ndata:\n  key: ", &value[..], b"\n"].concat()
        }),
        (
            "UTF-16 LE with BOM",
            made("printf '\\377\\376'; iconv -t UTF-16LE", config.clone()),
        ),
        ("UTF-16 BE", made("iconv -t UTF-16BE", config.clone())),
        (
            "grep",
            made("grep --color=always 'post-[0-9a-f]*'", config.clone()),
        ),
        ("percent", made("sed 's/-/%2D/g'", config.clone())),
        ("JSON", made("sed 's/-/\\\\u002d/g'", config.clone())),
        ("hyphens", secret.replace('-', "\u{2011}").into_bytes()),
        ("quoted printable", secret.replace('-', "=2D").into_bytes()),
        (
            "soft break",
            format!("{}=\r\n{}", &secret[..70], &secret[70..]).into_bytes(),
        ),
        (
            "diff",
            made("base64 | sed 's/^/+/'", format!("user:{secret}")),
        ),
        (
            "mail",
            made("fold -w 60 | sed 's/^/> > /'", secret.to_owned()),
        ),
        ("break", format!("xk\ney{}", &secret[4..]).into_bytes()),
        (".dockerconfigjson", {
            let login = made("base64 -w 0", format!("user:{secret}"));
            let login = String::from_utf8(login).unwrap();
            let registry = format!("{{\"auths\":{{\"r.example.com\":{{\"auth\":\"{login}\"}}}}}}");
            let value = made("base64 -w 0", registry);
            [b"data:\n  .dockerconfigjson: ", &value[..], b"\n"].concat()
        }),
        ("base64 of JSON", {
            made("sed 's/-/\\\\u002d/g' | base64", config.clone())
        }),
        ("hex", made("od -An -v -tx1", config.clone())),
        ("od", made("od -v -tx1", config.clone())),
        ("od -x", made("od -x", config.clone())),
        ("od -c", made("od -c", config.clone())),
        ("od -b", made("od -b", config.clone())),
        ("od -tu1", made("od -v -tu1", config.clone())),
        ("od -An -tu1", made("od -An -v -tu1", config.clone())),
        ("od -tx4", made("od -v -tx4", config.clone())),
        (
            "colons",
            made("od -An -v -tx1 | tr -d '\\n' | tr ' ' :", config.clone()),
        ),
        ("Buffer", {
            let bytes = serde_json::to_string(config.as_bytes()).unwrap();
            format!("{{\"type\":\"Buffer\",\"data\":{bytes}}}").into_bytes()
        }),
        ("octal", secret.replace('-', "\\055").into_bytes()),
        ("HTML", secret.replace('-', "&hyphen;").into_bytes()),
        ("RTF", secret.replace('-', "\\'2d").into_bytes()),
        (
            "link",
            format!("\x1b]8;;https://example.com/{secret}\x1b\\x\x1b]8;;\x1b\\").into_bytes(),
        ),
        (
            "program",
            format!("\"{}\" +\n  \"{}\"", &secret[..40], &secret[40..]).into_bytes(),
        ),
        (
            "UTF-16 of JSON",
            made("sed 's/-/\\\\u002d/g' | iconv -t UTF-16LE", config.clone()),
        ),
    ]
}

#[test]
fn a_secret_is_identified_and_revoked_in_every_encoding_in_which_it_leaks() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for (name, form) in forms(&secret) {
        let run = sandbox.run_with_input(["identify", "--format", "json"], &form);
        assert_eq!(run.status, 0, "{name}: {run:?}");
        assert_eq!(run.json()["key"]["name"], "ci", "{name}");
        sandbox.run(["activate", "ci"]).expect(0);
        sandbox.run_with_input(["revoke"], &form).expect(0);
        assert_eq!(sandbox.show("ci")["status"], "inactive", "{name}");
    }
}

#[test]
fn undecodable_data_is_reported_with_a_negative_result() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for (program, what) in [
        ("gzip", "gzip data"),
        ("xz", "xz data"),
        ("gzip | base64", "gzip data"),
        ("gzip | base64 -w 0 | base64", "gzip data"),
        (
            "echo; echo '-----BEGIN PGP MESSAGE-----'",
            "encrypted PGP data",
        ),
    ] {
        let text = piped(program, format!("{secret}\n").repeat(9).as_bytes());
        for command in ["identify", "revoke"] {
            for format in ["text", "json"] {
                let run = sandbox.run_with_input([command, "--format", format], &text);
                let run = run.expect(1);
                assert!(run.stderr.contains(what), "{program} {command}: {run:?}");
            }
        }
    }
    for text in [
        &secret[..],
        "nothing",
        "H4sIAAAA is how gzip begins in base64",
    ] {
        let run = sandbox.run_with_input(["identify"], text.as_bytes());
        assert!(!run.stderr.contains("not searched"), "{text}: {run:?}");
    }
}

#[test]
fn hostile_input_needs_little_memory_and_time() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for filler in [
        "eGtleX",
        "RYS2V5",
        "h4a2V5",
        "xkey",
        "xkeyaa-",
        "%25",
        "\\u005c",
        "=\n",
        "\x1b[",
        "\0x",
        "-\n",
        "\u{ad}",
        "xkeyaa-0123456789",
        "xkeyaa-0123456789abcdef",
        "H4sI",
        "&#x",
        "&amp;",
        "AAAA",
        "QUFB",
        "UTFGQlFV",
        "7878",
        "00000000: 7878\n",
        "00000000: 7878\nnone\n",
        "120,",
        "\" + \"",
        "\x1b]",
        "\\x",
        "\\055",
    ] {
        let filler = filler.repeat((1 << 20) / filler.len());
        let mut command = sandbox.command(["identify", "--format", "json"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(filler.as_bytes()).unwrap();
        stdin.write_all(format!(" {secret} ").as_bytes()).unwrap();
        stdin.write_all(filler.as_bytes()).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let highest = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let highest: u64 = highest.split_whitespace().nth(1).unwrap().parse().unwrap();
        drop(stdin);
        let run = Run::of(child.wait_with_output().unwrap()).expect(0);
        assert_eq!(run.json()["occurrences"], 1, "{:?}", &filler[..8]);
        let took = start.elapsed();
        assert!(
            highest < MOST && took < SOON,
            "{:?}: {highest} KiB, {took:?}",
            &filler[..8]
        );
    }
}
