use rusqlite::types::Value;

use super::*;
use crate::vault::database::CommitFault;
use crate::vault::database::value::integer;

/// Begins a change as a vault does, which waits for the others.
fn begin(database: &Database, name: &str) {
    database.batch("BEGIN").expect("begun");
    database
        .execute("SELECT 1 FROM log_head FOR UPDATE", &[])
        .expect("locked");
    insert(database, name).expect("inserted");
}

fn insert(database: &Database, name: &str) -> Result<usize, Error> {
    let name = [Value::Text(name.to_owned())];
    database.execute("INSERT INTO keys VALUES ($1, 1)", &name)
}

fn has(database: &Database, name: &str) -> Result<bool, Error> {
    let mut count = 0;
    let name = [Value::Text(name.to_owned())];
    database.each("SELECT count(*) FROM keys WHERE name = $1", &name, |row| {
        count = integer(row, 0)?;
        Ok::<_, Error>(true)
    })?;
    Ok(count > 0)
}

/// Lets commits wait for a standby that is not there, or no longer.
fn standby(server: &TestServer, name: &str) {
    server.sql(
        "postgres",
        &format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"),
    );
    server.sql("postgres", "SELECT pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(300));
}

fn unknown(committed: Result<(), CommitFault>) -> String {
    match committed {
        Err(CommitFault::Unknown(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_commit_that_is_not_confirmed_is_unknown_until_another_one_is() {
    let (server, database) = prepared("");
    begin(&database, "confirmed");
    database.commit().expect("committed");
    assert!(has(&database, "confirmed").expect("read"));
    a_failed_statement_rolls_back(&database);
    a_commit_without_a_standby_is_unknown(&server, &database);
    a_cancelled_wait_is_unknown(&server, &database);
    a_connection_lost_before_the_commit_is_no_commit(&server, &database);
    a_server_that_stops_answers_nothing(&server, &database);
}

fn a_failed_statement_rolls_back(database: &Database) {
    begin(database, "half");
    insert(database, "half").expect_err("taken");
    // The server would answer ROLLBACK, and no error.
    assert!(matches!(database.commit(), Err(CommitFault::Failed(_))));
    assert!(!has(database, "half").expect("read"));
}

fn a_commit_without_a_standby_is_unknown(server: &TestServer, database: &Database) {
    standby(server, "nowhere");
    begin(database, "waiting");
    let begun = std::time::Instant::now();
    let why = unknown(database.commit());
    assert!(why.contains("did not confirm it in 2s"), "{why}");
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    // It is there, but no other commit is confirmed either.
    let unsure = database
        .settle(|database| has(database, "waiting"))
        .expect_err("unsure");
    assert!(matches!(unsure, Error::Unsure(_)), "{unsure:?}");
    standby(server, "");
    assert!(
        database
            .settle(|database| has(database, "waiting"))
            .expect("settled")
    );
}

fn a_cancelled_wait_is_unknown(server: &TestServer, database: &Database) {
    standby(server, "nowhere");
    let cancel = "DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM pg_sleep(0.02);
        PERFORM pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep';
        EXIT WHEN FOUND; PERFORM pg_stat_clear_snapshot(); END LOOP; END $$";
    std::thread::scope(|scope| {
        scope.spawn(|| server.sql("postgres", cancel));
        begin(database, "cancelled");
        let why = unknown(database.commit());
        assert!(
            why.contains("canceling wait for synchronous replication"),
            "{why}"
        );
    });
    standby(server, "");
    assert!(
        database
            .settle(|database| has(database, "cancelled"))
            .expect("settled")
    );
}

fn a_connection_lost_before_the_commit_is_no_commit(server: &TestServer, database: &Database) {
    begin(database, "lost");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'olga'";
    server.sql("postgres", end);
    std::thread::sleep(Duration::from_millis(100));
    let Err(CommitFault::Failed(lost)) = database.commit() else {
        panic!("committed");
    };
    let why = lost.to_string();
    assert!(why.contains("terminating connection"), "{why}");
    assert!(!has(database, "lost").expect("read"));
}

fn a_server_that_stops_answers_nothing(server: &TestServer, database: &Database) {
    standby(server, "nowhere");
    begin(database, "stopped");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            server.control("stop -m immediate");
        });
        let why = unknown(database.commit());
        assert!(why.contains("the connection was lost"), "{why}");
    });
    database.settle(|_| Ok(())).expect_err("unreachable");
    server.control("start");
    standby(server, "");
    assert!(
        database
            .settle(|database| has(database, "stopped"))
            .expect("settled")
    );
}
