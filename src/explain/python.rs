//! Debug output of Python's `http.client` and `smtplib` with `set_debuglevel(1)`: `send: b'GET /
//! HTTP/1.1\r\n…'`.

use zeroize::Zeroizing;

/// Everything that was sent, if there are such lines; what was received is left out.
pub(super) fn sent(lines: &[&str]) -> Option<Zeroizing<String>> {
    let length = lines.iter().map(|line| line.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for line in lines {
        if let Some(literal) = line.trim().strip_prefix("send: ") {
            unquote(literal, &mut text);
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Appends the value of a string or bytes literal.
fn unquote(literal: &str, text: &mut String) {
    let literal = literal.strip_prefix('b').unwrap_or(literal);
    let quote = literal.chars().next().unwrap_or_default();
    let inner = literal.strip_prefix(quote).unwrap_or(literal);
    let mut characters = inner.strip_suffix(quote).unwrap_or(inner).chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('x') => {
                let rest = characters.as_str();
                let byte = rest
                    .get(..2)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                match byte.filter(u8::is_ascii) {
                    Some(byte) => text.push(char::from(byte)),
                    None => text.push(char::REPLACEMENT_CHARACTER),
                }
                characters = rest.get(2..).unwrap_or_default().chars();
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
}
