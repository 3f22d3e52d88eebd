//! Reads a manifest's `smtp`: the mail server of all its keys, or of one.

use toml::de::{DeTable, DeValue};

use super::field::{ManifestErrors, ManifestTable, kind_of, mistake, parsed};
use crate::error::Error;
use crate::settings::SmtpServer;

/// What `smtp` may be.
const FORM: &str = "write `smtp = { host = \"mail.example.com\", port = 587 }`";

/// The server that `smtp` names in a table, the rest as in `base`; `None` if there is no such field,
/// or it has a mistake.
pub(super) fn server(
    of: &ManifestTable<'_>,
    base: &SmtpServer,
    mistakes: &mut ManifestErrors,
) -> Option<SmtpServer> {
    let table = match of.table.get("smtp")?.get_ref() {
        DeValue::Table(table) => table,
        other => {
            let message = format!("smtp: it is {}, but must be a table", kind_of(other));
            let line = of.line("smtp", mistakes).unwrap_or_default();
            mistakes.note(line, mistake(message, FORM));
            return None;
        }
    };
    Some(of_table(table, base, mistakes))
}

fn of_table(table: &DeTable<'_>, base: &SmtpServer, mistakes: &mut ManifestErrors) -> SmtpServer {
    let fields = ManifestTable {
        table,
        known: &["host", "port"],
        what: "`smtp`",
    };
    fields.expect_known_fields(mistakes);
    let host = fields.get("host", mistakes, parsed);
    let port = fields.get("port", mistakes, port);
    SmtpServer {
        host: host.or_else(|| base.host.clone()),
        port: port.unwrap_or(base.port),
    }
}

fn port(value: &DeValue<'_>) -> Result<u16, Error> {
    let number = match value {
        DeValue::Integer(number) => number.to_string().parse().ok(),
        _ => None,
    };
    number
        .filter(|port| *port > 0)
        .ok_or_else(|| mistake("it is not a port", "write a number, as in `port = 587`"))
}
