//! `postkey connect`: prints the configuration that makes a server use this vault, and the code with
//! which a program uses a key.
//!
//! Adding a server or a program takes its name, a line for each of its files, and these files under
//! `connect/`: real configuration or code with `{placeholder}`s.

mod client;
mod credentials;
mod dovecot;
mod facts;
mod gateway;
mod mail;
mod server;
mod template;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{KeyName, Kind, Variable};
use crate::vault::{DATABASE_SCHEMA, Record, Vault};
use client::{ClientFacts, EXAMPLE_HOST, EXAMPLE_URL};
use facts::{DovecotDatabase, PlaceholderValue, TemplateFacts, fill};
use gateway::Backend;
use server::Server;
use template::{ConfigPart, chosen};

/// Print configuration for a server, or code for a program
///
/// A mail server's configuration names the vault by its absolute path, or its database; a gateway's
/// names the address of `postkey serve` from the settings. Comments say where each part goes and why. The
/// server's own files are not changed.
///
/// Dovecot has two files; each is printed below a line that names it, or alone with --file. They
/// are for the installed version of Dovecot, or the one given with --dovecot. `connect dovecot`
/// creates the file dovecot-token beside the vault; with it, Dovecot authenticates to `serve` when
/// it reports a login. Where Dovecot cannot read the vault, --export makes it read what `postkey
/// export dovecot` wrote.
///
/// PAM, and Exim with --without-dovecot, ask `serve` about each login and need no access to the
/// vault. `serve` answers them on a unix socket only: set `listen` in the settings to one.
///
/// For programs (curl, node, python, php, ruby, go, msmtp, rails, django, laravel, nodemailer,
/// wordpress, systemd) it prints a few lines of code that use the key NAME, or any key. The code
/// reads the secret from the environment and never contains it; the API and the mail server come
/// from the settings (`url` under `[api]`, `host` and `port` under `[smtp]`). With an API key it
/// calls the API; with an SMTP key it sends an email.
///
/// For postgres it prints the roles, tables and rights of a vault in a database, as SQL that the
/// database's administrator runs: see `postkey help fleet`.
///
/// gitleaks and pre-commit find secrets with the brand in the settings before they are published.
///
/// Formats: text.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext
  postkey connect dovecot --file main >/etc/dovecot/dovecot.conf
  postkey connect postfix >>/etc/postfix/master.cf
  postkey connect nginx --backend 127.0.0.1:3000 >/etc/nginx/conf.d/postkey.conf
  postkey connect dovecot --export /etc/dovecot/postkey-users >/etc/dovecot/dovecot.conf
  postkey connect dovecot --dovecot 2.4
  postkey connect exim --without-dovecot >/etc/exim4/conf.d/auth/99_postkey
  postkey connect pam --file service >/etc/pam.d/smtp
  postkey connect postgres | psql -X -v ON_ERROR_STOP=1 -1 -q -d postkey -f -
  postkey connect curl ci
  postkey connect rails shop-mail >>config/environments/production.rb
  postkey connect gitleaks >.gitleaks.toml")]
pub struct Connect {
    /// The server, the program or the scanner
    #[arg(value_enum)]
    server: Server,
    /// Programs: the key that they use
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    /// Programs: the secret's variable; by default named after the key
    #[arg(long, value_name = "VAR")]
    env_name: Option<Variable>,
    /// Print only this one of the server's files
    #[arg(long, value_enum)]
    file: Option<ConfigPart>,
    /// Gateways: host and port of the protected backend; 127.0.0.1:8081 by default
    #[arg(long, value_name = "ADDRESS")]
    backend: Option<Backend>,
    /// Dovecot: read this file, written by `postkey export dovecot`, instead of the vault
    #[arg(long, value_name = "FILE")]
    #[arg(value_parser = arguments::paths(), value_hint = clap::ValueHint::FilePath)]
    export: Option<PathBuf>,
    /// Dovecot: print for this version; the installed one by default
    #[arg(long, value_enum, value_name = "VERSION")]
    dovecot: Option<dovecot::Version>,
    /// Exim: ask `postkey serve` on its unix socket instead
    #[arg(long)]
    without_dovecot: bool,
}

const PLACEHOLDERS: [(&str, PlaceholderValue); 24] = [
    ("postgres_schema", |_| Ok(DATABASE_SCHEMA.to_owned())),
    ("authenticators", mail::exim),
    ("login_socket", |facts| mail::socket(facts.listen)),
    ("login_folder", |facts| mail::folder(facts.listen)),
    ("policy_note", |facts| {
        mail::policy_note(facts.listen_policy)
    }),
    ("policy_service", |facts| {
        mail::policy_service(facts.listen_policy)
    }),
    ("policy_at_end", |facts| {
        mail::policy_at_end(facts.listen_policy)
    }),
    ("nginx_checker", |facts| gateway::nginx(facts.listen)),
    ("caddy_checker", |facts| gateway::caddy(facts.listen)),
    ("traefik_checker", |facts| gateway::traefik(facts.listen)),
    ("haproxy_checker", |facts| gateway::haproxy(facts.listen)),
    ("nginx_bearer", |facts| {
        Ok(credentials::nginx_bearer(facts.credentials))
    }),
    ("nginx_removed", |facts| {
        Ok(credentials::nginx_removed(facts.credentials))
    }),
    ("caddy_unlogged", |facts| {
        Ok(credentials::caddy_unlogged(facts.credentials))
    }),
    ("caddy_removed", |facts| {
        Ok(credentials::caddy_removed(facts.credentials))
    }),
    ("traefik_asked", |facts| {
        Ok(credentials::traefik_headers(facts.credentials))
    }),
    ("traefik_removed", |facts| {
        Ok(credentials::traefik_removed(facts.credentials))
    }),
    ("haproxy_asked", |facts| {
        Ok(credentials::haproxy_headers(facts.credentials))
    }),
    ("haproxy_removed", |facts| {
        Ok(credentials::haproxy_removed(facts.credentials))
    }),
    ("challenge", |facts| {
        Ok(facts.credentials.challenge().to_owned())
    }),
    ("backend", |facts| Ok(facts.backend.to_string())),
    ("brand", |facts| Ok(facts.brand.to_string())),
    ("api_pattern", |facts| Ok(facts.brand.pattern(Kind::Api))),
    ("smtp_pattern", |facts| Ok(facts.brand.pattern(Kind::Smtp))),
];

pub(super) fn run(args: Connect, context: &mut Context) -> Result<ExitStatus, Error> {
    args.expect_flags_of_server()?;
    let record = args.record(context)?;
    let client = args.client(record.as_ref(), context);
    let database = DovecotDatabase::of(&context.settings.vault);
    let vault = match args.needs_vault() && database.is_none() {
        true => readable_vault(context)?,
        false => context.settings.vault.local().to_owned(),
    };
    let is_dovecot = args.server.is_dovecot();
    let dovecot = match args.dovecot {
        Some(version) => version,
        None if is_dovecot => dovecot::Version::choose(context)?,
        None => dovecot::Version::NEWEST,
    };
    let is_served = is_dovecot && database.is_none();
    let served = is_served.then(|| context.open().ok()).flatten();
    if let Some(vault) = served
        .as_ref()
        .filter(|_| args.file != Some(ConfigPart::Sql))
    {
        dovecot.warn_of_refused(vault, context)?;
    }
    let facts = TemplateFacts {
        vault: &vault,
        database,
        served: served.as_ref().map(Vault::path),
        listen: &context.settings.listen,
        listen_policy: context.settings.listen_policy.as_ref(),
        credentials: &context.settings.credentials,
        backend: &args.backend.unwrap_or_default(),
        brand: &context.settings.brand,
        client: &client,
        export: args.export.as_deref(),
        dovecot,
        without_dovecot: args.without_dovecot,
        placeholders: &placeholders(),
    };
    let text = configuration(args.server, args.file, facts)?;
    context.ui.print(&text)?;
    if args.server.is_client() && args.server != Server::Systemd {
        note_examples(&client, context);
    }
    Ok(ExitStatus::Done)
}

/// Whether a flag is for a server.
type IsFor = fn(Server) -> bool;

impl Connect {
    /// The key that a program uses.
    fn record(&self, context: &Context) -> Result<Option<Record>, Error> {
        let Some(name) = &self.name else {
            return Ok(None);
        };
        let record = context.open()?.find(name)?;
        if record.key.kind() == Kind::Api && self.server.is_mailer() {
            let server = arguments::word(self.server);
            let message = format!("{server} sends mail, but `{name}` is an API key");
            let others = Server::value_variants().iter().copied();
            let others = others.filter(|one| one.is_client() && !one.is_mailer());
            let others: Vec<String> = others.map(arguments::word).collect();
            let others = others.join(", ");
            return Err(Error::usage(message)
                .with_hint(format!("name an SMTP key; {others} use an API key, too")));
        }
        Ok(Some(record))
    }

    /// What a program uses.
    fn client<'a>(&self, record: Option<&'a Record>, context: &'a Context) -> ClientFacts<'a> {
        let key = record.map(|record| &record.key);
        let default = match self.server.is_mailer() {
            true => Kind::Smtp,
            false => Kind::Api,
        };
        let kind = key.map_or(default, |key| key.kind());
        let settings = &context.settings;
        let variable = self.env_name.clone();
        ClientFacts::new(
            key,
            kind,
            variable,
            &settings.smtp,
            settings.api_url.as_ref(),
        )
    }

    /// Whether the configuration names the vault itself.
    fn needs_vault(&self) -> bool {
        self.server.reads_vault() && self.export.is_none() && !self.without_dovecot
    }

    /// Makes sure that each flag applies to the server.
    fn expect_flags_of_server(&self) -> Result<(), Error> {
        let flags: [(&str, bool, IsFor); 6] = [
            ("a key's name", self.name.is_some(), Server::is_client),
            ("--env-name", self.env_name.is_some(), Server::is_client),
            ("--backend", self.backend.is_some(), Server::is_gateway),
            ("--export", self.export.is_some(), Server::is_dovecot),
            ("--dovecot", self.dovecot.is_some(), Server::is_dovecot),
            ("--without-dovecot", self.without_dovecot, Server::is_exim),
        ];
        for (flag, is_given, is_for) in flags {
            if is_given && !is_for(self.server) {
                let server = arguments::word(self.server);
                let servers = Server::value_variants()
                    .iter()
                    .copied()
                    .filter(|&one| is_for(one));
                let servers: Vec<String> = servers.map(arguments::word).collect();
                let message = format!("{flag} does not apply to {server}");
                let hint = format!("it is for {}", servers.join(", "));
                return Err(Error::usage(message).with_hint(hint));
            }
        }
        Ok(())
    }
}

/// Notes which values are examples, since the settings do not name them.
fn note_examples(client: &ClientFacts, context: &Context) {
    let settings = &context.settings;
    let is_set = match client.kind() {
        Kind::Api => settings.api_url.is_some(),
        Kind::Smtp => settings.smtp.host.is_some(),
    };
    let (example, setting) = match client.kind() {
        Kind::Api => (EXAMPLE_URL, "`url` under [api]"),
        Kind::Smtp => (EXAMPLE_HOST, "`host` under [smtp]"),
    };
    if !is_set {
        context.ui.note(format!(
            "{example} is an example: set {setting} in the settings"
        ));
    }
}

/// The vault's path, if mail servers can read it.
fn readable_vault(context: &Context) -> Result<PathBuf, Error> {
    let vault = context.open()?;
    vault.expect_login_view()?;
    Ok(vault.path().to_owned())
}

/// The server's files, or the requested one.
fn configuration(
    server: Server,
    part: Option<ConfigPart>,
    facts: TemplateFacts,
) -> Result<String, Error> {
    let files = chosen(server, part, facts)?;
    let texts = files.iter().map(|file| {
        let text = fill(file.text, facts)?;
        Ok(match files.len() {
            1 => text,
            _ => format!("{}\n{text}", file.heading()),
        })
    });
    Ok(texts.collect::<Result<Vec<_>, Error>>()?.join("\n"))
}

fn placeholders() -> Vec<(&'static str, PlaceholderValue)> {
    [
        &dovecot::PLACEHOLDERS[..],
        &dovecot::OF_DATABASE,
        &client::PLACEHOLDERS,
        &PLACEHOLDERS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::template::TEMPLATES;
    use super::*;
    use crate::key::Brand;
    use crate::settings::{Credentials, Listen, SmtpServer};

    #[test]
    fn every_template_is_filled_and_keeps_its_own_braces() {
        let tcp = Listen::default();
        let unix = "unix:/run/postkey/postkey.sock".parse();
        let unix: Listen = unix.expect("a socket");
        let folder = tempfile::tempdir().expect("a folder");
        let vault = folder.path().join("vault.db");
        let smtp = |port| SmtpServer { host: None, port };
        let (smtp, smtps) = (smtp(587), smtp(465));
        let clients =
            [&smtp, &smtps].map(|smtp| ClientFacts::new(None, Kind::Smtp, None, smtp, None));
        let facts = TemplateFacts {
            client: &clients[0],
            vault: &vault,
            database: None,
            served: Some(&vault),
            listen: &tcp,
            listen_policy: Some(&tcp),
            credentials: &Credentials::default(),
            backend: &Backend::default(),
            brand: &Brand::default(),
            export: None,
            dovecot: dovecot::Version::NEWEST,
            without_dovecot: false,
            placeholders: &placeholders(),
        };
        let exported = Some(Path::new("/etc/dovecot/postkey-users"));
        let address = "postgres://db1,db2/postkey".parse().expect("an address");
        let database = Some(DovecotDatabase {
            address: &address,
            authorities: None,
        });
        let variants = dovecot::Version::value_variants().iter();
        let variants = variants.flat_map(|&dovecot| {
            let cases = [
                (None, None, false, &clients[0]),
                (None, database, false, &clients[0]),
                (exported, None, true, &clients[1]),
            ];
            cases.map(
                |(export, database, without_dovecot, client)| TemplateFacts {
                    client,
                    database,
                    export,
                    dovecot,
                    without_dovecot,
                    ..facts
                },
            )
        });
        for facts in variants {
            for template in TEMPLATES {
                // Some servers only support a unix socket, and Traefik only TCP.
                let on = |listen| fill(template.text, TemplateFacts { listen, ..facts });
                let filled = on(&tcp).or_else(|_| on(&unix)).expect(template.path);
                for (name, _) in placeholders() {
                    let left = format!("{{{name}}}");
                    assert!(!filled.contains(&left), "{}: {left}", template.path);
                }
            }
        }
        let kept = "passdb {\n} %{user} {x} {";
        assert_eq!(fill(kept, facts).expect("text"), kept);
    }
}
