//! Programs with the code that `connect` prints for an API key.

use std::fs;
use std::process::Command;

use super::{Kind, Setup};
use crate::mail::Debian;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::program;

/// The programs, what runs each, and its file.
const PROGRAMS: [(&str, &str, &str); 5] = [
    ("curl", "sh", "call.sh"),
    ("node", "node", "call.mjs"),
    ("python", "python3", "call.py"),
    ("php", "php", "call.php"),
    ("ruby", "ruby", "call.rb"),
];

#[test]
fn each_program_calls_the_api_with_the_key_in_its_environment() {
    for serve in [
        "",
        "headers = []\n",
        "headers = [\"x-token\", \"api-key\"]\n",
    ] {
        let setup = Setup::start_set(Kind::Nginx(Debian::Here), serve);
        let sandbox = &setup.sandbox;
        let secret = sandbox.generate(["api", "app-1"]);
        let reader = ["api", "other", "--permission", "send-only"];
        let reader = sandbox.generate(reader);
        sandbox.settings(&format!(
            "[serve]\n{serve}[api]\nurl = \"http://{}/v3/contacts?limit=1\"\n",
            setup.address
        ));
        for (name, interpreter, file) in PROGRAMS {
            let printed = sandbox.run(["connect", name, "app-1"]).expect(0);
            assert_eq!(printed.stderr, "");
            fs::write(sandbox.home().join(file), &printed.stdout).unwrap();
            let run = |secret: Option<&str>| {
                let mut command = calling(sandbox, interpreter, file);
                if let Some(secret) = secret {
                    command.env("APP_1_API_KEY", secret);
                }
                Run::of(command.output().unwrap())
            };
            let accepted = run(Some(&secret)).expect(0);
            assert!(is_answer(&accepted), "{name}: {accepted:?}");
            let received = setup.only();
            assert_eq!(received.header("x-postkey-name"), ["app-1"], "{name}");
            // What is refused is an error, also of the program.
            for refused in [run(Some(&reader)), run(Some("x")), run(None)] {
                assert_ne!(refused.status, 0, "{name}: {refused:?}");
                assert!(!is_answer(&refused), "{name}: {refused:?}");
            }
            setup.expect_nothing_got_through();
        }
    }
}

/// Whether a program printed the backend's answer, which depends on the version of HTTP.
fn is_answer(run: &Run) -> bool {
    ["\"contacts\"", "backend"]
        .iter()
        .any(|text| run.stdout.contains(text))
}

fn calling(sandbox: &Sandbox, interpreter: &str, file: &str) -> Command {
    program(&sandbox.command([file]), interpreter)
}
