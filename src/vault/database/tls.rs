//! TLS with a verified server.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::fault::DatabaseFault;
use super::options::{DatabaseOptions, refused};
use crate::files::{self, FileRole, open_private};

/// The maximum size of a file with certificates or a key, in bytes.
const MAX_SIZE: u64 = 4 << 20;

/// What makes TLS connections: the server's certificate must be valid for its name and issued by
/// a trusted authority.
pub(super) fn verified(options: &DatabaseOptions) -> Result<MakeRustlsConnect, DatabaseFault> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots(options.ca_file.as_deref())?);
    let config = match (&options.cert_file, &options.key_file) {
        (None, None) => config.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let chain = certificates("cert_file", cert)?;
            config
                .with_client_auth_cert(chain, private_key(key)?)
                .map_err(|error| {
                    let why = format!("is not the key of the certificate: {error}");
                    let hint = "name the certificate and its own key";
                    refused("key_file", key, why, hint)
                })?
        }
        (Some(_), None) => return Err(DatabaseFault::HalfCertificate("cert_file", "key_file")),
        (None, Some(_)) => return Err(DatabaseFault::HalfCertificate("key_file", "cert_file")),
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The authorities that are trusted.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, DatabaseFault> {
    let mut roots = RootCertStore::empty();
    let certificates = match ca_file {
        Some(path) => certificates("ca_file", path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    match roots.is_empty() {
        true => Err(DatabaseFault::NoAuthorities),
        false => Ok(roots),
    }
}

/// The certificates in a file that nobody else can change.
fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, DatabaseFault> {
    let file = FileRole::Certificate
        .open(path)
        .map_err(|error| match error {
            files::Error::Refused { path, why, hint } => refused(setting, &path, why, hint),
            files::Error::Io { source, .. } => unreadable(setting, path, &source),
            error => refused(setting, path, error.to_string(), ""),
        })?;
    let text = read(setting, path, file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(refused(
            setting,
            path,
            "has no certificates in PEM format",
            "name a file with `-----BEGIN CERTIFICATE-----`",
        )),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, DatabaseFault> {
    let setting = "key_file";
    let file = open_private(path);
    let file = file.map_err(|fault| refused(setting, path, fault.why, fault.hint))?;
    let text = read(setting, path, file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        refused(
            setting,
            path,
            "has no private key in PEM format",
            "name a file with `-----BEGIN PRIVATE KEY-----`; one that is encrypted by a \
             passphrase cannot be read",
        )
    })
}

fn read(
    setting: &'static str,
    path: &Path,
    file: impl Read,
) -> Result<Zeroizing<Vec<u8>>, DatabaseFault> {
    let mut text = Zeroizing::new(Vec::new());
    match file.take(MAX_SIZE).read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(unreadable(setting, path, &error)),
    }
}

fn unreadable(setting: &'static str, path: &Path, error: &io::Error) -> DatabaseFault {
    let why = format!("cannot be read: {error}");
    refused(setting, path, why, "name a file that you can read")
}

fn unusable(error: rustls::Error) -> DatabaseFault {
    DatabaseFault::Tls {
        server: "this machine".to_owned(),
        why: error.to_string(),
    }
}
