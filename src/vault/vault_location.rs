//! Where a vault is, with what it takes to open it there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base16ct::lower;
use sha2::{Digest, Sha256};

use super::database::{DatabaseAddress, DatabaseFault, DatabaseOptions, VaultAddress};
use super::{Error, Vault, location};

/// The longest name of a file of a database on this host, without its end, in bytes.
const MAX_NAME: usize = 120;

/// Where a vault is, and what it takes to open it.
#[derive(Clone, Debug)]
pub struct VaultLocation {
    address: VaultAddress,
    options: DatabaseOptions,
    local: PathBuf,
}

impl VaultLocation {
    /// The location of a vault at this address. What belongs to a database on this host is in
    /// `folder`: its usage record, and its locks.
    pub fn new(address: VaultAddress, options: DatabaseOptions, folder: &Path) -> Self {
        let local = match &address {
            VaultAddress::File(path) => path.clone(),
            VaultAddress::Database(address) => folder.join(local_name(address)),
        };
        Self {
            address,
            options,
            local,
        }
    }

    /// The file's path, if it is a file.
    pub fn file(&self) -> Option<&Path> {
        self.address.file()
    }

    /// The same, for what needs a file.
    ///
    /// # Errors
    /// [`DatabaseFault::NotAFile`].
    pub fn expect_file(&self) -> Result<&Path, Error> {
        self.file().ok_or_else(|| DatabaseFault::NotAFile.into())
    }

    /// The path beside which the files are that belong to the vault on this host: the vault's own;
    /// of a database, one that does not exist.
    pub fn local(&self) -> &Path {
        &self.local
    }

    /// The vault's address.
    pub fn address(&self) -> &VaultAddress {
        &self.address
    }

    /// The files with which a database is reached.
    pub fn options(&self) -> &DatabaseOptions {
        &self.options
    }

    /// Opens the vault like [`Vault::open_to_read`].
    pub fn open_to_read(&self, wait: Duration) -> Result<Vault, Error> {
        match &self.address {
            VaultAddress::File(path) => Vault::open_to_read(path, wait),
            VaultAddress::Database(address) => self.open_database(address, wait),
        }
    }

    /// Opens the vault like [`Vault::open_or_create`]; the schema in a database is not created, but
    /// must be there.
    pub fn open_or_create(&self, wait: Duration) -> Result<Vault, Error> {
        match &self.address {
            VaultAddress::File(path) => Vault::open_or_create(path, wait),
            VaultAddress::Database(address) => self.open_database(address, wait),
        }
    }

    fn open_database(&self, address: &DatabaseAddress, wait: Duration) -> Result<Vault, Error> {
        // Reading needs no files: what cannot do without will say so.
        let _ = location::make_folder(&self.local);
        let local = match location::resolve(&self.local) {
            Err(Error::Missing(path)) => path,
            local => local?,
        };
        Vault::open_database(address, &self.options, local, wait)
    }
}

impl From<PathBuf> for VaultLocation {
    fn from(path: PathBuf) -> Self {
        Self::new(path.into(), DatabaseOptions::default(), Path::new(""))
    }
}

impl fmt::Display for VaultLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// `DATABASE@HOST.db`, of the first server; the roles of a database share its files.
fn local_name(address: &DatabaseAddress) -> String {
    let server = address.servers.first();
    let server = server.map_or_else(String::new, ToString::to_string);
    let name = format!("{}@{server}", address.database);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let has_only_plain = |text: &str| text.chars().all(is_plain);
    let shown = name.strip_suffix(":5432").unwrap_or(&name);
    if shown.len() <= MAX_NAME && has_only_plain(shown) && !shown.starts_with('.') {
        return format!("{shown}.db");
    }
    // What has no place in a file's name makes it unlike any other.
    let plain = shown.chars().filter(|&c| is_plain(c));
    let plain: String = plain.skip_while(|&c| c == '.').take(40).collect();
    let digest = lower::encode_string(&Sha256::digest(&name)[..8]);
    format!("{plain}-{digest}.db")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_has_files_of_its_own_on_a_host() {
        let local = |text: &str| {
            let address = text.parse().expect(text);
            let folder = Path::new("/home/olga/.local/share/postkey");
            let location = VaultLocation::new(address, DatabaseOptions::default(), folder);
            location.local().to_string_lossy().into_owned()
        };
        assert_eq!(local("/srv/vault.db"), "/srv/vault.db");
        let shop = "/home/olga/.local/share/postkey/shop@db1.db";
        for same in ["db1", "olga@db1", "vera@db1:5432", "db1,db2"] {
            assert_eq!(local(&format!("postgres://{same}/shop")), shop);
        }
        let others = [
            "postgres://db1/other",
            "postgres://db2/shop",
            "postgres://db1:5433/shop",
            "postgres://db1:5434/shop",
            "postgres:///shop?host=/run/postgresql",
            "postgres:///shop?host=/run/postgresql&port=5433",
            "postgres:///shop?host=/var/run/postgresql",
            "postgres://db1/..%2Fshop",
            "postgres://db1/..%2F..%2Fshop",
            &format!("postgres://db1/{}", "x".repeat(300)),
            &format!("postgres://db1/{}", "x".repeat(301)),
        ];
        let mut found: Vec<String> = others.map(local).into();
        found.push(shop.to_owned());
        for path in &found {
            let name = path
                .strip_prefix("/home/olga/.local/share/postkey/")
                .expect(path);
            assert!(
                !name.contains('/') && !name.starts_with('.') && name.len() < 140,
                "{name}"
            );
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), others.len() + 1);
    }
}
