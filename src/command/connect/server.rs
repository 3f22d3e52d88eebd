//! The servers, and how each uses the vault.

use clap::ValueEnum;

/// A server that can use a vault, a scanner, or a program that uses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Server {
    /// Dovecot 2.3 or 2.4: reads the vault, for itself and for mail servers that ask it
    Dovecot,
    /// Postfix: takes mail from programs on port 587, and checks logins with Dovecot
    Postfix,
    /// Exim 4: checks logins with Dovecot, or with `postkey serve` if --without-dovecot
    Exim,
    /// PAM: checks logins of saslauthd and other users of PAM with `postkey serve`; also the helper
    /// for maddy
    Pam,
    /// PostgreSQL 13 or later: SQL for its administrator, which creates a vault there, and roles
    Postgres,
    /// nginx: checks API keys in requests with `postkey serve`
    Nginx,
    /// Caddy 2: checks API keys, as nginx does
    Caddy,
    /// Traefik 3: checks API keys, as nginx does
    Traefik,
    /// HAProxy 2.6 or later: checks API keys, as nginx does
    Haproxy,
    /// gitleaks 8: rules that find secrets in a repository
    Gitleaks,
    /// pre-commit: a hook that stops a commit with a secret in it
    PreCommit,
    /// curl: an API call, or an email, in a shell script
    Curl,
    /// Node.js: code for an API call, or an email
    Node,
    /// Python: code for an API call, or an email
    Python,
    /// PHP: code for an API call, or an email
    Php,
    /// Ruby: code for an API call, or an email
    Ruby,
    /// Go: code for an API call, or an email
    Go,
    /// msmtp: sends the mail of programs that call sendmail
    Msmtp,
    /// Rails: settings for sending mail
    Rails,
    /// Django: settings for sending mail
    Django,
    /// Laravel: settings for sending mail
    Laravel,
    /// nodemailer: code for an email from Node.js
    Nodemailer,
    /// WordPress: settings for sending mail
    Wordpress,
    /// systemd: a drop-in that puts the secret into a service's environment
    Systemd,
}

impl Server {
    pub(super) fn is_gateway(self) -> bool {
        matches!(
            self,
            Self::Nginx | Self::Caddy | Self::Traefik | Self::Haproxy
        )
    }

    /// Whether it is a program that uses a key.
    pub(super) fn is_client(self) -> bool {
        self.is_mailer()
            || matches!(
                self,
                Self::Curl | Self::Node | Self::Python | Self::Php | Self::Ruby | Self::Go
            )
            || self == Self::Systemd
    }

    /// Whether it sends mail and nothing else.
    pub(super) fn is_mailer(self) -> bool {
        matches!(
            self,
            Self::Msmtp
                | Self::Rails
                | Self::Django
                | Self::Laravel
                | Self::Nodemailer
                | Self::Wordpress
        )
    }

    pub(super) fn is_dovecot(self) -> bool {
        self == Self::Dovecot
    }

    pub(super) fn is_exim(self) -> bool {
        self == Self::Exim
    }

    /// Whether it depends on the vault itself, as Dovecot and its clients do.
    pub(super) fn reads_vault(self) -> bool {
        matches!(self, Self::Dovecot | Self::Postfix | Self::Exim)
    }
}
