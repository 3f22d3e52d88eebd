//! What an error of the driver means.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;
use tokio_postgres::error::{DbError, SqlState};

use super::fault::DatabaseFault;
use crate::key::{escape_controls, redact_secrets};
use crate::vault::Error;

/// What an error of a statement means.
pub(super) fn of_statement(error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(error) => of_server(error),
        None if is_lost(error) => DatabaseFault::Lost(cause(error)).into(),
        None => DatabaseFault::Protocol(cause(error)).into(),
    }
}

fn of_server(error: &DbError) -> Error {
    let code = error.code();
    match code.code() {
        "25006" => Error::ReadOnly,
        "53100" => Error::Full,
        // A lock that was not to be had, a deadlock, a conflict, or a statement that was ended.
        "55P03" | "40P01" | "40001" | "57014" => Error::Busy,
        "42501" => DatabaseFault::Denied(text(error)).into(),
        "23505" => {
            let constraint = error.constraint().unwrap_or_default().to_owned();
            DatabaseFault::Taken { constraint }.into()
        }
        code if is_unavailable(code) => DatabaseFault::Unavailable(text(error)).into(),
        code => {
            let (code, message) = (code.to_owned(), text(error));
            DatabaseFault::Server { code, message }.into()
        }
    }
}

/// Whether the server ends, begins, or has no place for the connection.
pub(super) fn is_unavailable(code: &str) -> bool {
    matches!(
        code,
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300"
    ) || code.starts_with("08")
}

/// Why a server cannot be connected to: a fault that says all, or only a reason for the list.
pub(super) fn of_connecting(
    error: &tokio_postgres::Error,
    server: &str,
    database: &str,
) -> Result<DatabaseFault, String> {
    if let Some(error) = error.as_db_error() {
        let server = server.to_owned();
        return match error.code() {
            &SqlState::INVALID_CATALOG_NAME => Ok(DatabaseFault::NoDatabase(database.to_owned())),
            &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                let why = text(error);
                Ok(DatabaseFault::Refused { server, why })
            }
            &SqlState::INSUFFICIENT_PRIVILEGE => Ok(DatabaseFault::Denied(text(error))),
            _ => Err(text(error)),
        };
    }
    if let Some(error) = source::<rustls::Error>(error) {
        return Ok(of_tls(error, server));
    }
    let (why, server) = (cause(error), server.to_owned());
    match error.to_string().as_str() {
        "error performing TLS handshake" => Ok(DatabaseFault::Tls { server, why }),
        _ if why.contains("password missing") => Ok(DatabaseFault::PasswordRequired(server)),
        "authentication error" => Ok(DatabaseFault::Refused { server, why }),
        _ if why.contains("does not allow writes") => {
            Err("it is a standby, or read-only".to_owned())
        }
        _ => Err(why),
    }
}

fn of_tls(error: &rustls::Error, server: &str) -> DatabaseFault {
    use rustls::Error::InvalidCertificate;
    let server = server.to_owned();
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => {
            DatabaseFault::UnknownAuthority(server)
        }
        InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => DatabaseFault::WrongName(server),
        error => {
            let why = error.to_string();
            DatabaseFault::Tls { server, why }
        }
    }
}

/// Whether the connection is gone.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || source::<io::Error>(error).is_some()
}

/// Why a connection ended.
pub(super) fn last_words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| cause(error), text)
}

/// The innermost cause, in one line.
pub(super) fn cause(error: &tokio_postgres::Error) -> String {
    let mut innermost: &dyn StdError = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    clean(&innermost.to_string())
}

/// The server's message, without the details that may quote a row.
pub(super) fn text(error: &DbError) -> String {
    clean(error.message())
}

fn clean(text: &str) -> String {
    escape_controls(&redact_secrets(&text.replace('\n', " "))).into_owned()
}

/// The first cause of this type.
fn source<E: StdError + 'static>(error: &tokio_postgres::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
