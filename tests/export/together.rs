//! Many processes at once: the last export is up to date.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::{program, wait_for};

const MANY: usize = 16;

#[test]
fn concurrent_changes_are_all_exported() {
    let sandbox = Sandbox::new();
    for number in 0..MANY {
        sandbox.generate(["api", &format!("key-{number}")]);
    }
    sandbox.export_to("json");
    for round in 0..6 {
        let verb = ["deactivate", "activate"][round % 2];
        let start = |number| {
            let name = format!("key-{number}");
            let mut command = sandbox.command([verb, &name, "--wait", "60s"]);
            command.stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<Child> = (0..MANY).map(start).collect();
        for child in children {
            let run = Run::of(child.wait_with_output().unwrap());
            assert_eq!(run.status, 0, "{run:?}");
        }
        let exported = sandbox.read_exported();
        let count = exported.matches("\"name\":\"key-").count();
        assert_eq!(count, MANY * (round % 2), "{verb}");
        assert!(exported == sandbox.export("json"), "{verb}");
    }
}

#[test]
fn a_late_export_does_not_replace_a_newer_one() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    let rename = "rename,renameat,renameat2";
    let inject = format!("inject={rename}:delay_enter=2000000");
    let trace = format!("trace={rename}");
    let strace = ["-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let late = [POSTKEY, "deactivate", "dev"];
    let mut late = program(&sandbox.command(strace.into_iter().chain(late)), "strace");
    let mut late = late.stderr(Stdio::null()).spawn().unwrap();
    // Its export has been or is being written, and waits to be renamed.
    wait_for("the change", || sandbox.show("dev")["status"] == "inactive");
    sleep(Duration::from_millis(300));
    sandbox
        .run(["deactivate", "prod-web", "--wait", "30s"])
        .expect(0);
    assert!(late.wait().unwrap().success());
    let exported = sandbox.read_exported();
    assert!(
        !exported.contains("prod-web") && !exported.contains("\"dev\""),
        "{exported}"
    );
}

#[test]
fn a_timeout_on_the_export_lock_is_reported_after_the_change() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.export_to("json");
    sandbox.run(["activate", "dev"]).expect(0);
    sandbox.run(["rename", "dev", "devel"]).expect(0);
    let before = sandbox.read_exported();
    let folder = sandbox.vault();
    let folder = std::fs::File::open(folder.parent().unwrap()).unwrap();
    folder.lock().unwrap();
    let run = sandbox
        .run(["deactivate", "devel", "--wait", "1s"])
        .expect(8);
    assert!(
        run.stderr.contains("another process is still writing"),
        "{run:?}"
    );
    assert_eq!(sandbox.show("devel")["status"], "inactive");
    assert_eq!(sandbox.read_exported(), before);
    let mut command = sandbox.command(["activate", "devel", "--wait", "30s"]);
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(300));
    drop(folder);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(sandbox.read_exported(), sandbox.export("json"));
}
