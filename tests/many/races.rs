//! Several runs at once with the same names.

use std::collections::BTreeMap;
use std::io::Read;

use regex::Regex;

use crate::sandbox::{Run, SECRET, Sandbox};
use crate::secrecy::watch::stuck;

#[test]
fn two_runs_with_two_folders_write_one_file_per_key() {
    let sandbox = Sandbox::new();
    let names = sandbox.names(30);
    let ends = run_both(&sandbox, &["one", "two"]);
    assert!(ends.contains(&0), "{ends:?}");
    let mut opened = BTreeMap::new();
    for folder in ["one", "two"] {
        for (file, name) in sandbox.opened(&sandbox.home().join(folder)) {
            assert_eq!(
                name.as_ref(),
                Some(&file),
                "{folder} keeps a file that opens nothing"
            );
            assert!(opened.insert(file, folder).is_none());
        }
    }
    assert_eq!(opened.len(), names.len());
}

#[test]
fn two_runs_with_one_folder_lose_no_secret() {
    for _ in 0..4 {
        let sandbox = Sandbox::new();
        let names = sandbox.names(30);
        run_both(&sandbox, &["keys", "keys"]);
        sandbox.make_many(&["--if-absent"]).expect(0);
        sandbox.expect_all(&names);
    }
}

#[test]
fn a_secret_printed_for_a_name_taken_meanwhile_is_reported_invalid() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    sandbox.names(3);
    let args = ["generate", "api", "--from", "names", "--format", "jsonl"];
    let (child, mut reader) = stuck(&sandbox, &args, 3);
    sandbox.generate(["api", "key-2"]);
    let mut printed = String::new();
    reader.read_to_string(&mut printed).unwrap();
    let run = Run::of(child.wait_with_output().unwrap()).expect(4);
    let said = "`key-2`: the delivered secret is not valid";
    assert!(run.stderr.contains(said), "{run:?}");
    let secrets: Vec<_> = Regex::new(SECRET).unwrap().find_iter(&printed).collect();
    assert_eq!(secrets.len(), 3, "{printed}");
    let statuses: Vec<_> = secrets
        .iter()
        .map(|secret| sandbox.verify(secret.as_str()).1)
        .collect();
    assert_eq!(statuses, [0, 1, 0]);
    assert_eq!(sandbox.count(), 4);
}

fn run_both(sandbox: &Sandbox, folders: &[&str; 2]) -> Vec<i32> {
    let start = |folder: &&str| {
        let args = ["generate", "api", "--from", "names", "--save-dir", folder];
        let mut command = sandbox.command(args.into_iter().chain(["--wait", "20s"]));
        command.stdout(std::process::Stdio::piped());
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = folders.iter().map(start).collect();
    let ends = children
        .into_iter()
        .map(|child| Run::of(child.wait_with_output().unwrap()));
    ends.map(|run| {
        assert!([0, 4, 6].contains(&run.status), "{run:?}");
        run.status
    })
    .collect()
}
