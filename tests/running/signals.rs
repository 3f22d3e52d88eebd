//! Signals reach the program once.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::{command, in_shell, keys, with_a_vault};
use crate::prompts::terminal::Terminal;
use crate::sandbox::{POSTKEY, Sandbox};
use crate::secrecy::watch::wait_for;

/// Says which signals it gets within a second, and from whom; ends with status 9.
const COUNT: &str = r#"
import os, signal, sys
names = ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"]
signals = [getattr(signal, "SIG" + name) for name in names]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("ready", flush=True)
wait = 20
while got := signal.sigtimedwait(signals, wait):
    wait = 1
    sender = "terminal" if got.si_code == 0x80 else "parent" if got.si_pid == os.getppid() else "other"
    print("got", names[signals.index(got.si_signo)], "from", sender, flush=True)
print("end", flush=True)
sys.exit(9)
"#;

#[test]
fn each_signal_is_passed_on() {
    let sandbox = with_a_vault();
    for name in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"] {
        let mut child = counting(&sandbox);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        send(name, child.id());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, format!("got {name} from parent\nend\n"));
        assert_eq!(child.wait().unwrap().code(), Some(9));
        assert_eq!(keys(&sandbox), ["stays"]);
    }
}

#[test]
fn a_signal_that_kills_the_program_shows_in_the_status() {
    let sandbox = with_a_vault();
    for (name, status) in [("HUP", 129), ("INT", 130), ("QUIT", 131), ("TERM", 143)] {
        let mut command = command(&sandbox, &[], "echo ready; exec sleep 20");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut String::new()).unwrap();
        send(name, child.id());
        assert_eq!(child.wait().unwrap().code(), Some(status), "{name}");
        assert_eq!(keys(&sandbox), ["stays"]);
    }
}

#[test]
fn a_signal_that_arrives_as_the_program_ends_ends_nothing_else() {
    let sandbox = with_a_vault();
    sandbox.settings(&format!(
        "[[export]]\nformat = \"json\"\nfile = \"{}\"\n",
        sandbox.home().join("keys.json").display()
    ));
    let mut command = command(&sandbox, &[], "echo $$; read line; exit 3");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut program = String::new();
    output.read_line(&mut program).unwrap();
    send("STOP", child.id());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let stat = format!("/proc/{}/stat", program.trim());
    wait_for("the end of the program", || {
        fs::read_to_string(&stat).unwrap().contains(") Z ")
    });
    send("INT", child.id());
    send("CONT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(keys(&sandbox), ["stays"]);
    let exported = fs::read_to_string(sandbox.home().join("keys.json")).unwrap();
    assert!(!exported.contains("run-"), "{exported}");
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let sandbox = with_a_vault();
    let line =
        format!("trap '' HUP; exec {POSTKEY} run -- sh -c 'kill -1 $PPID; kill -1 $$; exit 4'");
    in_shell(&sandbox, &line).expect(4);
    assert_eq!(keys(&sandbox), ["stays"]);
}

#[test]
fn a_program_that_signals_its_group_gets_that_once() {
    let sandbox = with_a_vault();
    let script = "trap 'echo got' TERM; kill -TERM 0; sleep 1; exit 6";
    let line = format!("exec setsid --wait {POSTKEY} run -- sh -c \"{script}\"");
    assert_eq!(in_shell(&sandbox, &line).expect(6).stdout, "got\n");
}

#[test]
fn ctrl_c_reaches_the_program_once() {
    let sandbox = with_a_vault();
    for (key, name) in [("\x03", "INT"), ("\x1c", "QUIT")] {
        let mut terminal = Terminal::start(&counter(&sandbox));
        terminal.expect("ready").press(key);
        terminal.expect(&format!("got {name} from terminal"));
        assert_eq!(terminal.end(), 9);
        assert_eq!(
            terminal.shown().matches("got").count(),
            1,
            "{}",
            terminal.shown()
        );
        terminal.expect_restored();
        assert_eq!(keys(&sandbox), ["stays"]);
    }
}

#[test]
fn ctrl_c_ends_a_program_that_does_not_catch_it() {
    let sandbox = with_a_vault();
    let mut terminal = Terminal::start(&command(&sandbox, &[], "echo ready; exec sleep 20"));
    terminal.expect("ready").press("\x03");
    assert_eq!(terminal.end(), 130);
    assert_eq!(keys(&sandbox), ["stays"]);
}

fn counter(sandbox: &Sandbox) -> Command {
    sandbox.command(["run", "--", "python3", "-c", COUNT])
}

fn counting(sandbox: &Sandbox) -> Child {
    let mut command = counter(sandbox);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

fn send(name: &str, process: u32) {
    let kill = format!("kill -s {name} {process}");
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
}
