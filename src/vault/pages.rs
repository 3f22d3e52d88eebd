//! Lists keys page by page.

use rusqlite::params;

use super::keys::{COLUMNS, record};
use super::{Error, KeyId, Record, Vault};

/// How many keys a page has.
const PAGE_SIZE: usize = 500;

/// The order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// Oldest first.
    Created,
    /// By name, without case.
    Name,
    /// Those that expire first, first; those that never do, last.
    Expires,
}

/// The position of a listing: which keys come next.
#[derive(Debug)]
pub enum Page {
    /// All keys with a greater number, in order.
    After(KeyId),
    /// These keys, the next one last.
    Rest(Vec<KeyId>),
}

/// All current secrets with their keys and old secrets. In this order, and by the primary key (the +
/// excludes the smaller index, which lacks columns), SQLite scans both tables side by side instead
/// of seeking.
pub(super) const CURRENT_SECRETS: &str = "secrets CROSS JOIN keys LEFT JOIN secrets AS retiring
     ON retiring.key_id = keys.id AND retiring.retires_at IS NOT NULL
     WHERE keys.id = secrets.key_id AND +secrets.retires_at IS NULL";

impl Page {
    /// These keys in this order; unused numbers are skipped.
    pub fn of(mut keys: Vec<KeyId>) -> Self {
        keys.reverse();
        Self::Rest(keys)
    }
}

impl Vault {
    /// The start of a listing in that order.
    pub fn first_page(&self, order: SortOrder) -> Result<Page, Error> {
        let order = match order {
            SortOrder::Created => return Ok(Page::After(KeyId::MIN)),
            SortOrder::Name => "name COLLATE NOCASE DESC",
            SortOrder::Expires => "expires_at IS NULL DESC, expires_at DESC, id DESC",
        };
        let query = format!("SELECT id FROM keys ORDER BY {order}");
        let ids = self.store.all(&query, &[], |row| row.get(0))?;
        Ok(Page::Rest(ids))
    }

    /// Calls `take` for the next keys; returns whether there may be more.
    ///
    /// An unreadable key is passed as the error.
    pub fn next_page(
        &self,
        page: &mut Page,
        mut take: impl FnMut(Result<Record, Error>),
    ) -> Result<bool, Error> {
        match page {
            Page::Rest(ids) => Ok(self.page_of(ids, &mut take)),
            Page::After(last) => match self.page_after(last, &mut take) {
                Err(error) if error.is_damage() => {
                    take(Err(error));
                    *page = Page::Rest(self.ids_after(*last)?);
                    Ok(true)
                }
                outcome => outcome,
            },
        }
    }

    /// All possible key numbers after this one, the next one last: damage is skipped key by key.
    fn ids_after(&self, last: KeyId) -> Result<Vec<KeyId>, Error> {
        let newest = self.store.last_key()?.unwrap_or_default();
        Ok((last.max(0) + 1..=newest).rev().collect())
    }

    fn page_after(
        &self,
        last: &mut KeyId,
        take: &mut impl FnMut(Result<Record, Error>),
    ) -> Result<bool, Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM {CURRENT_SECRETS} AND secrets.key_id > ?1
             ORDER BY secrets.key_id LIMIT {PAGE_SIZE}"
        );
        let after = *last;
        let mut length = 0;
        self.store.each(&query, params![after], |row| {
            *last = row.get(0)?;
            length += 1;
            take(record(row));
            Ok(())
        })?;
        Ok(length == PAGE_SIZE)
    }

    fn page_of(&self, ids: &mut Vec<KeyId>, take: &mut impl FnMut(Result<Record, Error>)) -> bool {
        for id in ids
            .split_off(ids.len().saturating_sub(PAGE_SIZE))
            .into_iter()
            .rev()
        {
            if let Some(found) = self.by_id(id).transpose() {
                take(found);
            }
        }
        !ids.is_empty()
    }
}
