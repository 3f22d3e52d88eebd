//! The variables for the mail server beside those of an SMTP key.

use zeroize::Zeroizing;

use crate::delivery::login::ServerLogin;
use crate::destination::{LoginField, server_variables};
use crate::key::Variable;
use crate::settings::SmtpServer;
use crate::ui::Issued;

/// The variables for the mail server: its host and port, and a URL with the login.
#[derive(Clone, Debug)]
pub struct ServerVariables {
    server: SmtpServer,
    variables: [(LoginField, Variable); 3],
}

impl ServerVariables {
    /// Those beside the secret's variable; `None` if the server is not known.
    pub(super) fn beside(secret: &Variable, server: &SmtpServer) -> Option<Self> {
        server.host.as_ref()?;
        Some(Self {
            server: server.clone(),
            variables: server_variables(secret),
        })
    }

    /// The fields of the login and their variables.
    pub(super) fn variables(&self) -> &[(LoginField, Variable)] {
        &self.variables
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter().map(|(_, variable)| variable)
    }

    /// The value of each variable for a key; the URL contains the secret.
    pub(super) fn values(&self, issued: &Issued<'_>) -> Vec<(&str, Zeroizing<String>)> {
        let login = ServerLogin {
            username: issued.username().unwrap_or_default(),
            secret: issued.secret().expose(),
            server: &self.server,
        };
        let all = self.variables.iter();
        let value = all.map(|(field, variable)| Some((variable.as_str(), login.value(*field)?)));
        value.flatten().collect()
    }
}
