//! Clients' addresses.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

use crate::key::Invalid;

/// The address from which a key was used or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An IP address.
    pub address: String,
    /// The count.
    pub count: u32,
    /// The last time.
    pub last_at: Timestamp,
}

/// Parses an address, with or without a port: gateways append one, as RFC 7239 allows, with IPv6 in
/// brackets. An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) is the IPv4 address.
pub fn read_address(text: &str) -> Result<IpAddr, Invalid> {
    let bare = text.trim();
    let in_brackets = bare
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = in_brackets.unwrap_or(bare).parse();
    let with_port = || bare.parse().map(|socket: SocketAddr| socket.ip());
    let address = address.or_else(|_| with_port()).map_err(|_| {
        Invalid::new("an IP address", text, "it has other characters or parts")
            .with_hint("write it as in `192.0.2.1` or `2001:db8::1`")
    });
    Ok(address?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_in_every_form() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            (" 192.0.2.1 ", Some("192.0.2.1")),
            ("192.0.2.1:443", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("[::ffff:192.0.2.1]:443", Some("192.0.2.1")),
            ("::ffff:c000:201", Some("192.0.2.1")),
            ("::1", Some("::1")),
            ("::192.0.2.1", Some("::c000:201")),
            ("", None),
            ("unix:", None),
            ("localhost", None),
            ("192.0.2.1:", None),
            ("192.0.2.1:x", None),
            ("[192.0.2.1", None),
            ("192.0.2.256", None),
        ] {
            let expected = expected.map(|text| text.parse().expect("an address"));
            assert_eq!(read_address(text).ok(), expected, "{text}");
        }
    }
}
