//! The servers, and how each uses the vault.

use clap::ValueEnum;

/// A server that can use a vault, or a scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Server {
    /// Dovecot 2.3 or 2.4: reads the vault, for itself and for mail servers that ask it
    Dovecot,
    /// Postfix: mail from programs on port 587, asking Dovecot
    Postfix,
    /// Exim 4: its logins, asking Dovecot, or `postkey serve` with --without-dovecot
    Exim,
    /// PAM: logins by saslauthd and other users of PAM, asking `postkey serve`; also the helper for
    /// maddy
    Pam,
    /// nginx: requests with an API key, asking `postkey serve`
    Nginx,
    /// Caddy 2: the same
    Caddy,
    /// Traefik 3: the same
    Traefik,
    /// HAProxy 2.6 or later: the same
    Haproxy,
    /// gitleaks 8: rules that find secrets in a repository
    Gitleaks,
    /// pre-commit: a hook that stops a commit with a secret in it
    PreCommit,
}

impl Server {
    pub(super) fn is_gateway(self) -> bool {
        matches!(
            self,
            Self::Nginx | Self::Caddy | Self::Traefik | Self::Haproxy
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
