//! The report on a leak: correct, private, and well-formed whatever it contains.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::paths;
use crate::serve::lookalikes::Lookalikes;

#[test]
fn the_report_tells_what_is_known_and_what_is_left_to_do() {
    let sandbox = Sandbox::new();
    let description = "the *web* shop | `x`";
    let args = [
        "api",
        "ci",
        "--description",
        description,
        "--limit",
        "9/day",
    ];
    let secret = sandbox.generate(args);
    for address in ["203.0.113.9", "2001:db8::7"] {
        let args = ["verify", "--ip", address];
        sandbox.run_with_input(args, secret.as_bytes()).expect(0);
    }
    let args = [
        "revoke",
        "--replace",
        "--report",
        "in.md",
        "--leaked-at",
        "36h",
    ];
    let text = format!("KEY={secret}\nKEY={secret}\n");
    let new = sandbox
        .run_with_input(args, text.as_bytes())
        .expect(0)
        .secret();
    let report = fs::read_to_string(sandbox.home().join("in.md")).unwrap();
    let facts = rows(&report);
    let fact = |name: &str| {
        let row = facts.iter().find(|row| row[0] == name);
        row.unwrap_or_else(|| panic!("{name}: {report}"))[1].clone()
    };
    assert_eq!(fact("Name"), "ci");
    assert_eq!(fact("Limit"), "9/day");
    assert_eq!(
        fact("Description"),
        "the *web* shop \\u{7c} \\u{60}x\\u{60}"
    );
    let ends = |secret: &str| format!("ends in …{}", &secret[secret.len() - 4..]);
    assert_eq!(fact("Secret when deactivated"), ends(&secret));
    assert_eq!(fact("Secret now"), ends(&new));
    assert!(fact("Created").contains(" by ") && fact("Deactivated").contains(" by "));
    assert_eq!(fact("Found in the input"), "2 times");
    assert_eq!(
        fact("Requests between leak and deactivation"),
        "2, counted in whole days"
    );
    assert_eq!(fact("203.0.113.9"), "1");
    assert_eq!(fact("2001:db8::7"), "1");
    let happened: Vec<_> = facts.iter().filter(|row| row.len() == 3).collect();
    assert!(
        happened.iter().any(|row| row[1].starts_with("generate: ")),
        "{report}"
    );
    assert_eq!(
        happened
            .iter()
            .filter(|row| row[1].starts_with("revoke: "))
            .count(),
        2
    );
    assert!(
        report.contains("- [x] the key was deactivated "),
        "{report}"
    );
    assert!(
        report.contains("- [ ] deploy the new secret to "),
        "{report}"
    );
    for part in [&secret[..20], &secret[50..62], &new[..20], &new[50..62]] {
        assert!(!report.contains(part), "{report}");
    }
}

#[test]
fn the_report_tells_how_often_a_revoked_secret_was_tried_since() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "1/day"]);
    let verify = |secret: &str, args: &[&str]| {
        crate::usage::verify(&sandbox, secret, &[args, &["--quiet"]].concat())
    };
    verify(&secret, &["--ip", "203.0.113.9"]).expect(0);
    // From before the revocation, and from guesses after that, which do not count.
    verify(&secret, &["--ip", "203.0.113.9"]).expect(1);
    sandbox.run(["revoke", "ci"]).expect(0);
    let lookalike = Lookalikes::of(&secret).next().unwrap();
    verify(&lookalike, &["--ip", "203.0.113.10"]).expect(1);
    let report = |name: &str| {
        let args = ["revoke", "ci", "--report", name];
        sandbox.run(args).expect(0);
        fs::read_to_string(sandbox.home().join(name)).unwrap()
    };
    let none = report("none.md");
    assert!(
        none.contains("\nNo use has been recorded since it was revoked.\n"),
        "{none}"
    );
    for _ in 0..13 {
        verify(&secret, &["--ip", "203.0.113.66"]).expect(1);
    }
    let usage = Connection::open(sandbox.usage()).unwrap();
    let earlier = "UPDATE refusals SET last_at = last_at - 1 WHERE address LIKE '%.66'";
    verify(&secret, &["--ip", "2001:db8::7"]).expect(1);
    usage.execute_batch(earlier).unwrap();
    let logged = Connection::open(sandbox.vault()).unwrap();
    logged.execute("UPDATE log SET at = at - 100", []).unwrap();
    let some = report("some.md");
    let told =
        "\nSince it was revoked it has been refused 14 times from 2 addresses, most recently at 2";
    assert!(some.contains(told), "{some}");
    assert!(some.contains("Z from `2001:db8::7`.\n"), "{some}");
    let row = "| `inactive` | 14 | ";
    let row = some.lines().find(|line| line.starts_with(row)).unwrap();
    assert!(
        row.ends_with("Z | `2001:db8::7` (1), `203.0.113.66` (13) |"),
        "{row}"
    );
    assert!(some.contains(" | last refusal from `2001:db8::7`: `inactive` | "));
    verify(&secret, &[]).expect(1);
    let more = report("more.md");
    let told = "15 times from 2 addresses (1 without an address), most recently";
    assert!(more.contains(told), "{more}");
}

#[test]
fn untrusted_text_creates_no_structure() {
    let plain = structure(&reported("plain", "203.0.113.9"));
    for hostile in [
        "` | <script>alert(1)</script>",
        "| a | b |",
        "[x](https://example.com) <https://example.com> https://example.com a@example.com",
        "![x](https://example.com/x.png)",
        "**a** _b_ ~~c~~ # d",
        "`` ` ``` ~~~",
        "\\`\\|\\",
        "a\n\n# b\n\n- [x] c\r\n| d |",
        "<!-- & &lt; &#96; $x$ [^1]: y",
        "\u{1b}[2J\u{202e}\u{9b}\u{2028}",
        "+++",
    ] {
        let report = reported(hostile, hostile);
        assert_eq!(structure(&report), plain, "{hostile:?}: {report}");
        let is_raw = |letter: char| letter.is_control() && letter != '\n';
        assert!(
            !report.contains(is_raw) && !report.contains('\u{202e}'),
            "{report:?}"
        );
    }
}

#[test]
fn the_same_facts_make_the_same_report() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    sandbox.run(["revoke", "ci"]).expect(0);
    let report = |name: &str, zone: &str| {
        let mut command = sandbox.command(["revoke", "ci", "--report", name]);
        Run::of(command.env("TZ", zone).output().unwrap()).expect(0);
        let text = fs::read_to_string(sandbox.home().join(name)).unwrap();
        text.lines()
            .filter(|line| !line.starts_with("Written by"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(report("a", "UTC"), report("b", "Asia/Tokyo"));
}

#[test]
fn the_report_is_private_and_overwrites_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let at = |name: &str| sandbox.home().join(name);
    sandbox
        .run(["revoke", "ci", "--report", "new.md"])
        .expect(0);
    assert_eq!(
        fs::metadata(at("new.md")).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    fs::write(at("there.md"), "mine").unwrap();
    symlink("there.md", at("link.md")).unwrap();
    symlink("nowhere.md", at("dangling.md")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    let before = paths(sandbox.home());
    for name in [
        "there.md",
        "link.md",
        "dangling.md",
        "folder",
        "missing/in.md",
        "new.md",
    ] {
        sandbox.run(["activate", "ci"]).expect(0);
        let run = sandbox.run(["revoke", "ci", "--report", name]).expect(8);
        assert!(run.stderr.contains(&format!("`{name}`")), "{run:?}");
        assert_eq!(sandbox.verify(&secret).0, "inactive", "{name}");
    }
    sandbox.run(["activate", "ci"]).expect(0);
    let found = paths(sandbox.home());
    let new: Vec<_> = found.iter().filter(|path| !before.contains(path)).collect();
    let is_record = |path: &&&std::path::PathBuf| path.to_str().unwrap().contains("usage.db");
    assert!(new.iter().all(|path| is_record(&path)), "{new:?}");
    assert_eq!(fs::read(at("there.md")).unwrap(), b"mine");
}

#[test]
fn an_invalid_setting_does_not_block_emergencies() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for args in [
        ["--report", "-", "--quiet"],
        ["--report", "", "--quiet"],
        ["--leaked-at", "36h", "--quiet"],
        ["--report=r.md", "--leaked-at", "2199-01-01"],
        ["--report=r.md", "--leaked-at", "soon"],
    ] {
        let run = Run::of(
            sandbox
                .command(["revoke", "ci"].into_iter().chain(args))
                .output()
                .unwrap(),
        );
        assert_eq!((run.status, sandbox.verify(&secret).1), (2, 0), "{run:?}");
    }
}

/// The report on a key with this description and creator, used from this address.
fn reported(description: &str, address: &str) -> String {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--description", "x"]);
    let args = ["verify", "--ip", "203.0.113.9"];
    sandbox.run_with_input(args, secret.as_bytes()).expect(0);
    let vault = Connection::open(sandbox.vault()).unwrap();
    let visible = !description.contains(char::is_control) && !description.contains('\u{202e}');
    if visible {
        let change = "UPDATE keys SET description = ?1";
        vault.execute(change, [description]).unwrap();
    }
    vault
        .execute(
            "UPDATE log SET user = ?1, host = ?1, command = ?1",
            [description],
        )
        .unwrap();
    // So that nothing happened in the same second as the revocation.
    vault.execute("UPDATE log SET at = at - 100", []).unwrap();
    let usage = Connection::open(sandbox.usage()).unwrap();
    usage
        .execute("UPDATE addresses SET address = ?1", [address])
        .unwrap();
    usage
        .execute(
            "INSERT INTO days SELECT key_id, day, ?1, 1, last_at FROM days",
            [description],
        )
        .unwrap();
    let refused = "INSERT INTO refusals (key_id, verdict, day, tail, address, count, last_at)
        SELECT key_id, word, day, '', ?2, 1, unixepoch() + 100
        FROM (SELECT ?1 AS word UNION ALL SELECT 'inactive'), days WHERE verdict = ?1";
    let rows = usage.execute(refused, [description, address]).unwrap();
    assert_eq!(rows, 2);
    usage
        .execute_batch(
            "UPDATE days SET last_at = last_at - 50;
             UPDATE addresses SET last_at = last_at - 50;
             UPDATE secrets SET first_at = first_at - 50, last_at = last_at - 50;",
        )
        .unwrap();
    drop((vault, usage));
    sandbox.run(["revoke", "ci", "--report", "in.md"]).expect(0);
    fs::read_to_string(sandbox.home().join("in.md")).unwrap()
}

/// The structure of the report according to a parser, without the texts.
fn structure(report: &str) -> Vec<String> {
    let told = |event: Event<'_>| match event {
        Event::Text(_) => "text".to_owned(),
        Event::Code(_) => "code".to_owned(),
        event => format!("{event:?}"),
    };
    let mut structure: Vec<_> = Parser::new_ext(report, Options::all()).map(told).collect();
    structure.dedup();
    structure
}

/// The rows of the report's tables.
fn rows(report: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for event in Parser::new_ext(report, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                if let Some(row) = rows.last_mut() {
                    row.push(String::new());
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                    cell.push_str(&text);
                }
            }
            Event::End(TagEnd::Table) => rows.push(Vec::new()),
            _ => {}
        }
    }
    rows.retain(|row: &Vec<String>| !row.is_empty());
    rows
}
