//! A step of GitHub Actions: its log, its masks, and the files for later steps.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Command, Stdio};

use super::{expect_silent, held, keys, mode, secret_in};
use crate::sandbox::{Run, Sandbox};

/// What the runner prepares for a step.
fn files(sandbox: &Sandbox) {
    for name in ["set_env", "set_output"] {
        fs::write(sandbox.home().join(name), "").unwrap();
    }
}

fn step(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command(args.iter().copied());
    command
        .env("CI", "true")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ENV", sandbox.home().join("set_env"))
        .env("GITHUB_OUTPUT", sandbox.home().join("set_output"));
    command
}

fn run(sandbox: &Sandbox, args: &[&str]) -> Run {
    Run::of(step(sandbox, args).output().unwrap())
}

/// The values that the runner masks from now on, and its log.
pub fn log(run: &Run) -> (Vec<String>, String) {
    let mut masks = Vec::new();
    let mut log = run.stderr.clone();
    for line in run.stdout.lines() {
        match line.strip_prefix("::add-mask::") {
            Some(mask) => masks.push(mask.to_owned()),
            None => log += line,
        }
    }
    for mask in &masks {
        log = log.replace(mask, "***");
    }
    (masks, log)
}

/// What the runner reads from such a file: `NAME=value`, or `NAME<<END`, lines, `END`.
pub fn variables(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        let (name, value) = match (line.find('='), line.find("<<")) {
            (Some(equals), heredoc) if heredoc.is_none_or(|at| equals < at) => {
                (&line[..equals], line[equals + 1..].to_owned())
            }
            (_, Some(at)) => {
                let value: Vec<_> = lines
                    .by_ref()
                    .take_while(|next| *next != &line[at + 2..])
                    .collect();
                (&line[..at], value.join("\n"))
            }
            _ => panic!("the runner would refuse {line:?}"),
        };
        found.insert(name.to_owned(), value);
    }
    found
}

#[test]
fn later_steps_have_the_secret_and_the_log_has_not() {
    let sandbox = Sandbox::new();
    files(&sandbox);
    let before = "COLOR=blue\nTEXT<<end\nA=1\nend\n";
    for (to, file) in [("env", "set_env"), ("output", "set_output")] {
        fs::write(sandbox.home().join(file), before).unwrap();
        let inode = fs::metadata(sandbox.home().join(file)).unwrap().ino();
        let name = format!("mail-{to}");
        let made = [
            "generate",
            "smtp",
            &name,
            "--username",
            "ops@example.com",
            "--github",
            to,
        ];
        for args in [
            &made[..],
            &["rotate", &name, "--github", to],
            &["regenerate", "--yes", &name, "--github", to],
            &[
                "revoke",
                "--replace",
                &name,
                "--github",
                to,
                "--env-name",
                "PASSWORD",
            ],
        ] {
            let run = run(&sandbox, args).expect(0);
            let text = held(&sandbox, file);
            assert!(text.starts_with(before), "{text}");
            let read = variables(&text);
            let (user, password) = match args[0] {
                "revoke" => ("USERNAME".to_owned(), "PASSWORD".to_owned()),
                _ => {
                    let start = name.to_uppercase().replace('-', "_");
                    (
                        format!("{start}_SMTP_USERNAME"),
                        format!("{start}_SMTP_PASSWORD"),
                    )
                }
            };
            assert_eq!((&read["COLOR"][..], &read["TEXT"][..]), ("blue", "A=1"));
            assert_eq!(read[&user], "ops@example.com");
            let secret = &read[&password];
            assert_eq!(sandbox.verify(secret).0, "accepted");
            assert_eq!(run.stdout, format!("::add-mask::{secret}\n"));
            let (masks, log) = log(&run);
            assert_eq!(masks, std::slice::from_ref(secret));
            assert!(!log.contains(&secret[..20]), "{log}");
        }
        let path = sandbox.home().join(file);
        assert_eq!(
            fs::metadata(&path).unwrap().ino(),
            inode,
            "the runner reads its own file"
        );
    }
}

#[test]
fn a_secret_that_is_saved_can_be_masked_too() {
    let (sandbox, secret) = Sandbox::with_default_key();
    for args in [
        &["generate", "api", "web", "--format", "env"][..],
        &["reveal", "--passphrase-file", "pass"],
    ] {
        let args = [args, &["--save", args[0], "--github", "mask"]].concat();
        let run = run(&sandbox, &args).expect(0);
        let saved = secret_in(&held(&sandbox, args[0]));
        assert_eq!(run.stdout, format!("::add-mask::{saved}\n"));
        assert_eq!(mode(&sandbox.home().join(args[0])), 0o600);
    }
    assert_eq!(secret_in(&held(&sandbox, "reveal")), secret);
}

#[test]
fn a_secret_is_masked_only_where_a_runner_reads_the_mask() {
    let sandbox = Sandbox::new();
    files(&sandbox);
    let generate = ["generate", "api", "web", "--github", "env"];
    let expect = |mut command: Command, status: i32, says: &str| {
        let run = Run::of(command.output().unwrap()).expect(status);
        assert!(
            run.stderr.contains(says) && run.stderr.contains("hint"),
            "{run:?}"
        );
        expect_silent(&run);
    };
    for value in ["", "false", "1"] {
        let mut command = step(&sandbox, &generate);
        command.env("GITHUB_ACTIONS", value);
        expect(command, 2, "GitHub Actions");
    }
    let mut command = step(&sandbox, &generate);
    command.env_remove("GITHUB_ENV");
    expect(command, 2, "`GITHUB_ENV`");
    let mut command = step(&sandbox, &["generate", "api", "web", "--github", "mask"]);
    command.env_remove("GITHUB_ENV");
    expect(command, 2, "--save");
    expect(
        step(&sandbox, &[&generate[..], &["--save", "x"]].concat()),
        2,
        "conflicts with --save",
    );
    expect(
        step(&sandbox, &[&generate[..], &["--format", "csv"]].concat()),
        2,
        "--format csv",
    );
    let to_file = File::create(sandbox.home().join("log")).unwrap();
    for (stdout, says) in [
        (Stdio::null(), "/dev/null"),
        (Stdio::from(to_file), "is a file"),
    ] {
        let mut command = step(&sandbox, &generate);
        let child = command
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let run = Run::of(child.wait_with_output().unwrap()).expect(6);
        assert!(run.stderr.contains(says), "{run:?}");
    }
    assert_eq!(held(&sandbox, "log"), "");
    assert_eq!(held(&sandbox, "set_env"), "");
    assert!(!sandbox.vault().exists());
}

#[test]
fn a_variable_that_the_runner_refuses_is_an_error_before_a_key_is_created() {
    let sandbox = Sandbox::new();
    files(&sandbox);
    for name in [
        "NODE_OPTIONS",
        "GITHUB_API_KEY",
        "github_x",
        "RUNNER_KEY",
        "PATH",
        "LD_PRELOAD",
        "HOME",
        "IFS",
        "BASH_ENV",
    ] {
        let args = [
            "generate",
            "api",
            "web",
            "--github",
            "env",
            "--env-name",
            name,
        ];
        let run = run(&sandbox, &args).expect(2);
        expect_silent(&run);
        assert!(run.stderr.contains(&format!("`{name}`")), "{run:?}");
        assert!(run.stderr.contains("\nhint: "), "{run:?}");
    }
    // Nor is a key's default variable, but as an output it is allowed.
    let by_itself = run(&sandbox, &["generate", "api", "github", "--github", "env"]).expect(2);
    assert!(by_itself.stderr.contains("--env-name"), "{by_itself:?}");
    assert_eq!(held(&sandbox, "set_env"), "");
    assert!(!sandbox.vault().exists());
    run(
        &sandbox,
        &["generate", "api", "github", "--github", "output"],
    )
    .expect(0);
}

#[test]
fn one_step_does_not_set_one_variable_for_two_keys() {
    for to in ["env", "output"] {
        let sandbox = Sandbox::new();
        files(&sandbox);
        run(&sandbox, &["generate", "api", "a-b", "--github", to]).expect(0);
        let before = held(&sandbox, &format!("set_{to}"));
        let refused = run(&sandbox, &["generate", "api", "a.b", "--github", to]).expect(6);
        expect_silent(&refused);
        assert!(
            refused
                .stderr
                .contains("a step has set `A_B_API_KEY` to the secret of `a-b`"),
            "{refused:?}"
        );
        assert_eq!(held(&sandbox, &format!("set_{to}")), before);
        run(&sandbox, &["rotate", "a-b", "--github", to]).expect(0);
    }
}

#[test]
fn a_variable_of_many_lines_is_seen_and_one_without_an_end_is_refused() {
    let sandbox = Sandbox::new();
    files(&sandbox);
    let other = sandbox.generate(["api", "other"]);
    let made = ["generate", "api", "web", "--github", "env"];
    for (text, says) in [
        (
            "A=1\nTEXT<<END\none\n".to_owned(),
            "has an unterminated value",
        ),
        (
            "TEXT<<END\none\n END\n".to_owned(),
            "has an unterminated value",
        ),
        (
            "A=1\nnot a variable\n".to_owned(),
            "something other than a job",
        ),
        (
            format!("WEB_API_KEY<<END\n{other}\nEND\n"),
            "has set `WEB_API_KEY` to the secret of `other`",
        ),
    ] {
        fs::write(sandbox.home().join("set_env"), &text).unwrap();
        let refused = run(&sandbox, &made).expect(6);
        expect_silent(&refused);
        assert!(refused.stderr.contains(says), "{text}: {refused:?}");
        assert_eq!(held(&sandbox, "set_env"), text);
    }
    assert_eq!(keys(&sandbox), ["other"]);
    let closed = "TEXT<<END\nA<<B\nEND\n";
    fs::write(sandbox.home().join("set_env"), closed).unwrap();
    run(&sandbox, &made).expect(0);
    let set = variables(&held(&sandbox, "set_env"));
    assert_eq!(sandbox.verify(&set["WEB_API_KEY"]).0, "accepted");
}

#[test]
fn an_invalid_runner_file_is_refused_first() {
    let sandbox = Sandbox::new();
    files(&sandbox);
    let home = sandbox.home();
    symlink("set_env", home.join("link")).unwrap();
    fs::create_dir(home.join("folder")).unwrap();
    nix::unistd::mkfifo(&home.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for name in [
        "link",
        "folder",
        "fifo",
        "missing",
        "/dev/null",
        "/dev/full",
    ] {
        let mut command = step(&sandbox, &["generate", "api", "web", "--github", "env"]);
        command.env("GITHUB_ENV", home.join(name));
        let run = Run::of(command.output().unwrap()).expect(6);
        expect_silent(&run);
        assert!(run.stderr.contains(name), "{run:?}");
        assert!(!sandbox.vault().exists(), "{name}");
    }
    assert_eq!(held(&sandbox, "set_env"), "");
    sandbox.generate(["api", "ci"]);
    assert_eq!(keys(&sandbox), ["ci"]);
}
