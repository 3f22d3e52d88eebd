//! The files of each server's configuration, and which of them are printed.

use clap::ValueEnum;

use super::facts::TemplateFacts;
use super::server::Server;
use crate::arguments;
use crate::error::Error;
use crate::key::Kind;

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
    /// The kind of key that it uses, if it uses one.
    kind: Option<Kind>,
    /// Where it is installed, on Debian or in a repository.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

pub(super) const TEMPLATES: [Template; 34] = [
    Template {
        server: Server::Dovecot,
        part: ConfigPart::Sql,
        kind: None,
        path: "/etc/dovecot/postkey-sql.conf.ext",
        text: "{look_up}",
    },
    Template {
        server: Server::Dovecot,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/dovecot/dovecot.conf",
        text: include_str!("dovecot/main.conf"),
    },
    Template {
        server: Server::Postfix,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/postfix/master.cf",
        text: include_str!("postfix/master.cf"),
    },
    Template {
        server: Server::Exim,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/exim4/conf.d/auth/99_postkey",
        text: "{authenticators}",
    },
    Template {
        server: Server::Postgres,
        part: ConfigPart::Main,
        kind: None,
        path: "postkey.sql",
        text: include_str!("postgres.sql"),
    },
    Template {
        server: Server::Pam,
        part: ConfigPart::Service,
        kind: None,
        path: "/etc/pam.d/smtp",
        text: include_str!("pam/service"),
    },
    Template {
        server: Server::Pam,
        part: ConfigPart::Helper,
        kind: None,
        path: "/usr/local/libexec/postkey-login",
        text: include_str!("pam/helper"),
    },
    Template {
        server: Server::Nginx,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/nginx/conf.d/postkey.conf",
        text: include_str!("nginx.conf"),
    },
    Template {
        server: Server::Caddy,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/caddy/Caddyfile",
        text: include_str!("Caddyfile"),
    },
    Template {
        server: Server::Traefik,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/traefik/dynamic/postkey.yaml",
        text: include_str!("traefik.yaml"),
    },
    Template {
        server: Server::Haproxy,
        part: ConfigPart::Main,
        kind: None,
        path: "/etc/haproxy/haproxy.cfg",
        text: include_str!("haproxy.cfg"),
    },
    Template {
        server: Server::Haproxy,
        part: ConfigPart::Lua,
        kind: None,
        path: "/etc/haproxy/postkey.lua",
        text: include_str!("haproxy-postkey.lua"),
    },
    Template {
        server: Server::Gitleaks,
        part: ConfigPart::Main,
        kind: None,
        path: ".gitleaks.toml",
        text: include_str!("gitleaks.toml"),
    },
    Template {
        server: Server::PreCommit,
        part: ConfigPart::Main,
        kind: None,
        path: ".pre-commit-config.yaml",
        text: include_str!("pre-commit.yaml"),
    },
    of_program(
        Server::Curl,
        Kind::Api,
        "call.sh",
        include_str!("client/api/curl.sh"),
    ),
    of_program(
        Server::Node,
        Kind::Api,
        "call.mjs",
        include_str!("client/api/node.mjs"),
    ),
    of_program(
        Server::Python,
        Kind::Api,
        "call.py",
        include_str!("client/api/python.py"),
    ),
    of_program(
        Server::Php,
        Kind::Api,
        "call.php",
        include_str!("client/api/php.php"),
    ),
    of_program(
        Server::Ruby,
        Kind::Api,
        "call.rb",
        include_str!("client/api/ruby.rb"),
    ),
    of_program(
        Server::Go,
        Kind::Api,
        "call.go",
        include_str!("client/api/go.go"),
    ),
    of_program(
        Server::Curl,
        Kind::Smtp,
        "mail.sh",
        include_str!("client/smtp/curl.sh"),
    ),
    of_program(
        Server::Node,
        Kind::Smtp,
        "mail.mjs",
        include_str!("client/smtp/nodemailer.mjs"),
    ),
    of_program(
        Server::Python,
        Kind::Smtp,
        "mail.py",
        include_str!("client/smtp/python.py"),
    ),
    of_program(
        Server::Php,
        Kind::Smtp,
        "mail.php",
        include_str!("client/smtp/php.php"),
    ),
    of_program(
        Server::Ruby,
        Kind::Smtp,
        "mail.rb",
        include_str!("client/smtp/ruby.rb"),
    ),
    of_program(Server::Go, Kind::Smtp, "mail.go", "{go_mail}"),
    of_program(
        Server::Msmtp,
        Kind::Smtp,
        "~/.msmtprc",
        include_str!("client/smtp/msmtprc"),
    ),
    of_program(
        Server::Rails,
        Kind::Smtp,
        "config/environments/production.rb",
        include_str!("client/smtp/rails.rb"),
    ),
    of_program(
        Server::Django,
        Kind::Smtp,
        "settings.py",
        include_str!("client/smtp/django.py"),
    ),
    of_program(
        Server::Laravel,
        Kind::Smtp,
        "config/mail.php",
        include_str!("client/smtp/laravel.php"),
    ),
    of_program(
        Server::Nodemailer,
        Kind::Smtp,
        "mail.mjs",
        include_str!("client/smtp/nodemailer.mjs"),
    ),
    of_program(
        Server::Wordpress,
        Kind::Smtp,
        "wp-content/mu-plugins/postkey.php",
        include_str!("client/smtp/wordpress.php"),
    ),
    of_program(
        Server::Systemd,
        Kind::Api,
        "/etc/systemd/system/APP.service.d/postkey.conf",
        include_str!("client/systemd.conf"),
    ),
    of_program(
        Server::Systemd,
        Kind::Smtp,
        "/etc/systemd/system/APP.service.d/postkey.conf",
        include_str!("client/systemd.conf"),
    ),
];

const fn of_program(
    server: Server,
    kind: Kind,
    path: &'static str,
    text: &'static str,
) -> Template {
    Template {
        server,
        part: ConfigPart::Main,
        kind: Some(kind),
        path,
        text,
    }
}

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
    let is_of_kind = |file: &&Template| file.kind.is_none_or(|kind| kind == facts.client.kind());
    let files = files.filter(is_needed).filter(is_of_kind);
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
