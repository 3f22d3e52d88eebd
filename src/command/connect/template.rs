//! The files of each server's configuration, and which of them are printed.

use clap::ValueEnum;

use super::facts::TemplateFacts;
use super::server::Server;
use crate::arguments;
use crate::error::Error;

/// One of the files that a server's configuration consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ConfigPart {
    /// The server's configuration, or postkey's part of it
    Main,
    /// How Dovecot looks secrets up
    Sql,
    /// How HAProxy asks `postkey serve`
    Lua,
    /// Which program PAM asks
    Service,
    /// The program that asks `postkey serve`
    Helper,
}

/// A server's file, with placeholders.
pub(super) struct Template {
    server: Server,
    part: ConfigPart,
    /// Where it is installed, on Debian or in a repository.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

pub(super) const TEMPLATES: [Template; 13] = [
    Template {
        server: Server::Dovecot,
        part: ConfigPart::Sql,
        path: "/etc/dovecot/postkey-sql.conf.ext",
        text: include_str!("dovecot/sql.conf.ext"),
    },
    Template {
        server: Server::Dovecot,
        part: ConfigPart::Main,
        path: "/etc/dovecot/dovecot.conf",
        text: include_str!("dovecot/main.conf"),
    },
    Template {
        server: Server::Postfix,
        part: ConfigPart::Main,
        path: "/etc/postfix/master.cf",
        text: include_str!("postfix/master.cf"),
    },
    Template {
        server: Server::Exim,
        part: ConfigPart::Main,
        path: "/etc/exim4/conf.d/auth/99_postkey",
        text: "{authenticators}",
    },
    Template {
        server: Server::Pam,
        part: ConfigPart::Service,
        path: "/etc/pam.d/smtp",
        text: include_str!("pam/service"),
    },
    Template {
        server: Server::Pam,
        part: ConfigPart::Helper,
        path: "/usr/local/libexec/postkey-login",
        text: include_str!("pam/helper"),
    },
    Template {
        server: Server::Nginx,
        part: ConfigPart::Main,
        path: "/etc/nginx/conf.d/postkey.conf",
        text: include_str!("nginx.conf"),
    },
    Template {
        server: Server::Caddy,
        part: ConfigPart::Main,
        path: "/etc/caddy/Caddyfile",
        text: include_str!("Caddyfile"),
    },
    Template {
        server: Server::Traefik,
        part: ConfigPart::Main,
        path: "/etc/traefik/dynamic/postkey.yaml",
        text: include_str!("traefik.yaml"),
    },
    Template {
        server: Server::Haproxy,
        part: ConfigPart::Main,
        path: "/etc/haproxy/haproxy.cfg",
        text: include_str!("haproxy.cfg"),
    },
    Template {
        server: Server::Haproxy,
        part: ConfigPart::Lua,
        path: "/etc/haproxy/postkey.lua",
        text: include_str!("haproxy-postkey.lua"),
    },
    Template {
        server: Server::Gitleaks,
        part: ConfigPart::Main,
        path: ".gitleaks.toml",
        text: include_str!("gitleaks.toml"),
    },
    Template {
        server: Server::PreCommit,
        part: ConfigPart::Main,
        path: ".pre-commit-config.yaml",
        text: include_str!("pre-commit.yaml"),
    },
];

impl Template {
    /// The heading of a file where several are printed.
    pub(super) fn heading(&self) -> String {
        let (server, part) = (arguments::word(self.server), arguments::word(self.part));
        let path = self.path;
        format!("# === {path}, which `postkey connect {server} --file {part}` prints alone ===")
    }
}

/// The templates of a server, at least one.
pub(super) fn chosen(
    server: Server,
    part: Option<ConfigPart>,
    facts: TemplateFacts<'_>,
) -> Result<Vec<&'static Template>, Error> {
    let is_needed = |file: &&Template| facts.export.is_none() || file.part != ConfigPart::Sql;
    let files = TEMPLATES.iter().filter(|file| file.server == server);
    let files = files.filter(is_needed);
    let chosen: Vec<_> = files
        .clone()
        .filter(|file| part.is_none_or(|part| file.part == part))
        .collect();
    match part {
        Some(part) if chosen.is_empty() => {
            let words: Vec<String> = files.map(|file| arguments::word(file.part)).collect();
            let (server, part) = (arguments::word(server), arguments::word(part));
            let message = format!("{server} has no file `{part}`");
            Err(Error::usage(message).with_hint(format!("allowed: {}", words.join(", "))))
        }
        _ => Ok(chosen),
    }
}
