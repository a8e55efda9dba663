//! What is said of the store as a whole: the table `meta`.

use rusqlite::{Connection, OptionalExtension, Result, ToSql, params, types::FromSql};

/// What stands there under a key.
pub(super) fn get<T: FromSql>(connection: &Connection, key: &str) -> Result<Option<T>> {
    let mut find = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    find.query_row([key], |row| row.get(0)).optional()
}

/// Puts it there, in place of what stood there.
pub(super) fn set(connection: &Connection, key: &str, value: impl ToSql) -> Result<()> {
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
    put.execute(params![key, value]).map(drop)
}
