//! The vault's schema in PostgreSQL, which its administrator creates.

/// SQL that creates the roles, the tables of the newest schema, and the rights; run again, it only
/// restores the rights.
pub const DATABASE_SCHEMA: &str = concat!(
    include_str!("postgres/roles.sql"),
    "\n",
    include_str!("postgres/schema.sql"),
    "\n",
    include_str!("postgres/grants.sql")
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::schemas;

    #[test]
    fn the_database_has_the_version_of_the_newest_file() {
        let newest = schemas().end().to_string();
        for named in [
            format!("VALUES (1, 'postkey', {newest}, {newest})"),
            format!("IF found <> {newest} THEN"),
            format!("and this is for version {newest}'"),
        ] {
            assert!(DATABASE_SCHEMA.contains(&named), "{named}");
        }
    }
}
