//! A vault in a PostgreSQL database: named everywhere a file can be, and never with a password.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::postgres::database::{Database, PASSWORD};
use crate::sandbox::{Run, Sandbox};

/// The address of a database, by its socket, for a member of `postkey_…`.
fn address(database: &Database, of: &str) -> String {
    format!(
        "postgres://{}@/{}?host={}&port={}",
        database.role(of),
        database.name(),
        database.host().display(),
        database.port()
    )
}

/// The same by TCP on loopback, where the server wants a password.
fn address_by_tcp(database: &Database, of: &str) -> String {
    let (role, name) = (database.role(of), database.name());
    format!("postgres://{role}@127.0.0.1:{}/{name}", database.port())
}

fn run(sandbox: &Sandbox, vault: &str, line: &str) -> Run {
    let words = ["--vault", vault].into_iter().chain(line.split(' '));
    Run::of(sandbox.command(words).output().unwrap())
}

/// The names of the keys.
#[track_caller]
fn names(run: Run) -> Vec<String> {
    let listed = run.expect(0).stdout;
    listed.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_database_is_named_wherever_a_file_can_be() {
    let (sandbox, database) = (Sandbox::new(), Database::new());
    let vault = address(&database, "operator");
    let created = run(&sandbox, &vault, "generate api ci").expect(0);
    assert!(!created.stderr.contains("created vault"), "{created:?}");
    let list = "list --format csv --fields name";
    assert_eq!(names(run(&sandbox, &vault, list)), ["ci"]);
    let words = || list.split(' ');
    let mut by_variable = sandbox.command(words());
    by_variable.env("POSTKEY_VAULT", &vault);
    assert_eq!(names(Run::of(by_variable.output().unwrap())), ["ci"]);
    sandbox.settings(&format!(
        "vault = \"{vault}\"\n[vaults]\nprod = \"{vault}\"\n"
    ));
    assert_eq!(
        names(Run::of(sandbox.command(words()).output().unwrap())),
        ["ci"]
    );
    assert_eq!(names(run(&sandbox, "prod", list)), ["ci"]);
    let shown = sandbox.run(["config"]).expect(0).stdout;
    assert_eq!(shown.matches(&vault).count(), 2, "{shown}");
    assert!(!sandbox.vault().exists());
}

#[test]
fn what_belongs_to_a_database_on_this_host_is_private_in_the_data_folder() {
    let (sandbox, database) = (Sandbox::new(), Database::new());
    let vault = address(&database, "operator");
    let secret = run(&sandbox, &vault, "generate api ci").expect(0).secret();
    let mut verify = sandbox.command(["--vault", &vault, "verify"]);
    verify.stdin(std::process::Stdio::piped());
    let mut child = verify.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), secret.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let found = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let mut count = 0;
    for entry in found {
        let name = entry.file_name().into_string().unwrap();
        assert!(name.starts_with(database.name()), "{name}");
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
        count += usize::from(name.ends_with(".usage.db"));
    }
    assert_eq!(count, 1);
    let used = run(&sandbox, &vault, "usage ci --json").expect(0).stdout;
    assert!(used.contains("\"requests\":1"), "{used}");
}

#[test]
fn a_password_comes_from_a_private_file_and_is_shown_nowhere() {
    let (sandbox, database) = (Sandbox::new(), Database::new());
    let vault = address_by_tcp(&database, "operator");
    let refused = run(&sandbox, &vault, "list").expect(5).stderr;
    assert!(
        refused.contains("requires a password\nhint: write it into a file"),
        "{refused}"
    );
    let file = sandbox.home().join("password");
    fs::write(&file, PASSWORD).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.settings(&format!(
        "[database]\npassword_file = \"{}\"\n",
        file.display()
    ));
    let refused = run(&sandbox, &vault, "list").expect(5).stderr;
    assert!(
        refused.contains("is open to other users\nhint: find out who has read it"),
        "{refused}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    run(&sandbox, &vault, "list").expect(0);
    fs::write(&file, "wrong").unwrap();
    let refused = run(&sandbox, &vault, "list").expect(5).stderr;
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    assert!(!refused.contains("wrong"), "{refused}");
    // It may be overwritten by nothing.
    let over = format!("export json --save {}", file.display());
    assert_ne!(
        run(&sandbox, &address(&database, "keeper"), &over).status,
        0
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "wrong");
}

#[test]
fn an_address_that_cannot_be_used_says_why() {
    let (sandbox, database, empty) = (Sandbox::new(), Database::new(), Database::empty());
    let vault = address(&database, "operator");
    for (vault, line, status, part) in [
        (
            "postgres://olga:hunter2@db1/shop",
            "list",
            2,
            "it has a password",
        ),
        (
            "postgres://db1/shop?password=hunter2",
            "list",
            2,
            "it has a password",
        ),
        (
            "postgres://db1/shop?sslmode=disable",
            "list",
            2,
            "an unknown parameter `sslmode`",
        ),
        ("postgres://db1", "list", 2, "it names no database"),
        (
            "postgres://olga@127.0.0.1:1/shop",
            "list",
            5,
            "`127.0.0.1:1`: Connection refused",
        ),
        (
            "postgres://olga@127.0.0.1:1/shop",
            "generate api ci",
            5,
            "cannot reach the database `shop`",
        ),
        (&vault, "serve", 5, "needs a vault in a file"),
        (&vault, "restore x.db", 5, "needs a vault in a file"),
        (&vault, "connect dovecot --dovecot 2.4", 0, ""),
        (
            &address(&empty, "operator"),
            "list",
            5,
            "has no vault that your role can use",
        ),
        (
            &address(&database, "viewer"),
            "generate api ci",
            5,
            "your role may not do this",
        ),
        (&address(&database, "viewer"), "list", 0, ""),
    ] {
        let said = run(&sandbox, vault, line).expect(status).stderr;
        assert!(said.contains(part), "{vault} {line}: {said}");
        assert!(!said.contains("hunter2"), "{vault} {line}: {said}");
    }
    let mut homeless = sandbox.command(["--vault", &vault, "list"]);
    let said = Run::of(
        homeless
            .env_remove("HOME")
            .env("HOME", "x")
            .output()
            .unwrap(),
    );
    assert!(
        said.expect(5)
            .stderr
            .contains("cannot find a home folder for the vault's files")
    );
    sandbox.settings("vault = \"postgres://olga:hunter2@db1/shop\"\n");
    let said = sandbox.run(["list"]).expect(5).stderr;
    assert!(
        said.contains("it has a password") && !said.contains("hunter2"),
        "{said}"
    );
}
