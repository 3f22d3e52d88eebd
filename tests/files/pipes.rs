//! Pipes instead of input files, and folders instead of output files.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::sandbox::{POSTKEY, Run, Sandbox};

#[test]
fn a_fifo_without_a_writer_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    mkfifo(&sandbox.home().join("fifo"), Mode::S_IRWXU).unwrap();
    let lines = [
        (&["log", "verify", "--head", "fifo"][..], 5),
        (&["import", "json", "fifo"], 2),
        (&["generate", "api", "--from", "fifo", "--save-dir", "d"], 2),
    ];
    let begun = Instant::now();
    let children = lines.map(|(args, status)| {
        let mut command = sandbox.command(args.iter().copied());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        (command.spawn().unwrap(), status)
    });
    for (child, status) in children {
        let run = Run::of(child.wait_with_output().unwrap()).expect(status);
        let says = "`fifo`: it is a FIFO that no process has opened for writing\nhint: ";
        assert!(run.stderr.contains(says), "{run:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn process_substitutions_are_read_to_their_end() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    sandbox
        .run(["log", "verify", "--save-head", "head"])
        .expect(0);
    mkfifo(&sandbox.home().join("fifo"), Mode::S_IRWXU).unwrap();
    let object = r#"{"username":"user_1","password":"a long enough one"}"#;
    fs::write(sandbox.home().join("users"), object).unwrap();
    for line in [
        "log verify --head <(sleep 0.2; cat head)",
        "import dovecot --dry-run <(sleep 0.2; echo 'some_user:{SSHA}x')",
        "generate api --save-dir d --from <(sleep 0.2; echo one; sleep 0.2; echo two)",
        "generate api --save-dir d --from fifo",
    ] {
        let writer = match line.ends_with("fifo") {
            true => "(sleep 0.2; echo three >fifo) &",
            false => "",
        };
        let script = format!("{writer} exec \"$0\" {line}");
        let command = sandbox.command(["-c", &script, POSTKEY]);
        let mut shell = crate::secrecy::watch::program(&command, "bash");
        let run = Run::of(shell.output().unwrap());
        let is_bad_hash = line.starts_with("import") && run.stderr.contains("line 1");
        assert!(run.status == 0 || is_bad_hash, "{line}: {run:?}");
    }
    for name in ["one", "two", "three"] {
        assert!(sandbox.home().join("d").join(name).exists(), "{name}");
    }
}

#[test]
fn a_path_that_ends_as_a_folders_does_not_become_a_file() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    for (args, status) in [
        (&["generate", "api", "new", "--save"][..], 2),
        (&["rotate", "web", "--save"], 2),
        (&["backup"], 5),
        (&["export", "json"], 5),
        (&["log", "verify", "--save-head"], 5),
        (&["revoke", "web", "--report"], 8),
        (&["generate", "api", "new", "--save", "k", "--vault"], 5),
    ] {
        for end in ["x/", "x/.", "x//"] {
            let args = [args, &[end]].concat();
            let run = Run::of(sandbox.command(args).output().unwrap()).expect(status);
            assert!(run.stderr.contains("is a folder"), "{run:?}");
            assert!(run.stderr.contains("hint: "), "{run:?}");
            assert!(!sandbox.home().join("x").exists(), "{run:?}");
        }
    }
    let run = sandbox.run(["generate", "api", "new", "--save", "my keys/"]);
    let hint = "`--save-dir 'my keys/'` writes one file per key";
    assert!(run.expect(2).stderr.contains(hint));
}
