//! Secrets in all forms, and texts without any.

mod encodings;
mod work;

use super::*;
use base64ct::{Base64, Encoding};
use encodings::ENCODINGS;
use proptest::prelude::*;
use rand::rngs::SysRng;

/// A scanner with a small buffer, since that is wiped byte by byte.
fn small_scanner() -> Scanner {
    Scanner::with_buffer(4 * OVERLAP)
}

/// Everything found in a text that arrives in pieces: secrets and lines.
fn found(text: &[u8], piece: usize) -> Vec<(Result<String, Malformed>, u64)> {
    let mut scanner = small_scanner();
    let mut all = Vec::new();
    for piece in text.chunks(piece).chain([&[][..]]) {
        scanner.buffer()[..piece.len()].copy_from_slice(piece);
        scanner.advance(piece.len(), |finding| {
            let found = finding.found.map(|secret| secret.expose().to_owned());
            all.push((found, finding.line));
        });
    }
    all
}

fn secret(kind: Kind, brand: &str) -> String {
    let brand = brand.parse().expect("a good brand");
    let secret = Secret::generate(kind, &brand, &mut SysRng);
    secret.expect("random numbers").expose().to_owned()
}

#[test]
fn a_secret_is_found_in_any_context() {
    let secret = secret(Kind::Api, "post");
    for (before, after) in [
        ("", ""),
        ("  \"", "\"  \r\n"),
        ("Authorization: Bearer ", "\n"),
        ("export KEY=\"", "\";"),
        ("{\"a\":\"\\n", "\\n\"}"),
        ("xkey", "xkey"),
        ("xkeypost-", "abc"),
        ("https://user:", "@example.com/"),
        ("xkeypost-0123456789ab", "-"),
    ] {
        let text = format!("{before}{secret}{after}");
        let all = found(text.as_bytes(), 7);
        let good: Vec<_> = all.iter().filter(|(found, _)| found.is_ok()).collect();
        assert_eq!(good, [&(Ok(secret.clone()), 1)], "{before:?} {after:?}");
    }
}

#[test]
fn a_secret_that_was_broken_into_lines_is_found() {
    let secret = secret(Kind::Smtp, "post");
    for gap in ["\n", "\r\n  ", "=\r\n", "\\\n", " "] {
        for at in 5..secret.len() {
            let text = format!("\n{}{gap}{}\n", &secret[..at], &secret[at..]);
            assert_eq!(found(text.as_bytes(), 9), [(Ok(secret.clone()), 2)], "{at}");
        }
    }
}

#[test]
fn malformed_secrets_are_reported_once_by_line() {
    let good = secret(Kind::Api, "post");
    let other = if &good[20..21] == "a" { "b" } else { "a" };
    let wrong = format!("{}{other}{}", &good[..20], &good[21..]);
    for (text, why) in [
        (wrong.clone(), Malformed::Checksum),
        (good[..60].to_owned(), Malformed::Short),
        (format!("xkey{wrong}"), Malformed::Checksum),
        (
            good.to_uppercase().replacen("XKEY", "xkey", 1),
            Malformed::Shape,
        ),
    ] {
        let text = format!("one\ntwo {text}\nthree");
        assert_eq!(found(text.as_bytes(), 50), [(Err(why), 2)], "{text}");
    }
}

#[test]
fn a_brand_may_contain_a_prefix() {
    for brand in ["axkeyb", "xsmtp", "xkey", "xkeyxkeyxk"] {
        let secret = secret(Kind::Api, brand);
        assert_eq!(found(secret.as_bytes(), 1), [(Ok(secret.clone()), 1)]);
    }
}

#[test]
fn ordinary_words_are_no_secrets() {
    let text = b"xkey xsmtp xkey-production-eu xkeypost- xkeypost-\xff\xfe0123 XKEYPOST";
    assert_eq!(found(text, 3), []);
}

/// A word in base64, with or without padding, broken into lines of 76 characters.
fn base64(text: &[u8]) -> String {
    let whole = Base64::encode_string(text);
    let lines = whole.as_bytes().chunks(76);
    let lines: Vec<_> = lines
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    lines.join("\r\n")
}

fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// Each byte in its own format.
fn escaped(text: &str, escape: impl Fn(u8) -> String) -> Vec<u8> {
    text.bytes().map(escape).collect::<String>().into_bytes()
}

/// Every form in which secrets are known to leak, by name; each with the same secret.
fn forms(secret: &str) -> Vec<(String, Vec<u8>)> {
    let mut forms: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, form: Vec<u8>| forms.push((name.to_owned(), form));
    for (name, dash) in [
        ("U+2010", "\u{2010}"),
        ("U+2011", "\u{2011}"),
        ("U+2012", "\u{2012}"),
        ("U+2013", "\u{2013}"),
        ("U+2212", "\u{2212}"),
        ("U+00AD", "\u{ad}"),
        ("percent", "%2D"),
        ("percent in lower case", "%2d"),
        ("percent twice", "%252D"),
        ("percent thrice", "%25252d"),
        ("percent of U+2011", "%E2%80%91"),
        ("JSON", "\\u002d"),
        ("JSON in capitals", "\\u002D"),
        ("JSON in JSON", "\\\\u002d"),
        ("JSON of U+2011", "\\u2011"),
        ("hex escape", "\\x2d"),
        ("quoted printable", "=2D"),
        ("quoted printable of U+2011", "=E2=80=91"),
        ("HTML", "&#45;"),
        ("HTML in hex", "&#x2d;"),
        ("HTML with zeros", "&#0045;"),
        ("HTML by name", "&hyphen;"),
        ("HTML by another name", "&dash;"),
        ("HTML in HTML", "&amp;hyphen;"),
        ("octal", "\\055"),
        ("octal of printf", "\\0055"),
        ("long Unicode escape", "\\U0000002d"),
        ("braced", "\\x{2d}"),
        ("CSS", "\\2d "),
        ("RTF", "\\'2d"),
        ("RTF's own hyphen", "\\_"),
        ("RTF by number", "\\u8209?"),
        ("JavaScript", "%u002D"),
        ("concatenation", "\" + \"-\" + \""),
        ("break before dash", "\n-"),
        ("break behind dash", "-\n"),
    ] {
        add(name, secret.replace('-', dash).into_bytes());
    }
    add(
        "all in percent",
        escaped(secret, |byte| format!("%{byte:02X}")),
    );
    add(
        "all in percent twice",
        escaped(secret, |byte| format!("%25{byte:02x}")),
    );
    add(
        "all in JSON",
        escaped(secret, |byte| format!("\\u{byte:04x}")),
    );
    add(
        "all in quoted printable",
        escaped(secret, |byte| format!("={byte:02X}")),
    );
    add("UTF-16 LE", wide(secret, u16::to_le_bytes));
    add("UTF-16 BE", wide(secret, u16::to_be_bytes));
    let typeset = secret.replace('-', "\u{2011}");
    add("UTF-16 LE of U+2011", wide(&typeset, u16::to_le_bytes));
    add("UTF-16 BE of U+2011", wide(&typeset, u16::to_be_bytes));
    let ambiguous_parts = format!("\x1b[1;31m{secret}\x1b[m");
    add(
        "UTF-16 LE of colours",
        wide(&ambiguous_parts, u16::to_le_bytes),
    );
    for at in [
        2,
        4,
        8,
        9,
        20,
        secret.len() - 17,
        secret.len() - 16,
        secret.len() - 1,
    ] {
        let (head, rest) = secret.split_at(at);
        for (name, gap) in [
            ("colour", "\x1b[01;31m\x1b[K"),
            ("colour in JSON", "\\u001b[0m"),
            ("colour as escape", "\\x1b[0m"),
            ("break", "\n"),
            ("break and indent", "\r\n    "),
            ("soft break", "=\r\n"),
            ("continuation", "\\\n"),
            ("break in JSON", "\\n"),
            ("mail quote", "\n> > "),
            ("diff plus", "\n+"),
            ("diff minus", "\n-"),
            ("comment", "\n# "),
            ("comment of C", "\n// "),
            ("soft hyphen", "\u{ad}"),
            ("no-break space", "\u{a0}"),
            ("zero width space", "\u{200b}"),
            ("zero width space in percent", "%E2%80%8B"),
        ] {
            add(
                &format!("{name} at {at}"),
                format!("{head}{gap}{rest}").into_bytes(),
            );
        }
    }
    for shift in 0..4 {
        let user = "u".repeat(shift);
        for (name, plain) in [
            ("AUTH PLAIN", format!("\0{user}\0{secret}")),
            (
                "AUTH PLAIN with authzid",
                format!("admin\0{user}\0{secret}"),
            ),
            ("Basic", format!("{user}:{secret}")),
            ("LOGIN", secret.to_owned()),
            ("Kubernetes Secret", format!("{secret}\n")),
            ("JSON in base64", format!("{{\"{user}\":\"{secret}\"}}")),
        ] {
            let whole = Base64::encode_string(plain.as_bytes());
            let name = format!("{name}, {shift}");
            add(
                &format!("{name}, wrapped"),
                base64(plain.as_bytes()).into_bytes(),
            );
            add(
                &format!("{name}, quoted"),
                base64(plain.as_bytes()).replace("\r\n", "\n> ").into(),
            );
            add(
                &format!("{name}, removed"),
                base64(plain.as_bytes()).replace("\r\n", "\n-").into(),
            );
            add(
                &format!("{name}, in UTF-16"),
                wide(&whole, u16::to_le_bytes),
            );
            add(&name, whole.into_bytes());
        }
        let script = format!("{user}{secret}");
        let script = Base64::encode_string(&wide(&script, u16::to_le_bytes));
        add(&format!("PowerShell, {shift}"), script.into_bytes());
    }
    for encoding in ENCODINGS {
        add(encoding.0, (encoding.1)(secret.as_bytes()));
    }
    forms
}

#[test]
fn a_secret_is_found_in_every_form_wherever_a_piece_ends() {
    // Longer than the buffer, so that the scanner has moved on.
    let lines = "no secret is here, %41 but =3D some lines\n- ".repeat(20);
    let before = ".".repeat(OVERLAP) + &lines;
    for (kind, brand) in [(Kind::Api, "post"), (Kind::Smtp, "acmecompany")] {
        let secret = secret(kind, brand);
        for (name, form) in forms(&secret) {
            let text = [before.as_bytes(), b" ", &form, b"\n"].concat();
            let start = before.len() + 1;
            let (middle, end) = (start + form.len() / 2, start + form.len());
            let pieces = [middle, start + 1, end - 1];
            let pieces = if kind == Kind::Api {
                &pieces
            } else {
                &pieces[..1]
            };
            for &piece in pieces {
                let all = found(&text, piece);
                assert_eq!(all, [(Ok(secret.clone()), 21)], "{name}, {piece}");
            }
            let [span] = spans(&text).try_into().expect("one span");
            assert!(span.start >= start && span.end <= text.len(), "{name}");
            // Without the secret, only its context is left.
            let left = form.len() - (span.end - span.start).min(form.len());
            assert!(left <= form.len() / 5, "{name}: {left} of {}", form.len());
        }
    }
}

#[test]
fn a_digest_a_path_and_an_identifier_are_no_secrets() {
    let digest = "5f1c0ffee0123456789abcdef0123456789abcdef0123456789abcdef0123456";
    for text in [
        digest.to_owned(),
        digest.to_uppercase(),
        digest.repeat(2),
        format!("sha256:{digest}"),
        format!("sha256-{digest}-linux"),
        format!("/var/lib/docker/overlay2/{digest}/merged/app.env"),
        format!("registry.example.com/app@sha256:{digest}"),
        format!("{digest}-init"),
        format!("{digest}-{}", &digest[..16]),
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        "550e8400-e29b-41d4-a716-446655440000".to_owned(),
        "a1b2c3d4-productionserver".to_owned(),
        "xkeyprod-20261128".to_owned(),
        "xkey-production-eu".to_owned(),
        "xsmtp-relay".to_owned(),
        format!("xkeystore {digest}"),
        Base64::encode_string(digest.as_bytes()),
    ] {
        assert!(spans(text.as_bytes()).is_empty(), "{text}");
        assert_eq!(found(text.as_bytes(), 1000), [], "{text}");
    }
}

#[test]
fn undecodable_text_is_reported_by_line() {
    let packed = Base64::encode_string(&[b"\x1f\x8b\x08\0", &[7; 60][..]].concat());
    let twice = Base64::encode_string(packed.as_bytes());
    let pgp = "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----";
    for (text, what) in [
        (&b"\x1f\x8b\x08\0\0\0"[..], Some("gzip")),
        (b"PK\x03\x04\x14\0", Some("zip")),
        (b"\xfd7zXZ\0", Some("xz")),
        (b"\x28\xb5\x2f\xfd", Some("zstd")),
        (b"BZh91AY&SY", Some("bzip2")),
        (b"PACK\0\0\0\x02", Some("Git pack")),
        (packed.as_bytes(), Some("gzip")),
        (twice.as_bytes(), Some("gzip")),
        (pgp.as_bytes(), Some("encrypted PGP")),
        (b"age-encryption.org/v1\n", Some("encrypted age")),
        (b"begin 644 .env\n#86)C\n", Some("uuencoded")),
        (b"H4sI is how gzip begins", None),
        (b"PK is a name, and so are xz and BZh9", None),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----", None),
        (b"begin 64 transactions", None),
    ] {
        for piece in [1, 3, 500] {
            let text = [b"one\ntwo: ", text, b"\n"].concat();
            let mut scanner = small_scanner();
            for piece in text.chunks(piece).chain([&[][..]]) {
                scanner.buffer()[..piece.len()].copy_from_slice(piece);
                scanner.advance(piece.len(), |_| ());
            }
            let expected = what.map(|what| Unreadable { what, line: 2 });
            assert_eq!(scanner.unreadable(), expected, "{what:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_secret_is_found_wherever_the_pieces_end(
        piece in 1..400_usize,
        gaps in prop::collection::vec("[ -~\n]{0,300}", 1..6),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for gap in gaps {
            text.push_str(&gap.replace('x', "y"));
            let line = text.matches('\n').count() as u64 + 1;
            let secret = secret(Kind::Smtp, "acme");
            text.push_str(&secret);
            text.push(' ');
            expected.push((Ok(secret), line));
        }
        prop_assert_eq!(found(text.as_bytes(), piece), expected);
    }

    #[test]
    fn any_bytes_are_looked_through(text in any::<Vec<u8>>(), piece in 1..50_usize) {
        found(&text, piece);
    }
}
