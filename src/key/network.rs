//! The networks that a key may be used from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use super::Invalid;
use super::allow_list::{AllowList, Allowed};

/// How long the bits are that map an IPv4 address into IPv6 (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// The networks that a key may be used from; by default any.
///
/// Written as CIDR blocks or single addresses. IPv4 networks that are mapped into IPv6 are IPv4
/// networks, as is an address that is.
pub type Networks = AllowList<AllowedNetwork>;

/// A network of one IP version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedNetwork(IpNet);

impl Networks {
    /// Whether they include the address. One that is not known is in none of them.
    pub fn include(&self, address: Option<IpAddr>) -> bool {
        let address = address.map(|address| address.to_canonical());
        self.allow(|network| address.is_some_and(|address| network.0.contains(&address)))
    }
}

impl Allowed for AllowedNetwork {
    const PLURAL: &str = "networks";
    const TOO_MANY: &str = "combine neighbouring networks into larger ones";
}

impl fmt::Display for AllowedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AllowedNetwork {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        network(text).map(Self)
    }
}

fn network(text: &str) -> Result<IpNet, Invalid> {
    let invalid = |rule: &str| Invalid::new("a network", text, rule);
    let written = match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    let Some(written) = written else {
        let rule = "a network is an IP address, or the first address of a network with the length \
                    of its prefix";
        return Err(invalid(rule)
            .with_hint("write `203.0.113.0/24`, `2001:db8::/32`, `203.0.113.7`, or `any`"));
    };
    let network = canonical(written);
    let first = network.trunc();
    if network != first {
        let rule = "its address is not the first of its network";
        let hint = format!(
            "write `{first}` for the network, or `{}` for the address alone",
            network.addr()
        );
        return Err(invalid(rule).with_hint(hint));
    }
    Ok(network)
}

/// The same network; as an IPv4 network if it is one that is mapped into IPv6.
fn canonical(network: IpNet) -> IpNet {
    let length = network.prefix_len().checked_sub(MAPPED_PREFIX);
    match (network.addr().to_canonical(), length) {
        (IpAddr::V4(address), Some(length)) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, length).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Networks {
        text.parse().expect(text)
    }

    #[test]
    fn networks_are_read_as_they_are_written_and_shown_in_one_spelling() {
        for (text, shown) in [
            ("any", "any"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("10.0.0.0/8, 10.0.0.0/8,::1", "10.0.0.0/8,::1/128"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("0.0.0.0/0,::/0", "0.0.0.0/0,::/0"),
        ] {
            assert_eq!(networks(text).to_string(), shown);
            assert_eq!(networks(shown), networks(text));
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_was_likely_meant() {
        for text in [
            "",
            ",",
            "203.0.113.0/33",
            "203.0.113/24",
            "example.com",
            "Any",
            "1.2.3.4,",
        ] {
            assert!(text.parse::<Networks>().is_err(), "{text:?}");
        }
        let error = "203.0.113.7/24".parse::<Networks>().expect_err("host bits");
        let hint = "write `203.0.113.0/24` for the network, or `203.0.113.7` for the address alone";
        assert_eq!(error.hint(), Some(hint));
        let many: Vec<String> = (0..33).map(|n| format!("10.0.{n}.0/24")).collect();
        assert!(many.join(",").parse::<Networks>().is_err());
    }

    #[test]
    fn an_address_is_in_them_in_either_spelling_and_an_unknown_one_only_in_any() {
        let office = networks("203.0.113.0/24,2001:db8::/32");
        for (address, expected) in [
            ("203.0.113.0", true),
            ("203.0.113.255", true),
            ("203.0.112.255", false),
            ("::ffff:203.0.113.9", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ] {
            let address = address.parse().expect(address);
            assert_eq!(office.include(Some(address)), expected, "{address}");
        }
        assert!(!office.include(None));
        assert!(networks("any").include(None));
        assert!(!networks("0.0.0.0/0").include(Some("::1".parse().expect("an address"))));
    }
}
