//! Where `serve` listens: a loopback address or unix socket that other machines cannot reach.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::expanded;
use crate::key::Invalid;

/// An address that only this machine can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address and port.
    Tcp(SocketAddr),
    /// A unix socket's absolute path.
    Unix(PathBuf),
}

impl Default for Listen {
    fn default() -> Self {
        Self::Tcp(([127, 0, 0, 1], 7625).into())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Listen {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = |rule: &str| {
            Err(
                Invalid::new("an address to listen on", text, rule).with_hint(
                    "write `127.0.0.1:7625`, `[::1]:7625` or `unix:/run/postkey/postkey.sock`",
                ),
            )
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return match expanded(path.as_ref()) {
                Ok(whole) if whole.is_absolute() && !path.ends_with('/') => Ok(Self::Unix(whole)),
                Ok(_) => refused("a unix socket must be an absolute path"),
                Err(rule) => refused(rule),
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            Ok(_) => refused("other machines could reach it: it must be a loopback address"),
            Err(_) => refused("it is neither an IP address with a port nor a unix socket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_round_trip() {
        for text in ["127.0.0.1:7625", "[::1]:80", "unix:/run/postkey.sock"] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn addresses_that_other_machines_can_reach_are_refused() {
        for text in [
            "",
            "0.0.0.0:7625",
            "[::]:1",
            "10.0.0.1:1",
            "localhost",
            "unix:x",
            "unix:/",
            ":80",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
