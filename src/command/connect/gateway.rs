//! Addresses in the syntax of each gateway.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Invalid;
use crate::settings::Listen;

/// The backend of a gateway: a host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend(String);

impl Default for Backend {
    fn default() -> Self {
        Self("127.0.0.1:8081".to_owned())
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Backend {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.rsplit_once(':');
        if parts.is_some_and(|(host, port)| is_host(host) && is_port(port)) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "must be a host and a port";
        Err(Invalid::new("a gateway's backend", text, rule)
            .with_hint("write `127.0.0.1:8081`, `[::1]:8081` or `app.internal:8081`"))
    }
}

/// Whether a host name or address needs no quoting in any configuration.
fn is_host(host: &str) -> bool {
    let is_address = |host: &str| host.parse::<std::net::Ipv6Addr>().is_ok();
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    match in_brackets {
        Some(host) => is_address(host),
        None => !host.is_empty() && host.bytes().all(is_name),
    }
}

fn is_port(port: &str) -> bool {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    is_number && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The address of `serve` for nginx.
pub(super) fn nginx(listen: &Listen) -> Result<String, Error> {
    match listen {
        Listen::Tcp(address) => Ok(address.to_string()),
        Listen::Unix(path) => Ok(format!("unix:{}", plain(path)?)),
    }
}

/// The address of `serve` for Caddy.
pub(super) fn caddy(listen: &Listen) -> Result<String, Error> {
    match listen {
        Listen::Tcp(address) => Ok(address.to_string()),
        Listen::Unix(path) => Ok(format!("unix/{}", plain(path)?)),
    }
}

/// The address of `serve` for Traefik.
pub(super) fn traefik(listen: &Listen) -> Result<String, Error> {
    match listen {
        Listen::Tcp(address) => Ok(format!("http://{address}/forward")),
        Listen::Unix(_) => {
            let message = "Traefik connects over TCP only, but the settings have `serve` listen on a \
                           unix socket";
            let hint = "set `listen = \"127.0.0.1:7625\"` under [serve] in the settings";
            Err(Error::new(ExitStatus::Trouble, message).with_hint(hint))
        }
    }
}

/// The address of `serve` for HAProxy.
pub(super) fn haproxy(listen: &Listen) -> Result<String, Error> {
    match listen {
        Listen::Tcp(address) => Ok(address.to_string()),
        Listen::Unix(path) => Ok(format!("unix@{}", plain(path)?)),
    }
}

/// The path, if it needs no quoting in any configuration.
pub(super) fn plain(path: &Path) -> Result<&str, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let text = path.to_str().filter(|path| path.bytes().all(is_plain));
    text.ok_or_else(|| {
        let message = "the path of `serve`'s socket has characters with a special meaning in the \
                       server's configuration";
        let hint = "name the socket with letters, digits, `.`, `_` and `-`";
        Error::new(ExitStatus::Trouble, message).with_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_a_host_and_a_port() {
        for text in ["127.0.0.1:80", "[::1]:65535", "app.internal:8081", "a-b:1"] {
            assert_eq!(text.parse::<Backend>().expect(text).to_string(), text);
        }
        for text in [
            "",
            ":80",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "::1:80",
            "[::1:80",
            "a b:80",
            "a;b:80",
            "{owner}:80",
            "a/b:80",
            "ä:80",
            "http://a:80",
        ] {
            assert!(text.parse::<Backend>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_gateway_has_its_own_way_to_write_an_address() {
        let unix: Listen = "unix:/run/postkey/a.sock".parse().expect("a socket");
        let tcp: Listen = "[::1]:80".parse().expect("an address");
        let ignore_closed_pipe = |write: fn(&Listen) -> Result<String, Error>| {
            [&unix, &tcp].map(|listen| write(listen).unwrap_or_default())
        };
        assert_eq!(
            ignore_closed_pipe(nginx),
            ["unix:/run/postkey/a.sock", "[::1]:80"]
        );
        assert_eq!(
            ignore_closed_pipe(caddy),
            ["unix//run/postkey/a.sock", "[::1]:80"]
        );
        assert_eq!(
            ignore_closed_pipe(haproxy),
            ["unix@/run/postkey/a.sock", "[::1]:80"]
        );
        assert_eq!(ignore_closed_pipe(traefik), ["", "http://[::1]:80/forward"]);
        for path in [
            "unix:/a b",
            "unix:/a;b",
            "unix:/a\"",
            "unix:/$a",
            "unix:/{a}",
            "unix:/ä",
        ] {
            let listen: Listen = path.parse().expect("a socket");
            assert!(nginx(&listen).is_err() && caddy(&listen).is_err(), "{path}");
        }
    }
}
