//! The networks from which keys were used: a new address is only unusual in a new network.

use std::net::{IpAddr, Ipv6Addr};

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::Error;
use super::time::latest;
use crate::vault::KeyId;

/// The table's definition.
const TABLE: &str = include_str!("networks.sql");

/// How many networks of a key are kept; those recorded by a clock that was ahead are removed first.
const MAX_NETWORKS: i64 = 1000;

/// Creates the table, and fills it from the addresses of an older record: networks found there
/// count as known since the key's first day.
pub(super) fn add_table(to: &Connection) -> Result<(), Error> {
    to.execute_batch(TABLE)?;
    let mut addresses = to.prepare(
        "SELECT key_id, address, ifnull((SELECT min(day) * 86400 FROM days
           WHERE days.key_id = addresses.key_id), last_at) FROM addresses",
    )?;
    let mut rows = addresses.query([])?;
    while let Some(row) = rows.next()? {
        let address: String = row.get(1)?;
        if let Ok(address) = address.parse() {
            insert(to, row.get(0)?, address, row.get(2)?)?;
        }
    }
    Ok(())
}

/// Whether the table exists; not in an older record that has not been written to since.
pub(super) fn has_table(connection: &Connection) -> Result<bool, Error> {
    Ok(connection.table_exists(None, "networks")?)
}

/// Whether a network was recorded after that second.
pub(super) fn has_after(connection: &Connection, second: i64) -> Result<bool, Error> {
    if !has_table(connection)? {
        return Ok(false);
    }
    let query = "SELECT EXISTS (SELECT 1 FROM networks WHERE first_at > ?1)";
    Ok(connection.query_row(query, [second], |row| row.get(0))?)
}

/// Records the network of an address, if it is new for the key.
pub(super) fn note(
    to: &Connection,
    key: KeyId,
    address: IpAddr,
    at: Timestamp,
) -> Result<(), Error> {
    if insert(to, key, address, at.as_second())? {
        to.prepare_cached(
            "DELETE FROM networks WHERE key_id = ?1 AND network IN
               (SELECT network FROM networks WHERE key_id = ?1
                ORDER BY first_at > ?3, first_at DESC, network LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![key, MAX_NETWORKS, latest(at)])?;
    }
    Ok(())
}

/// Adds a network of a key; returns whether it was new.
fn insert(to: &Connection, key: KeyId, address: IpAddr, at: i64) -> Result<bool, Error> {
    let new = to
        .prepare_cached(
            "INSERT OR IGNORE INTO networks (key_id, network, first_at) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![key, network_of(address), at])?;
    Ok(new > 0)
}

/// The network of an address: the first 24 bits of IPv4, and 48 of IPv6, the most that a site is
/// assigned (RFC 6177).
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_site_are_one_network() {
        for (address, network) in [
            ("203.0.113.9", "203.0.113.0/24"),
            ("203.0.113.255", "203.0.113.0/24"),
            ("203.0.112.255", "203.0.112.0/24"),
            ("::ffff:203.0.113.9", "203.0.113.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
            ("2001:db8:1:ffff::", "2001:db8:1::/48"),
            ("2001:db8:2::1", "2001:db8:2::/48"),
        ] {
            assert_eq!(network_of(address.parse().expect(address)), network);
        }
    }
}
