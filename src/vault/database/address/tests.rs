use proptest::prelude::*;

use super::*;

fn server(host: &str, port: u16) -> DatabaseServer {
    let host = host.to_owned();
    DatabaseServer { host, port }
}

#[test]
fn an_address_names_servers_a_database_and_a_role() {
    type Expected = (
        &'static [(&'static str, u16)],
        &'static str,
        Option<&'static str>,
    );
    let cases: [(&str, Expected, &str); 9] = [
        (
            "postgres://db1/shop",
            (&[("db1", 5432)], "shop", None),
            "postgres://db1/shop",
        ),
        (
            "postgresql://olga@db1:5433,db2/shop",
            (&[("db1", 5433), ("db2", 5432)], "shop", Some("olga")),
            "postgres://olga@db1:5433,db2/shop",
        ),
        (
            "postgres://db1/shop?user=olga",
            (&[("db1", 5432)], "shop", Some("olga")),
            "postgres://olga@db1/shop",
        ),
        (
            "postgres:///shop?host=/run/postgresql",
            (&[("/run/postgresql", 5432)], "shop", None),
            "postgres:///shop?host=/run/postgresql",
        ),
        (
            "postgres://olga@/shop?host=/run/postgresql&port=5433",
            (&[("/run/postgresql", 5433)], "shop", Some("olga")),
            "postgres://olga@/shop?host=/run/postgresql&port=5433",
        ),
        (
            "postgres://%2Frun%2Fpostgresql:5433/shop",
            (&[("/run/postgresql", 5433)], "shop", None),
            "postgres:///shop?host=/run/postgresql&port=5433",
        ),
        (
            "postgres://[::1]:5433,[fe80::1]/shop",
            (&[("::1", 5433), ("fe80::1", 5432)], "shop", None),
            "postgres://[::1]:5433,[fe80::1]/shop",
        ),
        (
            "postgres://ol%40ga@db1/sh%2Fop",
            (&[("db1", 5432)], "sh/op", Some("ol@ga")),
            "postgres://ol%40ga@db1/sh%2Fop",
        ),
        (
            "postgres://10.0.0.1/shop?",
            (&[("10.0.0.1", 5432)], "shop", None),
            "postgres://10.0.0.1/shop",
        ),
    ];
    for (text, (servers, database, user), shown) in cases {
        let address: DatabaseAddress = text.parse().expect(text);
        let servers = servers.iter().map(|&(host, port)| server(host, port));
        assert_eq!(address.servers, servers.collect::<Vec<_>>(), "{text}");
        assert_eq!(address.database, database, "{text}");
        assert_eq!(address.user.as_deref(), user, "{text}");
        assert_eq!(address.to_string(), shown, "{text}");
    }
}

#[test]
fn an_address_with_a_mistake_is_refused_without_repeating_it() {
    for (text, rule, hint) in [
        (
            "postgres://olga:hunter2@db1/shop",
            "has a password",
            "password_file",
        ),
        (
            "postgres://olga:hun/ter2@db1/shop",
            "has a password",
            "password_file",
        ),
        (
            "postgres://olga:hun@ter2@db1/shop",
            "has a password",
            "password_file",
        ),
        (
            "postgres://db1/shop?password=hunter2",
            "has a password",
            "password_file",
        ),
        (
            "postgres://db1/shop?user=olga&password=hunter2",
            "has a password",
            "password_file",
        ),
        (
            "postgres://olga:hunter2/shop",
            "a port is a number",
            "write `postgres://",
        ),
        (
            "postgres://db1/shop?sslmode=hunter2",
            "unknown parameter `sslmode`",
            "allowed: user",
        ),
        (
            "postgres://db1:0/shop",
            "a port is a number",
            "write `postgres://",
        ),
        (
            "postgres://db1:65536/shop",
            "a port is a number",
            "write `postgres://",
        ),
        ("postgres://db1", "names no database", "write `postgres://"),
        ("postgres://db1/", "names no database", "write `postgres://"),
        ("postgres:///shop", "names no host", "write `postgres://"),
        ("postgres://", "names no host", "write `postgres://"),
        (
            "postgres://db1,/shop",
            "a host in it is empty",
            "write `postgres://",
        ),
        (
            "postgres://:5432/shop",
            "a host in it is empty",
            "write `postgres://",
        ),
        (
            "postgres:///shop?host=",
            "a host in it is empty",
            "write `postgres://",
        ),
        (
            "postgres://@db1/shop",
            "its user is empty",
            "write `postgres://",
        ),
        (
            "postgres://olga@db1/shop?user=vera",
            "a user twice",
            "write `postgres://",
        ),
        (
            "postgres://db1/shop?host=db2",
            "hosts twice",
            "write `postgres://",
        ),
        (
            "postgres://db1/shop?port=5433",
            "a separate port",
            "write `postgres://",
        ),
        (
            "postgres:///shop?host=a&host=b",
            "a parameter twice",
            "write `postgres://",
        ),
        (
            "postgres://[::1/shop",
            "ends with `]`",
            "write `postgres://",
        ),
        (
            "postgres://d b/shop",
            "a host is a name",
            "write `postgres://",
        ),
        ("postgres://db1/sh%00op", "not UTF-8", "write `postgres://"),
        (
            "mysql://db1/shop",
            "does not begin with",
            "write `postgres://",
        ),
    ] {
        let error = text.parse::<DatabaseAddress>().expect_err(text);
        let message = error.to_string();
        assert!(message.contains(rule), "{text}: {message}");
        let shown = error.hint().unwrap_or_default();
        assert!(shown.contains(hint), "{text}: {shown}");
        for part in ["hunter2", "ter2"] {
            assert!(!format!("{message} {shown}").contains(part), "{text}");
        }
    }
}

#[test]
fn what_is_no_url_is_a_file() {
    for text in ["/srv/vault.db", "vault.db", "postgres:x", "./postgres://x"] {
        let address: VaultAddress = text.parse().expect(text);
        assert_eq!(address.file(), Some(Path::new(text)));
        assert_eq!(address.to_string(), text);
    }
    let database: VaultAddress = "postgres://db1/shop".parse().expect("a URL");
    assert_eq!(database.file(), None);
    assert_eq!(database.to_string(), "postgres://db1/shop");
}

fn servers() -> impl Strategy<Value = DatabaseServer> {
    let host = prop_oneof![
        "[a-zA-Z0-9._-]{1,20}",
        "(/[^\\x00]{1,6}){1,3}",
        "[0-9a-f]{1,4}:(:[0-9a-f]{1,4}){1,3}",
    ];
    (host, 1..=u16::MAX).prop_map(|(host, port)| DatabaseServer { host, port })
}

proptest! {
    #[test]
    fn an_address_is_read_as_it_was_written(
        servers in prop::collection::vec(servers(), 1..4),
        database in "[^\\x00]{1,12}",
        user in prop::option::of("[^\\x00]{1,12}"),
    ) {
        let address = DatabaseAddress { servers, database, user };
        let text = address.to_string();
        prop_assert_eq!(text.parse::<DatabaseAddress>().expect("its own text"), address);
    }
}
