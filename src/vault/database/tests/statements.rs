use rusqlite::types::{Value, ValueRef};

use super::*;
use crate::vault::DatabaseFault;
use crate::vault::database::value::integer;
use crate::vault::database::value_ref;

fn numbers(database: &Database, sql: &str, values: &[Value]) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::new();
    database.each(sql, values, |row| {
        numbers.push(integer(row, 0)?);
        Ok::<_, Error>(true)
    })?;
    Ok(numbers)
}

#[test]
fn statements_work_as_a_vault_needs_them() {
    let (server, database) = prepared("");
    values_come_back(&database);
    rows_can_be_left_and_nested(&database);
    errors_are_told_apart(&server, &database);
    locks_are_waited_for(&server, &database);
    a_lost_connection_is_made_anew(&server, &database);
    settings_are_sent(&database);
    a_million_rows_need_little_memory(&database);
}

fn values_come_back(database: &Database) {
    for (kind, value) in [
        ("bigint", Value::Integer(i64::MIN)),
        ("bigint", Value::Null),
        ("int", Value::Integer(-7)),
        ("smallint", Value::Integer(7)),
        ("bool", Value::Integer(1)),
        ("bool", Value::Integer(0)),
        ("text", Value::Text("é ' \\ \u{1f511}".to_owned())),
        ("text", Value::Text(String::new())),
        ("varchar", Value::Text("x".to_owned())),
        ("name", Value::Text("x".to_owned())),
        ("bytea", Value::Blob(vec![0, 255, 39, 92])),
        ("bytea", Value::Blob(Vec::new())),
    ] {
        let query = format!("SELECT $1::{kind}");
        let mut found = None;
        let read = database.each(&query, std::slice::from_ref(&value), |row| {
            found = Some(Value::try_from(value_ref(row, 0)?).expect("UTF-8"));
            Ok::<_, Error>(true)
        });
        read.expect(kind);
        assert_eq!(found, Some(value), "{kind}");
    }
    let foreign = database.each("SELECT 1.5::numeric AS n", &[], |row| {
        value_ref(row, 0).map(|_: ValueRef<'_>| true)
    });
    let error = foreign.expect_err("no type of the schema").to_string();
    assert!(error.contains("column `n` of type `numeric`"), "{error}");
    let found = numbers(database, "SELECT 1", &[Value::Null]).expect_err("too many values");
    assert!(found.to_string().contains("parameters"), "{found}");
    let clock = database.clock().expect("a clock").as_second();
    assert!((clock - jiff::Zoned::now().timestamp().as_second()).abs() < 5);
}

fn rows_can_be_left_and_nested(database: &Database) {
    let many = "SELECT i FROM generate_series(1, 20000::bigint) i";
    let mut found = 0;
    let left = database.each(many, &[], |row| {
        found = integer(row, 0)?;
        Ok::<_, Error>(found < 700)
    });
    left.expect("read");
    assert_eq!(found, 700);
    let mut sum = 0;
    let nested = database.each(many, &[], |row| {
        let outer = integer(row, 0)?;
        if outer % 1000 == 1 {
            let inner = "SELECT i FROM generate_series(1, $1) i";
            let inner = numbers(database, inner, &[Value::Integer(outer)])?;
            sum += i64::try_from(inner.len()).expect("few");
            database.execute("SELECT 1", &[])?;
        }
        sum += 1;
        Ok::<_, Error>(true)
    });
    nested.expect("read");
    assert_eq!(sum, 20_000 + (0..20).map(|i| i * 1000 + 1).sum::<i64>());
    assert_eq!(numbers(database, "SELECT 3", &[]).expect("read"), [3]);
    // Errors end the reading, and nothing else.
    let failed = database.each(many, &[], |_| {
        let nested = numbers(database, "SELECT 1 / 0", &[]);
        nested.map(|_| true)
    });
    failed.expect_err("division by zero");
    assert_eq!(numbers(database, many, &[]).expect("read").len(), 20_000);
}

fn errors_are_told_apart(server: &TestServer, database: &Database) {
    let insert = "INSERT INTO keys VALUES ($1, 1)";
    let name = [Value::Text("ci".to_owned())];
    assert_eq!(database.execute(insert, &name).expect("inserted"), 1);
    let taken = database.execute(insert, &name).expect_err("taken");
    let Error::Database(DatabaseFault::Taken { constraint }) = taken else {
        panic!("{taken:?}");
    };
    assert_eq!(constraint, "keys_name");
    let denied = database.batch("DELETE FROM about").expect_err("denied");
    let message = denied.to_string();
    assert!(
        message.contains("your role may not do this: permission denied for table about"),
        "{message}"
    );
    database
        .batch("SET default_transaction_read_only = on")
        .expect("set");
    let error = database.execute(insert, &name).expect_err("read-only");
    assert!(matches!(error, Error::ReadOnly), "{error:?}");
    database
        .batch("SET default_transaction_read_only = off")
        .expect("set");
    for (version, writable_from, fault) in [
        (11, 11, ""),
        (12, 11, ""),
        (
            12,
            12,
            "schema version 12; this postkey supports up to version 11",
        ),
        (10, 10, "schema version 10; this postkey needs version 11"),
    ] {
        server.sql(
            "postgres",
            &format!(
                "UPDATE postkey.about SET version = {version}, writable_from = {writable_from}"
            ),
        );
        let found = database
            .expect_schema(11)
            .map_err(|error| error.to_string());
        assert!(found.err().unwrap_or_default().contains(fault), "{fault}");
    }
    server.sql("postgres", "REVOKE ALL ON postkey.about FROM olga");
    let error = database
        .expect_schema(11)
        .expect_err("not to be seen")
        .to_string();
    assert!(
        error.contains("has no vault that your role can use"),
        "{error}"
    );
    server.sql("postgres", "CREATE DATABASE other");
    let other = connect(&server.by_socket("olga", "other")).expect("connected");
    let error = other.expect_schema(11).expect_err("no schema").to_string();
    assert!(
        error.contains("the database `other` has no vault"),
        "{error}"
    );
}

fn locks_are_waited_for(server: &TestServer, database: &Database) {
    let other = connect(&server.by_socket("olga", "postgres")).expect("connected");
    other.batch("BEGIN").expect("begun");
    other
        .execute("SELECT 1 FROM log_head FOR UPDATE", &[])
        .expect("locked");
    database.set_wait(Duration::from_millis(300)).expect("set");
    database.batch("BEGIN").expect("begun");
    let busy = database
        .execute("SELECT 1 FROM log_head FOR UPDATE", &[])
        .expect_err("locked");
    assert!(matches!(busy, Error::Busy), "{busy:?}");
    database.batch("ROLLBACK").expect("rolled back");
    other.batch("ROLLBACK").expect("rolled back");
    assert_eq!(numbers(database, "SELECT 1", &[]).expect("read"), [1]);
}

fn a_lost_connection_is_made_anew(server: &TestServer, database: &Database) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'olga'";
    server.sql("postgres", end);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(numbers(database, "SELECT 1", &[]).expect("read"), [1]);
    // Within a transaction it is an error: what was done before is lost.
    database.batch("BEGIN").expect("begun");
    server.sql("postgres", end);
    std::thread::sleep(Duration::from_millis(100));
    let lost = numbers(database, "SELECT 1", &[]).expect_err("lost");
    assert!(
        lost.to_string().contains("terminating connection"),
        "{lost:?}"
    );
    let lost = numbers(database, "SELECT 1", &[]).expect_err("still lost");
    assert!(
        matches!(lost, Error::Database(DatabaseFault::Lost(_))),
        "{lost:?}"
    );
    database.batch("ROLLBACK").expect("nothing to do");
    assert_eq!(numbers(database, "SELECT 1", &[]).expect("read"), [1]);
}

fn settings_are_sent(database: &Database) {
    for (name, expected) in [
        ("application_name", "postkey"),
        ("synchronous_commit", "on"),
        ("search_path", "postkey,pg_temp"),
        ("lock_timeout", "300ms"),
        ("idle_in_transaction_session_timeout", "10s"),
    ] {
        database.set_wait(Duration::from_millis(300)).expect("set");
        let mut found = String::new();
        let read = database.each(&format!("SHOW {name}"), &[], |row| {
            found = value_ref(row, 0)?.as_str().expect("text").to_owned();
            Ok::<_, Error>(true)
        });
        read.expect(name);
        assert_eq!(found.replace(", ", ","), expected, "{name}");
    }
}

fn a_million_rows_need_little_memory(database: &Database) {
    let before = resident();
    let many = "SELECT i, repeat('x', 100) FROM generate_series(1, 1000000::bigint) i";
    let mut count = 0;
    let read = database.each(many, &[], |row| {
        count += value_ref(row, 1)?.as_str().map_or(0, |_| 1);
        Ok::<_, Error>(true)
    });
    read.expect("read");
    assert_eq!(count, 1_000_000);
    let grown = resident() - before;
    assert!(grown < 12 << 10, "{grown} KiB");
}

/// The memory of this process, in KiB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("VmHWM")
}
