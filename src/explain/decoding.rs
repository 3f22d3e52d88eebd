//! Decodes the input as text.

use zeroize::Zeroizing;

/// The input as text, from UTF-8 or, with a byte order mark, from UTF-16, as PowerShell writes it.
/// Invalid bytes become U+FFFD.
pub(super) fn decoded(input: &[u8]) -> Zeroizing<String> {
    let pairs = |from: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> = Zeroizing::new(
            input
                .chunks_exact(2)
                .map(|pair| from([pair[0], pair[1]]))
                .collect(),
        );
        let mut text = Zeroizing::new(String::with_capacity(3 * units.len()));
        let units = char::decode_utf16(units.iter().copied());
        text.extend(units.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        text
    };
    match input {
        [0xff, 0xfe, ..] => pairs(u16::from_le_bytes),
        [0xfe, 0xff, ..] => pairs(u16::from_be_bytes),
        _ => {
            let mut text = Zeroizing::new(String::with_capacity(3 * input.len()));
            for chunk in input.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            text
        }
    }
}
