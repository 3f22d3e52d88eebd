//! Reading keys: by name, by tail, and page by page.

use std::str::FromStr;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use jiff::Timestamp;

use super::{Error, Vault, timestamp};
use crate::key::{Grant, Hash, Key, KeyName, Kind, Limit, Retiring, Status, Tail};

/// A key's number in the vault; never used twice.
pub type KeyId = i64;

/// How many keys a page has.
const PAGE: usize = 500;

pub(super) const COLUMNS: &str = "keys.id, keys.name, keys.kind, keys.status, keys.username, \
     keys.permission, keys.request_limit, keys.description, keys.created_at, \
     keys.expires_at, secrets.tail, retiring.tail, retiring.retires_at";

const SOURCE: &str = "keys JOIN secrets ON secrets.key_id = keys.id AND secrets.retires_at IS NULL \
     LEFT JOIN secrets AS retiring \
       ON retiring.key_id = keys.id AND retiring.retires_at IS NOT NULL";

/// The number of columns in [`COLUMNS`].
pub(super) const WIDTH: usize = 13;

/// A key as the vault holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: KeyId,
    /// The key itself.
    pub key: Key,
}

/// A secret that was looked up by its tail.
#[derive(Debug)]
pub struct Presented {
    /// Its last 16 characters.
    pub tail: Tail,
    /// What the presented secret has to match.
    pub hash: Hash,
    /// When it stops or stopped, if it is not the key's current secret.
    pub retires_at: Option<Timestamp>,
    /// The key that it belongs to.
    pub record: Record,
}

/// What is known of a secret besides its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its last 16 characters.
    pub tail: Tail,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops or stopped, if it is not the key's current secret.
    pub retires_at: Option<Timestamp>,
}

impl Presented {
    /// Whether it has stopped by `now` in favour of another.
    pub fn is_retired(&self, now: Timestamp) -> bool {
        is_retired(self.retires_at, now)
    }
}

impl Ending {
    /// Whether it has stopped by `now` in favour of another.
    pub fn is_retired(&self, now: Timestamp) -> bool {
        is_retired(self.retires_at, now)
    }
}

fn is_retired(retires_at: Option<Timestamp>, now: Timestamp) -> bool {
    retires_at.is_some_and(|end| end <= now)
}

/// In which order keys are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Created,
    /// By name, without case.
    Name,
    /// Those that expire first, first; those that never do, last.
    Expires,
}

/// Where a listing stands: which keys come next.
#[derive(Debug)]
pub enum Page {
    /// All keys with a greater number, in the order of the numbers.
    After(KeyId),
    /// These keys, the next one last.
    Rest(Vec<KeyId>),
}

impl Page {
    /// These keys in this order; a number that no key has is passed by.
    pub fn of(mut keys: Vec<KeyId>) -> Self {
        keys.reverse();
        Self::Rest(keys)
    }
}

impl Vault {
    /// The key of that name, compared without case.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is none.
    pub fn find(&self, name: &KeyName) -> Result<Record, Error> {
        find(&self.connection, name)
    }

    /// The secret with that tail and the key that it belongs to.
    ///
    /// # Errors
    /// If the vault cannot be read or holds a hash that must not be checked.
    pub fn presented(&self, tail: &Tail) -> Result<Option<Presented>, Error> {
        self.secret_where("tail", tail.as_str())
    }

    /// The secret whose column says that.
    pub(super) fn secret_where(
        &self,
        column: &str,
        value: &str,
    ) -> Result<Option<Presented>, Error> {
        let query = format!(
            "SELECT {COLUMNS}, presented.tail, presented.hash, presented.retires_at
             FROM secrets AS presented CROSS JOIN {SOURCE}
             WHERE presented.{column} = ?1 AND keys.id = presented.key_id"
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query([value])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let hash = row.get_ref(WIDTH + 1)?;
        Ok(Some(Presented {
            tail: parsed(row, WIDTH)?,
            hash: hash.as_str().map_err(rusqlite::Error::from)?.parse()?,
            retires_at: moment(row, WIDTH + 2)?,
            record: record(row)?,
        }))
    }

    /// A key's secrets, the current one first; another one is there while a rotation is open,
    /// and for a while afterwards.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn secrets(&self, id: KeyId) -> Result<Vec<Ending>, Error> {
        Ok(self.secrets_of(&[id])?.remove(&id).unwrap_or_default())
    }

    /// The SMTP key that a username is its own of, compared without case; a login that several
    /// keys may share is none's own.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn of_username(&self, username: &str) -> Result<Option<Record>, Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM {SOURCE}
             WHERE keys.username = ?1 AND instr(keys.username, '@') = 0"
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        let found = statement
            .query_row([username], |row| Ok(record(row)))
            .optional()?;
        found.transpose()
    }

    /// Where a listing in that order begins.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn first_page(&self, order: Order) -> Result<Page, Error> {
        let order = match order {
            Order::Created => return Ok(Page::After(KeyId::MIN)),
            Order::Name => "name DESC",
            Order::Expires => "expires_at IS NULL DESC, expires_at DESC, id DESC",
        };
        let mut statement = self
            .connection
            .prepare(&format!("SELECT id FROM keys ORDER BY {order}"))?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(Page::Rest(ids.collect::<Result<_, _>>()?))
    }

    /// The numbers of all keys, the oldest first.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn ids(&self) -> Result<Vec<KeyId>, Error> {
        let mut statement = self.connection.prepare("SELECT id FROM keys ORDER BY id")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn count(&self) -> Result<i64, Error> {
        let query = "SELECT count(*) FROM keys";
        Ok(self.connection.query_row(query, [], |row| row.get(0))?)
    }

    /// Hands the next keys of the listing to `take`, and tells whether there may be
    /// more.
    ///
    /// A key that cannot be understood is handed over as the error that it is.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn next_page(
        &self,
        page: &mut Page,
        mut take: impl FnMut(Result<Record, Error>),
    ) -> Result<bool, Error> {
        match page {
            Page::Rest(ids) => Ok(self.page_of(ids, &mut take)),
            Page::After(last) => match self.page_after(last, &mut take) {
                Err(error @ Error::Damaged(_)) => {
                    take(Err(error));
                    *page = Page::Rest(self.ids_after(*last)?);
                    Ok(true)
                }
                outcome => outcome,
            },
        }
    }

    /// All numbers that a key after this one may have, the next one last: what is damaged
    /// is passed by key by key.
    fn ids_after(&self, last: KeyId) -> Result<Vec<KeyId>, Error> {
        let query = "SELECT seq FROM sqlite_sequence WHERE name = 'keys'";
        let newest: KeyId = self.connection.query_row(query, [], |row| row.get(0))?;
        Ok((last.max(0) + 1..=newest).rev().collect())
    }

    fn page_after(
        &self,
        last: &mut KeyId,
        take: &mut impl FnMut(Result<Record, Error>),
    ) -> Result<bool, Error> {
        // In this order, and by the primary key (the + keeps the smaller index out, which has
        // not all columns), SQLite walks both tables side by side instead of seeking in them.
        let query = format!(
            "SELECT {COLUMNS} FROM secrets CROSS JOIN keys ON keys.id = secrets.key_id
             LEFT JOIN secrets AS retiring
               ON retiring.key_id = keys.id AND retiring.retires_at IS NOT NULL
             WHERE +secrets.retires_at IS NULL AND secrets.key_id > ?1
             ORDER BY secrets.key_id LIMIT {PAGE}"
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query([*last])?;
        let mut length = 0;
        while let Some(row) = rows.next()? {
            *last = row.get(0)?;
            length += 1;
            take(record(row));
        }
        Ok(length == PAGE)
    }

    fn page_of(&self, ids: &mut Vec<KeyId>, take: &mut impl FnMut(Result<Record, Error>)) -> bool {
        for id in ids
            .split_off(ids.len().saturating_sub(PAGE))
            .into_iter()
            .rev()
        {
            if let Some(found) = self.by_id(id).transpose() {
                take(found);
            }
        }
        !ids.is_empty()
    }

    pub(super) fn by_id(&self, id: KeyId) -> Result<Option<Record>, Error> {
        by_id(&self.connection, id)
    }

    /// Up to `most` names that begin with `prefix`, in their order; what is not a name, put
    /// there by somebody else, is left out.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn names(&self, prefix: &str, most: usize) -> Result<Vec<KeyName>, Error> {
        // `~` comes after every character that a name may have.
        let query =
            "SELECT name FROM keys WHERE name >= ?1 AND name < ?1 || '~' ORDER BY name LIMIT ?2";
        let mut statement = self.connection.prepare(query)?;
        let names = statement.query_map(params![prefix, most as i64], |row| row.get(0))?;
        let names: Vec<String> = names.collect::<Result<_, _>>()?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

pub(super) fn by_id(connection: &Connection, id: KeyId) -> Result<Option<Record>, Error> {
    let query = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE keys.id = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_row([id], |row| Ok(record(row)))
        .optional()?;
    found.transpose()
}

pub(super) fn find(connection: &Connection, name: &KeyName) -> Result<Record, Error> {
    let query = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE keys.name = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_row([name.as_str()], |row| Ok(record(row)))
        .optional()?;
    found.unwrap_or_else(|| Err(Error::NoSuchKey(name.clone())))
}

pub(super) fn record(row: &Row<'_>) -> Result<Record, Error> {
    Ok(Record {
        id: row.get(0)?,
        key: key(row)?,
    })
}

pub(super) fn ending(row: &Row<'_>) -> Result<Ending, Error> {
    Ok(Ending {
        tail: parsed(row, 1)?,
        created_at: timestamp(row.get(2)?)?,
        retires_at: moment(row, 3)?,
    })
}

fn key(row: &Row<'_>) -> Result<Key, Error> {
    Ok(Key {
        name: parsed(row, 1)?,
        grant: grant(row)?,
        status: word(row, 3, [Status::Active, Status::Inactive], Status::word)?,
        description: optional(row, 7)?,
        created_at: timestamp(row.get(8)?)?,
        expires_at: moment(row, 9)?,
        tail: parsed(row, 10)?,
        retiring: retiring(row)?,
    })
}

fn retiring(row: &Row<'_>) -> Result<Option<Retiring>, Error> {
    let tail = optional(row, 11)?;
    let until = moment(row, 12)?;
    Ok(tail
        .zip(until)
        .map(|(tail, until)| Retiring { tail, until }))
}

/// The time in a column, if there is one.
fn moment(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Error> {
    row.get::<_, Option<i64>>(column)?
        .map(timestamp)
        .transpose()
}

fn grant(row: &Row<'_>) -> Result<Grant, Error> {
    Ok(match word(row, 2, Kind::ALL, Kind::word)? {
        Kind::Smtp => Grant::Smtp {
            username: parsed(row, 4)?,
        },
        Kind::Api => Grant::Api {
            permission: parsed(row, 5)?,
            limit: optional(row, 6)?.unwrap_or(Limit::None),
        },
    })
}

fn parsed<T: FromStr>(row: &Row<'_>, column: usize) -> Result<T, Error> {
    optional(row, column)?.ok_or_else(|| damaged(row, column))
}

pub(super) fn optional<T: FromStr>(row: &Row<'_>, column: usize) -> Result<Option<T>, Error> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        value => {
            let text = value.as_str().map_err(|_| damaged(row, column))?;
            text.parse().map(Some).map_err(|_| damaged(row, column))
        }
    }
}

/// The one of `all` whose word stands in the column.
fn word<T: Copy, const N: usize>(
    row: &Row<'_>,
    column: usize,
    all: [T; N],
    word: fn(T) -> &'static str,
) -> Result<T, Error> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|_| damaged(row, column))?;
    all.into_iter()
        .find(|&one| word(one) == text)
        .ok_or_else(|| damaged(row, column))
}

fn damaged(row: &Row<'_>, column: usize) -> Error {
    let id: i64 = row.get(0).unwrap_or_default();
    let column = row.as_ref().column_name(column).unwrap_or("?");
    Error::Damaged(format!(
        "key number {id} has a {column} that cannot be read"
    ))
}
