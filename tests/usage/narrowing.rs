//! What a new permission would have refused, by recorded use.

use std::fs;

use rusqlite::Connection;

use super::verify;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::{run_with_input, wait_for};
use crate::serve::recording::recorded;
use crate::serve::server::Server;

const RECORDED: &str = "SELECT sum(count) FROM requests";

/// A vault with a key that was used so.
fn used(requests: &[[&str; 2]]) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for [method, path] in requests {
        request(&sandbox, &secret, method, path);
    }
    (sandbox, secret)
}

fn request(sandbox: &Sandbox, secret: &str, method: &str, path: &str) {
    let args = ["--method", method, "--path", path, "--ip", "198.51.100.7"];
    verify(sandbox, secret, &args).expect(0);
}

fn set(sandbox: &Sandbox, flags: &[&str]) -> Run {
    run_with_input(sandbox, &[&["set"], flags].concat(), "").expect(0)
}

#[test]
fn a_dry_run_tells_which_recorded_requests_would_have_been_refused() {
    let (sandbox, secret) = used(&[
        ["GET", "/v3/reports/secret-path"],
        ["POST", "/v3/contacts"],
        ["DELETE", "/v3/contacts/7?secret-path"],
        ["DELETE", "/v3/contacts/8"],
        ["PURGE", "/secret-path"],
    ]);
    verify(&sandbox, &secret, &[]).expect(0);
    verify(&sandbox, &secret, &["--permission", "full"]).expect(0);
    let unknown = "; unknown for 2, whose method and path are not known\n";
    for (permission, told) in [
        (
            "read-only",
            "`ci`: read-only would have refused 4 of the 5 requests that are known in the last 30 days: \
             DELETE /v3/contacts/*, ",
        ),
        (
            "contacts",
            "`ci`: contacts would have refused 2 of the 5 requests that are known in the last 30 days: ",
        ),
    ] {
        let run = set(&sandbox, &["ci", "--permission", permission, "--dry-run"]);
        assert!(run.stderr.contains(told), "{run:?}");
        let only_full = "other methods (allowed by full only)";
        assert!(run.stderr.contains(only_full), "{run:?}");
        assert!(run.stderr.contains(" from 198.51.100.7; "), "{run:?}");
        assert!(run.stderr.contains(unknown), "{run:?}");
        assert!(
            run.stderr.ends_with("dry run: nothing was done\n"),
            "{run:?}"
        );
    }
    assert_eq!(sandbox.show("ci")["permission"], "full");
    for end in ["", "-wal"] {
        let file = format!("{}{end}", sandbox.usage().display());
        let bytes = fs::read(file).unwrap();
        let has_path = bytes.windows(11).any(|part| part == b"secret-path");
        assert!(!has_path, "{end}");
    }
}

#[test]
fn what_a_newer_definition_would_have_refused_is_unknown() {
    let (sandbox, _) = used(&[["GET", "/v3/reports/7"], ["POST", "/v3/smtp/email"]]);
    sandbox.settings("[permissions]\nreports = [\"GET /v3/reports/*\"]");
    let run = set(&sandbox, &["ci", "--permission", "reports", "-n"]);
    let told = "reports would have refused 1 of the 1 request that is known in the last 30 days: POST /v3/smtp/*, last ";
    assert!(run.stderr.contains(told), "{run:?}");
    let unknown = "; unknown for 1, recorded before reports was defined as now\n";
    assert!(run.stderr.contains(unknown), "{run:?}");
}

#[test]
fn without_use_a_dry_run_says_so() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.generate(["smtp", "mail"]);
    let narrow = ["ci", "--permission", "read-only", "--dry-run"];
    let run = set(&sandbox, &narrow);
    assert!(run.stderr.starts_with("no usage is recorded"), "{run:?}");
    let other = sandbox.generate(["api", "other"]);
    request(&sandbox, &other, "GET", "/");
    let run = set(&sandbox, &narrow);
    let told = "`ci`: no requests recorded in the last 30 days\n";
    assert!(run.stderr.contains(told), "{run:?}");
    request(&sandbox, &secret, "GET", "/");
    let run = set(&sandbox, &narrow);
    let told = "`ci`: read-only would have refused none of 1 request in the last 30 days\n";
    assert!(run.stderr.contains(told), "{run:?}");
    let same = set(&sandbox, &["ci", "--permission", "full", "--dry-run"]);
    assert!(!same.stderr.contains("30 days"), "{same:?}");
    let mail = ["set", "mail", "--permission", "full", "--dry-run"];
    let refused = sandbox.run(mail).expect(2);
    assert!(
        refused.stderr.contains("has no --permission"),
        "{refused:?}"
    );
}

#[test]
fn without_a_terminal_a_narrower_permission_is_set_with_a_warning() {
    let (sandbox, _) = used(&[["POST", "/v3/contacts"]]);
    let told = "warning: `ci`: read-only would have refused 1 of 1 request";
    let run = set(&sandbox, &["ci", "--permission", "read-only"]);
    assert!(run.stderr.contains(told), "{run:?}");
    assert!(
        run.stderr.ends_with("`ci`: permission full → read-only\n"),
        "{run:?}"
    );
    let back = set(&sandbox, &["ci", "--permission", "full"]);
    assert!(!back.stderr.contains("refused"), "{back:?}");
    let all = ["--yes", "--where-kind", "api", "--permission", "read-only"];
    let run = set(&sandbox, &all);
    assert!(run.stderr.contains(told), "{run:?}");
    assert_eq!(sandbox.show("ci")["permission"], "read-only");
}

#[test]
fn what_is_not_known_is_a_warning_without_a_dry_run_too() {
    let (sandbox, secret) = used(&[["GET", "/v3/reports/7"]]);
    verify(&sandbox, &secret, &[]).expect(0);
    let narrow = ["ci", "--permission", "read-only"];
    let run = set(&sandbox, &narrow);
    let told = "warning: `ci`: read-only would have refused none of the 1 request that is known in \
                the last 30 days; unknown for 1, whose method and path are not known\n";
    assert!(run.stderr.contains(told), "{run:?}");
    set(&sandbox, &["ci", "--permission", "full"]);
    let usage = Connection::open(sandbox.usage()).unwrap();
    let begun = "UPDATE about SET requests_since = requests_since + 70";
    usage
        .execute_batch(&format!("DELETE FROM requests WHERE rule = ''; {begun}"))
        .unwrap();
    let run = set(&sandbox, &narrow);
    let told = "warning: requests have been recorded only since ";
    assert!(run.stderr.starts_with(told), "{run:?}");
    assert!(!run.stderr.contains("refused"), "{run:?}");
    let wider = set(&sandbox, &["ci", "--permission", "full"]);
    assert!(!wider.stderr.contains("warning"), "{wider:?}");
}

#[test]
fn apply_warns_of_what_a_manifest_would_refuse() {
    let manifest = "[[key]]\nname = \"ci\"\nkind = \"api\"\nsave = { file = \"ci.secret\" }\n";
    let sandbox = Sandbox::with_manifest(manifest);
    sandbox.apply(&[]).expect(0);
    let secret = sandbox.read("ci.secret");
    request(&sandbox, secret.trim(), "POST", "/v3/contacts");
    sandbox.manifest(&format!("{manifest}permission = \"read-only\"\n"));
    let told = "warning: `ci`: read-only would have refused 1 of 1 request in the last 30 days: ";
    for (flags, status) in [(&["--dry-run"][..], 1), (&[], 0)] {
        let run = sandbox.apply(flags).expect(status);
        assert!(run.stderr.contains(told), "{run:?}");
    }
    assert_eq!(sandbox.show("ci")["permission"], "read-only");
}

#[test]
fn programs_get_the_figures_of_a_dry_run() {
    let (sandbox, secret) = used(&[["GET", "/x"], ["POST", "/x"], ["PUT", "/x"]]);
    verify(&sandbox, &secret, &[]).expect(0);
    sandbox.generate(["smtp", "mail"]);
    let narrow = ["ci", "--permission", "read-only", "--format"];
    let dry_run = |format| set(&sandbox, &[&narrow[..], &[format, "-n"]].concat()).stdout;
    let found: serde_json::Value = serde_json::from_str(&dry_run("jsonl")).unwrap();
    let figures = ["requests", "refused", "unknown"].map(|name| found[name].as_u64());
    assert_eq!(figures, [Some(4), Some(2), Some(1)], "{found}");
    assert!(found["recorded_since"].is_string(), "{found}");
    assert_eq!(found["permission"], "read-only");
    let csv = dry_run("csv");
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    assert!(
        header.ends_with(",labels,owner,requests,refused,unknown,recorded_since"),
        "{csv}"
    );
    assert!(lines.next().unwrap().contains(",4,2,1,20"), "{csv}");
    assert_eq!(
        header.split(',').count(),
        csv.lines().nth(1).unwrap().split(',').count()
    );
}

#[test]
fn serve_records_what_the_requests_of_every_caller_needed() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let key = ("api-key", &*secret);
    let address = ("X-Original-Address", "192.0.2.1");
    for (caller, method, target) in [
        ("/nginx", "X-Original-Method", "X-Original-URI"),
        ("/forward", "X-Forwarded-Method", "X-Forwarded-Uri"),
    ] {
        for path in ["/v3/contacts", "/v3/contacts?x=1"] {
            let headers = [key, (method, "PUT"), (target, path), address];
            server.ask("GET", caller, &headers).expect(200);
        }
    }
    let target = "/verify?method=GET&path=/x&address=192.0.2.3";
    server.ask("GET", target, &[key]).expect(200);
    server.verify(&secret).expect(200);
    // Refused requests are none of them.
    let traced = [key, ("X-Original-Method", "TRACE"), ("X-Original-URI", "/")];
    server.ask("GET", "/nginx", &traced).expect(403);
    wait_for("a record of six requests", || {
        recorded(&sandbox, RECORDED) == Some(6)
    });
    server.stop();
    let usage = Connection::open(sandbox.usage()).unwrap();
    let query =
        "SELECT method || ' ' || rule || ' ' || allowed_by || ' ' || count || ' ' || address
                 FROM requests ORDER BY 1";
    let mut rows = usage.prepare(query).unwrap();
    let rows: Vec<String> = rows
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        rows,
        [
            "   1 ",
            "GET GET,HEAD /* full,read-only 1 192.0.2.3",
            "PUT * /v3/contacts contacts,full 4 ",
        ]
    );
    let run = set(&sandbox, &["ci", "--permission", "read-only", "--dry-run"]);
    let told = "would have refused 4 of the 5 requests that are known in the last 30 days: \
                PUT /v3/contacts, last ";
    assert!(run.stderr.contains(told), "{run:?}");
    let unknown = "; unknown for 1, whose method and path are not known; 1 other request was \
                   refused for lack of permission\n";
    assert!(run.stderr.contains(unknown), "{run:?}");
}

#[test]
fn damaged_requests_affect_nothing_else() {
    for damage in [
        "UPDATE requests SET rule = x'00ff', allowed_by = 'x', method = method || '\u{1b}[31m'",
        "UPDATE requests SET count = 'x', last_at = 9e18",
        "UPDATE definitions SET permissions = x'ff'",
        "UPDATE definitions SET permissions = '{}'",
        "DELETE FROM definitions",
        "DROP TABLE requests",
    ] {
        let (sandbox, secret) = used(&[["POST", "/v3/contacts"], ["GET", "/v3/contacts"]]);
        let usage = Connection::open(sandbox.usage()).unwrap();
        usage.execute_batch(damage).unwrap();
        drop(usage);
        sandbox.settings("[policy]\nrequire_least_permission = true");
        sandbox.run(["check", "--quiet"]).expect(0);
        let run = set(&sandbox, &["ci", "--permission", "read-only", "--dry-run"]);
        assert!(!run.stderr.contains('\u{1b}'), "{damage}: {run:?}");
        assert!(
            !run.stderr.contains("a bug in postkey"),
            "{damage}: {run:?}"
        );
        assert!(
            run.stderr.ends_with("dry run: nothing was done\n"),
            "{damage}: {run:?}"
        );
        verify(&sandbox, &secret, &[]).expect(0);
        sandbox.run(["usage"]).expect(0);
    }
}
