//! Programs with the code that `connect` prints for an API key.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::spawn;

use super::backend::Backend;
use super::{Kind, Setup};
use crate::mail::Debian;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::program;
use crate::serve::server::loopback;

/// The programs, the file of each, and how it is run.
const PROGRAMS: [(&str, &str, &str); 6] = [
    ("curl", "call.sh", "sh call.sh"),
    ("node", "call.mjs", "node call.mjs"),
    ("python", "call.py", "python3 call.py"),
    ("php", "call.php", "php call.php"),
    ("ruby", "call.rb", "ruby call.rb"),
    (
        "go",
        "call.go",
        "{ [ call -nt call.go ] || gccgo -o call call.go; } && ./call",
    ),
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
        for (name, file, run) in PROGRAMS {
            let printed = sandbox.run(["connect", name, "app-1"]).expect(0);
            assert_eq!(printed.stderr, "");
            fs::write(sandbox.home().join(file), &printed.stdout).unwrap();
            let run = |secret: Option<&str>| {
                let mut command = calling(sandbox, run);
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

#[test]
fn no_program_sends_the_key_where_the_api_redirects_to() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "app-1"]);
    let [api, elsewhere] = [loopback(), loopback()].map(|host| format!("{host}:17700"));
    let elsewhere_received = Backend::start(&elsewhere);
    let (listener, stranger) = (TcpListener::bind(&api).unwrap(), elsewhere.clone());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            counter.fetch_add(1, Ordering::SeqCst);
            redirect(stream, &stranger);
        }
    });
    sandbox.settings(&format!("[api]\nurl = \"http://{api}/\"\n"));
    for (name, file, run) in PROGRAMS {
        let printed = sandbox.run(["connect", name, "app-1"]).expect(0);
        fs::write(sandbox.home().join(file), &printed.stdout).unwrap();
        let mut command = calling(&sandbox, run);
        command.env("APP_1_API_KEY", &secret).output().unwrap();
        assert_eq!(asked.swap(0, Ordering::SeqCst), 1, "{name}");
        let received = format!("{:?}", elsewhere_received.received());
        assert!(!received.contains(&secret), "{name}: {received}");
    }
}

/// Answers one request with a redirect to another server.
fn redirect(mut stream: TcpStream, address: &str) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let _ = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .count();
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{address}/\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    let _ = stream.write_all(answer.as_bytes());
}

/// Whether a program printed the backend's answer, which depends on the version of HTTP.
fn is_answer(run: &Run) -> bool {
    ["\"contacts\"", "backend"]
        .iter()
        .any(|text| run.stdout.contains(text))
}

fn calling(sandbox: &Sandbox, run: &str) -> Command {
    program(&sandbox.command(["-c", run]), "sh")
}
