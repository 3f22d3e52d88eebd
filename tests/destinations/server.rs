//! The mail server that env files get with the secret of an SMTP key.

use super::secret_in;
use crate::sandbox::Sandbox;

/// The lines of `.env`, with the secret replaced, sorted.
fn lines(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.read(".env");
    let secret = secret_in(&text);
    assert_eq!(sandbox.verify(&secret).1, 0, "{text}");
    let mut lines: Vec<_> = text
        .lines()
        .map(|line| line.replace(&secret, "SECRET"))
        .collect();
    lines.sort();
    lines
}

#[test]
fn an_env_file_has_the_server_and_a_url_with_the_login() {
    let sandbox = Sandbox::new();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\n");
    let expected = [
        "SMTP_HOST=mail.example.com",
        "SMTP_PASSWORD=SECRET",
        "SMTP_PORT=587",
        "SMTP_URL=smtp://ops%40example.com:SECRET@mail.example.com:587",
        "SMTP_USERNAME=ops@example.com",
    ];
    let to = ["--to", "env:.env#SMTP_PASSWORD"];
    let command = ["generate", "smtp", "mail", "--username", "ops@example.com"];
    sandbox.with_path(&[&command[..], &to].concat()).expect(0);
    assert_eq!(lines(&sandbox), expected);
    // The URL is replaced with the rest, also if the variable is found by the old secret.
    sandbox
        .with_path(&[&["rotate", "mail"][..], &to].concat())
        .expect(0);
    assert_eq!(lines(&sandbox), expected);
    let save = [
        "regenerate",
        "--yes",
        "mail",
        "--save",
        ".env",
        "--format",
        "env",
    ];
    sandbox.with_path(&save).expect(0);
    assert_eq!(lines(&sandbox), expected);
    // An API key has no server.
    sandbox
        .run(["generate", "api", "web", "--to", "env:web.env#KEY"])
        .expect(0);
    assert_eq!(sandbox.read("web.env").lines().count(), 1);
}

#[test]
fn a_manifest_delivers_the_server_too() {
    let sandbox = Sandbox::new();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\nport = 465\n");
    sandbox.manifest("[[key]]\nname = \"mail\"\nkind = \"smtp\"\nsave = \"env:.env#MAIL\"\n");
    sandbox.apply(&[]).expect(0);
    let text = sandbox.read(".env");
    for start in [
        "MAIL_HOST=mail.example.com",
        "MAIL_PORT=465",
        "MAIL_URL=smtp://",
    ] {
        assert!(text.lines().any(|line| line.starts_with(start)), "{text}");
    }
    sandbox.apply(&["--dry-run"]).expect(0);
}
