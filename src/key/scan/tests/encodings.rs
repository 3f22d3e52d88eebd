//! Nested encodings, and what hides a secret in programs and terminals.

use super::*;

/// An encoding.
type Encode = fn(&[u8]) -> Vec<u8>;

/// Supported encodings, each of which can be nested in any other.
pub(super) const ENCODINGS: [(&str, Encode); 25] = [
    ("base64", |text| Base64::encode_string(text).into_bytes()),
    ("base64 in lines", |text| base64(text).into_bytes()),
    ("hex", |text| each(text, |byte| format!("{byte:02x}"))),
    ("hex in capitals", |text| {
        each(text, |byte| format!("{byte:02X} "))
    }),
    ("bytea", |text| {
        [b"\\x".to_vec(), each(text, |byte| format!("{byte:02x}"))].concat()
    }),
    ("xxd", |text| dump(text, "{}: ", 2, false)),
    ("hexdump -C", |text| dump(text, "{}  ", 1, false)),
    ("tcpdump -X", |text| dump(text, "\t0x{}:  ", 2, false)),
    ("Wireshark", |text| dump(text, "{}   ", 1, false)),
    ("hexdump", |text| dump(text, "{} ", 2, true)),
    ("od -c", |text| {
        let lines = text.chunks(16).enumerate().map(|(at, line)| {
            let cells: String = line.iter().map(|&byte| cell(byte)).collect();
            format!("{:07o}{cells}\n", 16 * at)
        });
        lines.collect::<String>().into_bytes()
    }),
    ("xxd -b", |text| {
        lines(text, 6, |at, bytes| {
            let bits: String = bytes.iter().map(|byte| format!("{byte:08b} ")).collect();
            let text: String = bytes.iter().map(|&byte| printed(byte)).collect();
            format!("{at:08x}: {bits} {text}\n")
        })
    }),
    ("xxd -e", |text| {
        lines(text, 16, |at, bytes| {
            let groups = bytes.chunks(4).map(|group| {
                let group = group.iter().rev().map(|byte| format!("{byte:02x}"));
                format!("{:>8}", group.collect::<String>())
            });
            let groups: Vec<String> = groups.collect();
            let text: String = bytes.iter().map(|&byte| printed(byte)).collect();
            format!("{at:08x}: {:35}  {text}\n", groups.join(" "))
        })
    }),
    ("od -tu1", |text| {
        lines(text, 16, |at, bytes| {
            let bytes: String = bytes.iter().map(|byte| format!(" {byte:>3}")).collect();
            format!("{at:07o}{bytes}\n")
        })
    }),
    ("xxd -i", |text| {
        lines(text, 12, |_, bytes| {
            let bytes = bytes.iter().map(|byte| format!("0x{byte:02x}"));
            format!("  {},\n", bytes.collect::<Vec<_>>().join(", "))
        })
    }),
    ("Buffer", |text| {
        let list = serde_json::to_string(text).expect("a list");
        format!("{{\"type\":\"Buffer\",\"data\":{list}}}").into_bytes()
    }),
    ("list in lines", |text| {
        each(text, |byte| format!("{byte},\n    "))
    }),
    ("list of Go", |text| {
        let list = text.iter().map(u8::to_string).collect::<Vec<_>>();
        format!("[{}]", list.join(" ")).into_bytes()
    }),
    ("hex with colons", |text| {
        each(text, |byte| format!("{byte:02x}:"))
    }),
    ("JSON", |text| {
        let text = String::from_utf8_lossy(text);
        serde_json::to_vec(&text).expect("a text").to_vec()
    }),
    ("JSON with dashes escaped", |text| {
        each(text, |byte| match byte {
            b'-' | b'"' | b'\\' | b'\n' | 0 => format!("\\u{byte:04x}"),
            byte => char::from(byte).to_string(),
        })
    }),
    ("percent", |text| {
        each(text, |byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
    }),
    ("HTML", |text| {
        each(text, |byte| match byte {
            b'-' | b'&' | b'"' | 0 => format!("&#{byte};"),
            byte => char::from(byte).to_string(),
        })
    }),
    ("octal", |text| {
        each(text, |byte| match byte {
            b'-' | b'"' | b'\\' | b'\n' | 0 => format!("\\{byte:03o}"),
            byte => char::from(byte).to_string(),
        })
    }),
    ("UTF-16", |text| {
        wide(&String::from_utf8_lossy(text), u16::to_le_bytes)
    }),
];

fn each(text: &[u8], form: impl Fn(u8) -> String) -> Vec<u8> {
    text.iter()
        .map(|&byte| form(byte))
        .collect::<String>()
        .into_bytes()
}

/// Lines of this many bytes, with their offsets.
fn lines(text: &[u8], width: usize, line: impl Fn(usize, &[u8]) -> String) -> Vec<u8> {
    let lines = text.chunks(width).enumerate();
    let lines = lines.map(|(at, bytes)| line(at * width, bytes));
    lines.collect::<String>().into_bytes()
}

fn printed(byte: u8) -> char {
    if byte.is_ascii_graphic() {
        byte.into()
    } else {
        '.'
    }
}

/// One byte as `od -c` prints it.
fn cell(byte: u8) -> String {
    match byte {
        b'\n' => "  \\n".to_owned(),
        0 => "  \\0".to_owned(),
        b' '..=b'~' => format!("{:>4}", char::from(byte)),
        byte => format!(" {byte:03o}"),
    }
}

/// Lines of 16 bytes with an offset before and the text after them, but for words.
fn dump(text: &[u8], offset: &str, group: usize, is_words: bool) -> Vec<u8> {
    let mut out = String::new();
    for (at, line) in text.chunks(16).enumerate() {
        let groups: Vec<String> = line
            .chunks(group)
            .map(|group| {
                let mut group = group.to_vec();
                if is_words {
                    group.resize(2, 0);
                    group.reverse();
                }
                group.iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        let (left, right) = groups.split_at(groups.len().min(8));
        let middle = if group == 1 { "  " } else { " " };
        let bytes = [left.join(" "), right.join(" ")].join(middle);
        let bytes = bytes.trim_end();
        let reading = format!("{:08x}", 16 * at);
        out.push_str(&offset.replace("{}", &reading));
        if is_words {
            out.push_str(bytes);
        } else {
            let text: String = line.iter().map(|&byte| printed(byte)).collect();
            let (before, after) = if group == 1 { ("|", "|") } else { ("", "") };
            let width = if group == 1 { 48 } else { 39 };
            out.push_str(&format!("{bytes:width$}  {before}{text}{after}"));
        }
        out.push('\n');
    }
    out.into_bytes()
}

#[test]
fn a_secret_is_found_under_any_two_encodings() {
    let secret = secret(Kind::Api, "post");
    for (first, inner) in ENCODINGS {
        for (second, outer) in ENCODINGS {
            for plain in [secret.clone(), format!("{{\"user\": \"{secret}\"}}\n")] {
                let text = outer(&inner(plain.as_bytes()));
                let all = found(&text, 5000).into_iter();
                let good: Vec<String> = all.filter_map(|(found, _)| found.ok()).collect();
                assert_eq!(good, [&secret[..]], "{first}, {second}, {plain:?}");
            }
        }
    }
}

#[test]
fn two_nested_encodings_fit_the_overlap() {
    let secret = secret(Kind::Smtp, "acmecompany");
    let filler = b"nothing in this line\n".repeat(OVERLAP / 20);
    let mut longest = 0;
    for (first, inner) in ENCODINGS {
        for (second, outer) in ENCODINGS {
            let form = outer(&inner(secret.as_bytes()));
            assert!(form.len() <= OVERLAP, "{first}, {second}: {}", form.len());
            longest = longest.max(form.len());
            if form.len() > OVERLAP / 4 {
                let text = [&filler[..], b"\n", &form, b"\n"].concat();
                for piece in [filler.len() + 2, filler.len() + form.len() - 2] {
                    let good = found(&text, piece).into_iter();
                    let good: Vec<String> = good.filter_map(|(found, _)| found.ok()).collect();
                    assert_eq!(good, [&secret[..]], "{first}, {second}, {piece}");
                }
            }
        }
    }
    assert!(longest > OVERLAP / 2, "{longest}");
}

#[test]
fn a_link_in_a_terminal_hides_no_secret() {
    let secret = secret(Kind::Api, "post");
    let whole = [
        format!("\x1b]8;;https://example.com/?key={secret}\x1b\\here\x1b]8;;\x1b\\"),
        format!("\x1b]8;;https://example.com\x07{secret}\x1b]8;;\x07"),
    ];
    // The text after the backslash that ends a hyperlink's target could be taken for an escape.
    let parted = (9..secret.len()).flat_map(|at| {
        let (head, rest) = secret.split_at(at);
        ["\x1b\\", "\x07"]
            .map(|end| format!("{head}\x1b]8;;https://example.com{end}{rest}\x1b]8;;{end}"))
    });
    for text in whole.into_iter().chain(parted) {
        assert_eq!(
            found(text.as_bytes(), 40),
            [(Ok(secret.clone()), 1)],
            "{text:?}"
        );
    }
}

#[test]
fn concatenated_strings_hide_no_secret() {
    let secret = secret(Kind::Smtp, "post");
    let (head, rest) = secret.split_at(40);
    for between in [
        "\" + \"",
        "' . '",
        "\" \\\n    \"",
        "\" &\n \"",
        "' || '",
        "\" <> \"",
        "\",\n\"",
    ] {
        let text = format!("key = \"{head}{between}{rest}\";");
        let all = found(text.as_bytes(), 40);
        let is_found = all.iter().any(|(found, _)| found.as_ref() == Ok(&secret));
        assert_eq!(is_found, !between.contains(','), "{between:?}: {all:?}");
    }
}

#[test]
fn too_deeply_encoded_text_is_reported() {
    let secret = secret(Kind::Api, "post");
    let mut text = secret.into_bytes();
    for _ in 0..5 {
        text = Base64::encode_string(&text).into_bytes();
    }
    let mut scanner = small_scanner();
    scanner.buffer()[..text.len()].copy_from_slice(&text);
    scanner.advance(text.len(), |_| panic!("found"));
    scanner.advance(0, |_| panic!("found"));
    let expected = Unreadable {
        what: "deeply encoded",
        line: 1,
    };
    assert_eq!(scanner.unreadable(), Some(expected));
}

/// Whether a secret encoded in several ways is found, or what hides it is reported.
fn is_found_or_reported(chain: &[Encode], before: &str) -> bool {
    let secret = secret(Kind::Api, "post");
    let plain = format!("{}\n{secret}\n", before.replace('x', "y"));
    let encode = |text: Vec<u8>, encode: &Encode| encode(&text);
    let text = chain.iter().fold(plain.into_bytes(), encode);
    // As one chunk, since longer ones than the overlap may be missed at the end of a chunk.
    let mut scanner = Scanner::with_buffer(text.len());
    let mut is_found = false;
    scanner.buffer().copy_from_slice(&text);
    for read in [text.len(), 0] {
        scanner.advance(read, |finding| {
            is_found |= finding.found.is_ok_and(|found| found.expose() == secret);
        });
    }
    assert!(!is_found || !spans(&text).is_empty(), "{before:?}");
    is_found || scanner.unreadable().is_some()
}

#[test]
fn nested_encodings_are_decoded_whatever_a_dumps_text_column_has() {
    for (chain, before) in [
        // The text column has escapes of its own.
        (
            ["percent", "xxd", "JSON"],
            "aAa[A[:\na:\n[A\n{a 0 AaA{[a 0\n\nA A:\n\n0\nA",
        ),
        (["percent", "xxd -e", "JSON"], "9<TH"),
        (["percent", "xxd", "percent"], "9<TH 01"),
        (
            ["percent", "xxd -e", "octal"],
            "^3\nAGa[Y%0#.\ny_\"sU%n!+`T3 #% qqA* c2Wp O",
        ),
        // Characters that look like escapes, or like the ends of concatenated literals.
        (["JSON", "od -c", "HTML"], "abcd"),
        (["od -c", "HTML", "HTML"], "+~.''' ' \\ "),
        (["od -c", "JSON", "xxd"], "'' \" \" `+`"),
        // All characters on a line are blanks.
        (["od -c", "od -c", "od -c"], "a  b    c        d"),
        // The escaped text begins an escape of the same kind.
        (["octal", "octal", "JSON with dashes escaped"], "\"\\-"),
    ] {
        let encode = |name| ENCODINGS.iter().find(|(known, _)| *known == name);
        let encodings = chain.map(|name| encode(name).expect("a known name").1);
        assert!(is_found_or_reported(&encodings, before), "{chain:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_chain_of_encodings_is_undone_or_told(
        chain in prop::collection::vec(0..ENCODINGS.len(), 1..4),
        before in "[ -~\n]{0,80}",
    ) {
        let chain = chain.into_iter().map(|encoding| ENCODINGS[encoding]);
        let (names, encodings): (Vec<_>, Vec<_>) = chain.unzip();
        prop_assert!(is_found_or_reported(&encodings, &before), "{names:?}");
    }
}
