//! `postkey connect`: the configuration that makes a server use this vault.
//!
//! A server is a word, a line for each of its files, and a file under `connect/` for each:
//! real configuration with `{placeholder}`s.

mod gateway;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rand::TryRng;
use rand::rngs::SysRng;

use super::{Session, values};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process;
use crate::settings::Listen;
use gateway::Backend;

/// Prints the configuration that makes a server use this vault
///
/// A mail server's names the vault by its whole path; a gateway's names the address of
/// `postkey serve` that is in the settings. Comments say where it belongs and why each line is
/// there. Nothing is written to the server's own files. Dovecot has two files; each is printed
/// below a line that names it, or alone with --file.
///
/// Formats: text.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext
  postkey connect dovecot --file main >/etc/dovecot/dovecot.conf
  postkey connect postfix >>/etc/postfix/master.cf
  postkey connect nginx --backend 127.0.0.1:3000 >/etc/nginx/conf.d/postkey.conf")]
pub struct Connect {
    /// Which server
    #[arg(value_enum)]
    server: Server,
    /// Only this one of the server's files
    #[arg(long, value_enum)]
    file: Option<Part>,
    /// Gateways: what is guarded, by its host and port; 127.0.0.1:8081 if nothing is said
    #[arg(long, value_name = "ADDRESS")]
    backend: Option<Backend>,
}

/// A server that can use a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Server {
    /// Dovecot 2.3: reads the vault, for itself and for mail servers that ask it
    Dovecot,
    /// Postfix: mail from programs on port 587, asking Dovecot
    Postfix,
    /// Exim 4: its logins, asking Dovecot
    Exim,
    /// nginx: requests with an API key, asking `postkey serve`
    Nginx,
    /// Caddy 2: the same
    Caddy,
    /// Traefik 2 or 3: the same
    Traefik,
}

/// One of the files that a server's configuration consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The server's configuration, or the part of it that is ours
    Main,
    /// How Dovecot looks secrets up
    Sql,
}

/// A server's file, with placeholders.
struct Template {
    server: Server,
    part: Part,
    /// Where it belongs on Debian.
    place: &'static str,
    text: &'static str,
}

const TEMPLATES: [Template; 7] = [
    Template {
        server: Server::Dovecot,
        part: Part::Sql,
        place: "/etc/dovecot/postkey-sql.conf.ext",
        text: include_str!("connect/dovecot-sql.conf.ext"),
    },
    Template {
        server: Server::Dovecot,
        part: Part::Main,
        place: "/etc/dovecot/dovecot.conf",
        text: include_str!("connect/dovecot.conf"),
    },
    Template {
        server: Server::Postfix,
        part: Part::Main,
        place: "/etc/postfix/master.cf",
        text: include_str!("connect/postfix-master.cf"),
    },
    Template {
        server: Server::Exim,
        part: Part::Main,
        place: "/etc/exim4/conf.d/auth/99_postkey",
        text: include_str!("connect/exim.conf"),
    },
    Template {
        server: Server::Nginx,
        part: Part::Main,
        place: "/etc/nginx/conf.d/postkey.conf",
        text: include_str!("connect/nginx.conf"),
    },
    Template {
        server: Server::Caddy,
        part: Part::Main,
        place: "/etc/caddy/Caddyfile",
        text: include_str!("connect/Caddyfile"),
    },
    Template {
        server: Server::Traefik,
        part: Part::Main,
        place: "/etc/traefik/dynamic/postkey.yaml",
        text: include_str!("connect/traefik.yaml"),
    },
];

/// What placeholders are filled from.
#[derive(Clone, Copy)]
struct Facts<'a> {
    vault: &'a Path,
    listen: &'a Listen,
    backend: &'a Backend,
}

/// How a placeholder's value is found.
type Value = fn(Facts) -> Result<String, Error>;

const PLACEHOLDERS: [(&str, Value); 9] = [
    ("vault_uri", |facts| Ok(uri(facts.vault))),
    ("owner", |_| owner()),
    ("listen", |facts| Ok(facts.listen.to_string())),
    ("nonce", |_| nonce()),
    ("report", report),
    ("nginx_checker", |facts| gateway::nginx(facts.listen)),
    ("caddy_checker", |facts| gateway::caddy(facts.listen)),
    ("traefik_checker", |facts| gateway::traefik(facts.listen)),
    ("backend", |facts| Ok(facts.backend.to_string())),
];

pub(super) fn run(args: Connect, session: &mut Session) -> Result<ExitStatus, Error> {
    if args.backend.is_some() && !args.server.is_gateway() {
        let server = values::word(args.server);
        let message = format!("{server} guards no backend, so --backend says nothing");
        return Err(Error::usage(message).hint("gateways do: nginx, caddy, traefik"));
    }
    let vault = args.server.vault(session)?;
    let facts = Facts {
        vault: &vault,
        listen: &session.settings.listen,
        backend: &args.backend.unwrap_or_default(),
    };
    let text = configuration(args.server, args.file, facts)?;
    session.ui.print(&text)?;
    Ok(ExitStatus::Done)
}

impl Server {
    fn is_gateway(self) -> bool {
        matches!(self, Self::Nginx | Self::Caddy | Self::Traefik)
    }

    /// Where the vault lies, which a mail server reads and a gateway does not.
    fn vault(self, session: &Session) -> Result<PathBuf, Error> {
        if self.is_gateway() {
            return Ok(session.settings.vault.clone());
        }
        let vault = session.open()?;
        vault.expect_login_view()?;
        Ok(vault.path().to_owned())
    }
}

/// The server's files, or the one that is asked for.
fn configuration(server: Server, part: Option<Part>, facts: Facts) -> Result<String, Error> {
    let files = chosen(server, part)?;
    let texts = files.iter().map(|file| {
        let text = fill(file.text, facts)?;
        Ok(match files.len() {
            1 => text,
            _ => format!("{}\n{text}", heading(file)),
        })
    });
    Ok(texts.collect::<Result<Vec<_>, Error>>()?.join("\n"))
}

/// The templates of the server, at least one.
fn chosen(server: Server, part: Option<Part>) -> Result<Vec<&'static Template>, Error> {
    let files = TEMPLATES.iter().filter(|file| file.server == server);
    let chosen: Vec<_> = files
        .clone()
        .filter(|file| part.is_none_or(|part| file.part == part))
        .collect();
    match part {
        Some(part) if chosen.is_empty() => {
            let words: Vec<String> = files.map(|file| values::word(file.part)).collect();
            let (server, part) = (values::word(server), values::word(part));
            let message = format!("{server} has no file `{part}`");
            Err(Error::usage(message).hint(format!("it has {}", words.join(", "))))
        }
        _ => Ok(chosen),
    }
}

/// The line above a file that is one of several.
fn heading(file: &Template) -> String {
    let (server, part) = (values::word(file.server), values::word(file.part));
    let place = file.place;
    format!("# === {place}, which `postkey connect {server} --file {part}` prints alone ===")
}

/// The template with its placeholders filled; what a value says is taken as it is.
fn fill(template: &str, facts: Facts) -> Result<String, Error> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        rest = match placeholder(after) {
            Some((value, after)) => {
                filled.push_str(&value(facts)?);
                after
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    Ok(filled + rest)
}

/// The placeholder whose name the text begins with, and what follows its brace.
fn placeholder(text: &str) -> Option<(Value, &str)> {
    PLACEHOLDERS.iter().find_map(|(name, value)| {
        let after = text.strip_prefix(name)?.strip_prefix('}')?;
        Some((*value, after))
    })
}

/// The path as SQLite's URI (sqlite.org/uri.html), with everything encoded that SQLite or the
/// reader of a configuration could take for something else.
fn uri(path: &Path) -> String {
    let encoded = path.as_os_str().as_bytes().iter().map(|&byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    format!("file:{}?mode=rw", encoded.collect::<String>())
}

/// The name of the vault's owner, who is the one who runs this.
fn owner() -> Result<String, Error> {
    let name = process::user();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.filter(|name| !name.is_empty() && name.bytes().all(is_plain))
        .ok_or_else(|| {
            let message = "the vault's owner has no name that Dovecot's configuration can hold";
            let hint =
                "keep the vault as a user whose name is of letters, digits, `.`, `_` and `-`";
            Error::new(ExitStatus::Trouble, message).hint(hint)
        })
}

/// What Dovecot salts its hashes of passwords with; it reports none, but starts only with it.
fn nonce() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
        let message = format!("the system's random generator failed: {error}");
        Error::new(ExitStatus::Trouble, message)
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How Dovecot tells `serve` of logins, if it can.
fn report(facts: Facts) -> Result<String, Error> {
    let text = match facts.listen {
        Listen::Tcp(_) => include_str!("connect/dovecot-report.conf"),
        Listen::Unix(_) => include_str!("connect/dovecot-no-report.conf"),
    };
    Ok(fill(text, facts)?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_taken_for_something_else_is_encoded() {
        for (path, encoded) in [
            (
                "/srv/postkey/vault.db",
                "file:/srv/postkey/vault.db?mode=rw",
            ),
            ("/a b#c'd\"e", "file:/a%20b%23c%27d%22e?mode=rw"),
            (
                "/50%?mode=ro&x={owner}\n",
                "file:/50%25%3Fmode%3Dro%26x%3D%7Bowner%7D%0A?mode=rw",
            ),
            ("/schlüssel", "file:/schl%C3%BCssel?mode=rw"),
        ] {
            assert_eq!(uri(Path::new(path)), encoded);
        }
    }

    #[test]
    fn every_template_is_filled_and_keeps_the_braces_of_its_own() {
        let listen = Listen::default();
        let facts = Facts {
            vault: Path::new("/srv/vault.db"),
            listen: &listen,
            backend: &Backend::default(),
        };
        for template in TEMPLATES {
            let filled = fill(template.text, facts).expect(template.place);
            for (name, _) in PLACEHOLDERS {
                let left = format!("{{{name}}}");
                assert!(!filled.contains(&left), "{}: {left}", template.place);
            }
        }
        let kept = "passdb {\n} %{user} {x} {";
        assert_eq!(fill(kept, facts).expect("text"), kept);
    }
}
