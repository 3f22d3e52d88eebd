//! Invalid lines: all of them are reported by number, and nothing is imported.

use std::fs;

use super::{PASSWORD, QUICK};
use crate::sandbox::Sandbox;

/// Invalid lines of a passwd-file, and their messages.
const BAD: [(&str, &str); 49] = [
    ("no_colon", "it has no `:` behind a username"),
    (
        "bob:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
        "`bob` is not a username",
    ),
    (
        "john.doe:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
        "`john.doe` is not a username",
    ),
    (":{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "is not a username"),
    ("some_user:", "it has no password"),
    ("some_user:{SHA}", "it has no password"),
    ("some_user:{PLAIN}", "its password is empty"),
    ("some_user:*", "its account is locked"),
    ("some_user:!", "its account is locked"),
    ("some_user:!!", "its account is locked"),
    ("some_user:!*", "its account is locked"),
    ("some_user:*LK*", "its account is locked"),
    ("some_user:NP", "its account is locked"),
    (
        "some_user:!$2y$05$pWtxTjwPPO1MIxJKVFR16OKa7F9MvLnt4V41AjOB3bmHUrq760dra",
        "its account is locked",
    ),
    (
        "some_user:{CRYPT}!$2y$05$pWtxTjwPPO1MIxJKVFR16OKa7F9MvLnt4V41AjOB3bmHUrq760dra",
        "its account is locked",
    ),
    ("some_user:{CRYPT}*", "its account is locked"),
    ("some_user:x", "in another file, /etc/shadow"),
    ("some_user:geheimnis", "no `{SCHEME}`"),
    ("some_user:{geheimnis", "no `{SCHEME}`"),
    ("some_user:{geheimnis}x", "its scheme is unknown"),
    ("some_user:{SHA.OCT}geheimnis", "its scheme is unknown"),
    (
        "some_user:{CRAM-MD5}geheimnis",
        "`CRAM-MD5` is not supported",
    ),
    (
        "some_user:{SCRAM-SHA-256}geheimnis",
        "`SCRAM-SHA-256` is not supported",
    ),
    (
        "some_user:{crypt}5kdOkdulANvSg",
        "`DES-CRYPT` is not supported",
    ),
    (
        "some_user:{CRYPT}$2x$05$pWtxTjwPPO1MIxJKVFR16OKa7F9MvLnt4V41AjOB3bmHUrq760dra",
        "`CRYPT` is not supported",
    ),
    (
        "some_user:{CRYPT}$apr1$ab$2AViYtCrOwG81vjtLDlBI0",
        "`$apr1$`",
    ),
    (
        "some_user:{BLF-CRYPT}$2y$05$pWtxTjwPPO1MIxJKVFR16OKa7F9MvLnt4V41AjOB3bmHUrq760dr",
        "not in the format of `BLF-CRYPT`",
    ),
    // The last character of the salt has extra bits.
    (
        "some_user:$2y$05$pWtxTjwPPO1MIxJKVFR16PKa7F9MvLnt4V41AjOB3bmHUrq760dra",
        "not in the format of `BLF-CRYPT`",
    ),
    (
        "some_user:{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
        "not in the format of `SSHA`",
    ),
    ("some_user:{SHA}geheimnis", "not in the format of `SHA`"),
    (
        "some_user:{SHA256}L55TUjtiq8FBorTWAZ0jy6g129A=",
        "not in the format of `SHA256`",
    ),
    (
        "some_user:$6$rounds=999$ab$taQi2R/p.00nDn/0OiJ.5VXxxXle4RnNFdp1MRTAv1YDfnWjTzvJxb43j8XusV1GVxGhgSwzDrEJhwBIxUw.Q/",
        "not in the format of `SHA512-CRYPT`",
    ),
    (
        "some_user:$6$abcdefghijklmnopq$taQi2R/p.00nDn/0OiJ.5VXxxXle4RnNFdp1MRTAv1YDfnWjTzvJxb43j8XusV1GVxGhgSwzDrEJhwBIxUw.Q/",
        "not in the format of `SHA512-CRYPT`",
    ),
    (
        "some_user:{PBKDF2}$1$salt$0$20123b708a2b1816f8767d8f2c26429df985f8d6",
        "not in the format of `PBKDF2`",
    ),
    (
        "some_user:{PBKDF2}$1$sa lt$5000$20123b708a2b1816f8767d8f2c26429df985f8d6",
        "not in the format of `PBKDF2`",
    ),
    (
        "some_user:{PLAIN.B64}Z2VoZWltbmlz",
        "its password is in plain text",
    ),
    (
        "some_user:{ARGON2ID}$argon2id$v=16$m=65536,t=3,p=1$IgUPtGn5ggLntbRQT9LXmQ$H2p3O+OxgJ9fXz+kV+PsrWz91BwEH+fYOLBTzQPLImg",
        "not in the format of `ARGON2ID`",
    ),
    // libsodium, which Dovecot uses, accepts neither.
    (
        "some_user:{ARGON2ID}$argon2id$v=19$t=3,m=65536,p=1$IgUPtGn5ggLntbRQT9LXmQ$H2p3O+OxgJ9fXz+kV+PsrWz91BwEH+fYOLBTzQPLImg",
        "not in the format of `ARGON2ID`",
    ),
    (
        "some_user:{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1,data=AAAA$IgUPtGn5ggLntbRQT9LXmQ$H2p3O+OxgJ9fXz+kV+PsrWz91BwEH+fYOLBTzQPLImg",
        "not in the format of `ARGON2ID`",
    ),
    // A salt with a line end, which an export could not contain.
    (
        "some_user:{PBKDF2.B64}JDEkc2EKbHQkMjAwMDAkMjAxMjNiNzA4YTJiMTgxNmY4NzY3ZDhmMmMyNjQyOWRmOTg1ZjhkNg==",
        "not in the format of `PBKDF2`",
    ),
    // Lines without their first field.
    ("{SHA}geheimnis:1000:1000", "a hash instead of a username"),
    (
        "$6$ab$taQi2R/p.00nDn/0OiJ:1000",
        "a hash instead of a username",
    ),
    // Too costly ones.
    (
        "some_user:{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$IgUPtGn5ggLntbRQT9LXmQ$H2p3O+OxgJ9fXz+kV+PsrWz91BwEH+fYOLBTzQPLImg",
        "costs more",
    ),
    (
        "some_user:{ARGON2I}$argon2i$v=19$m=65536,t=3000,p=1$IgUPtGn5ggLntbRQT9LXmQ$H2p3O+OxgJ9fXz+kV+PsrWz91BwEH+fYOLBTzQPLImg",
        "costs more",
    ),
    (
        "some_user:$2y$31$pWtxTjwPPO1MIxJKVFR16OKa7F9MvLnt4V41AjOB3bmHUrq760dra",
        "costs more",
    ),
    (
        "some_user:$6$rounds=999999999$ab$taQi2R/p.00nDn/0OiJ.5VXxxXle4RnNFdp1MRTAv1YDfnWjTzvJxb43j8XusV1GVxGhgSwzDrEJhwBIxUw.Q/",
        "costs more",
    ),
    (
        "some_user:{PBKDF2}$1$salt$4294967295$20123b708a2b1816f8767d8f2c26429df985f8d6",
        "costs more",
    ),
    (
        "some_user:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=::::::allow_nets=192.0.2.0/24",
        "`allow_nets` would be lost",
    ),
    (
        "some_user:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=::::::userdb_x=1 nologin",
        "`nologin` would be lost",
    ),
];

#[test]
fn each_bad_line_is_named_and_nothing_is_imported() {
    let sandbox = Sandbox::new();
    let mut users = format!("good_user:{QUICK}\n# a remark\n");
    for (line, _) in BAD {
        users += &format!("{line}\n");
    }
    let run = sandbox.import("dovecot", users).expect(2);
    assert_eq!(run.stdout, "");
    let told: Vec<&str> = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: line "))
        .collect();
    assert_eq!(told.len(), BAD.len(), "{run:?}");
    for ((line, why), (number, told)) in BAD.iter().zip((3..).zip(told)) {
        let start = format!("error: line {number}: ");
        assert!(
            told.starts_with(&start) && told.contains(why),
            "{line}: {told}"
        );
    }
    assert!(
        run.stderr
            .contains("nothing was imported: 49 invalid lines"),
        "{run:?}"
    );
    assert!(!sandbox.vault().exists());
}

#[test]
fn no_error_quotes_a_possible_password() {
    let sandbox = Sandbox::new();
    let users = BAD.map(|(line, _)| line).join("\n");
    for form in ["dovecot", "htpasswd", "json"] {
        let run = sandbox.import(form, &users);
        assert!([2, 4].contains(&run.status), "{run:?}");
        for part in [
            "geheimnis",
            "pWtxTjwP",
            "IgUPtGn5",
            "L55TUjti",
            "5kdOkdul",
            "taQi2R",
        ] {
            assert!(!run.stderr.contains(part), "{form}: {run:?}");
        }
    }
    let json = r#"[{"username": 7, "hash": 12345678}, {"username": "some_user", "hash": {"a": "geheimnis"}},
        {"username": "some_user", "hash": "geheimnis"}, "geheimnis", {"username": "geheimnis!", "x": geheimnis}]"#;
    for text in [json, &json.replace(", \"x\": geheimnis", "")] {
        let run = sandbox.import("json", text).expect(2);
        let is_echoed = run.stderr.replace("`geheimnis!`", "").contains("geheimnis");
        assert!(!is_echoed && !run.stderr.contains("12345678"), "{run:?}");
    }
}

#[test]
fn a_hundred_bad_lines_are_shown_and_the_rest_is_counted() {
    let sandbox = Sandbox::new();
    let run = sandbox.import("dovecot", "x\n".repeat(1234)).expect(2);
    assert_eq!(run.stderr.matches("error: line ").count(), 100);
    assert!(
        run.stderr
            .contains("1234 invalid lines, of which 1134 are not shown"),
        "{run:?}"
    );
    assert_eq!(run.stderr.matches("hint: a line is").count(), 1);
}

#[test]
fn conflicts_are_reported_by_line_with_their_status() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail", "--username", "rails_prod"]);
    sandbox.generate(["api", "ops-example.com"]);
    sandbox
        .import("dovecot", format!("team@example.com:{QUICK}"))
        .expect(0);
    let users = format!(
        "new_user:{QUICK}\nRAILS_PROD:{QUICK}\nops@example.com:{QUICK}\nTeam@example.com:{QUICK}\n\
         NEW_user:{QUICK}\nmail@example.org:{QUICK}\nmail@Example.org:{QUICK}\n"
    );
    let run = sandbox.import("dovecot", &users).expect(4);
    for said in [
        "line 2: the username `RAILS_PROD` belongs to another key",
        "line 3: a key named `ops-example.com` already exists",
        "line 4: the login `Team@example.com` already has an imported password",
        "line 5: line 1 has the same username",
        "line 7: line 6 has the same username",
        "5 invalid lines",
    ] {
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    assert_eq!(sandbox.keys().len(), 3);
    // Other keys with the name do not matter.
    let skipping = ["import", "dovecot", "-", "--skip-existing"];
    let lines: Vec<&str> = users.lines().collect();
    sandbox
        .run_with_input(skipping, lines[2].as_bytes())
        .expect(4);
    let users = [lines[0], lines[1], lines[3]].join("\n");
    let run = sandbox.run_with_input(skipping, users.as_bytes()).expect(0);
    assert!(
        run.stderr
            .contains("imported 1 key\nskipped existing keys: 2 keys"),
        "{run:?}"
    );
    assert_eq!(sandbox.verify_login("new_user", PASSWORD), "accepted");
}

#[test]
fn a_change_that_fails_leaves_nothing_of_an_import() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let before = fs::read(sandbox.vault()).unwrap();
    let users: String = (0..3000).map(|at| format!("user_{at}:{QUICK}\n")).collect();
    fs::write(sandbox.home().join("users"), users).unwrap();
    let vault = sandbox.vault();
    let limit = format!(
        "ulimit -f {}; exec \"$0\" import dovecot users",
        before.len() / 1024 + 40
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &limit, crate::sandbox::POSTKEY]);
    command
        .env_clear()
        .env("HOME", sandbox.home())
        .current_dir(sandbox.home());
    let run = crate::sandbox::Run::of(command.output().unwrap()).expect(5);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("ulimit -f"),
        "{run:?}"
    );
    assert_eq!(sandbox.keys().len(), 1);
    sandbox.run(["log", "verify"]).expect(0);
    assert!(!vault.with_file_name("vault.db-journal").exists());
    sandbox.run(["import", "dovecot", "users"]).expect(0);
    assert_eq!(sandbox.keys().len(), 3001);
}

#[test]
fn errors_are_objects_where_programs_read_them() {
    let sandbox = Sandbox::new();
    let args = ["import", "dovecot", "-", "--format", "json"];
    let run = sandbox.run_with_input(args, b"x\nyyyy:{SHA}").expect(2);
    let errors: Vec<serde_json::Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(errors.len(), 3);
    let first = &errors[0]["error"];
    assert_eq!(first["code"], "usage");
    assert!(first["message"].as_str().unwrap().starts_with("line 1: "));
}
