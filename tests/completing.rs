//! Completion in real shells, with the committed scripts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::prompts::terminal::Terminal;
use crate::sandbox::{POSTKEY, Sandbox};

/// A shell's prompt.
const READY: &str = "ready> ";

/// Well below the five seconds for which a command waits for a locked vault.
const QUICK: Duration = Duration::from_secs(3);

#[test]
fn bash_completes_verbs_flags_and_names() {
    completes_interactively("bash");
}

#[test]
fn bash_quotes_the_names_of_files_that_have_blanks_in_them() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.run(["backup", "my copy.db"]).expect(0);
    std::fs::create_dir(sandbox.home().join("a folder")).unwrap();
    sandbox.run(["backup", "a folder/copy.db"]).expect(0);
    let mut terminal = interactive("bash", &sandbox, &[]);
    for keys in [
        "postkey restore --dry-run my\t\r",
        "postkey restore --dry-run my\\ c\t\r",
        "postkey restore --dry-run a\\ folder/c\t\r",
        "postkey restore --dry-run a\tc\t\r",
    ] {
        terminal
            .press(keys)
            .expect("the backup holds")
            .expect(READY);
    }
}

#[test]
fn zsh_completes_verbs_flags_and_names() {
    completes_interactively("zsh");
}

/// Each completed line is run: its output shows the completion.
fn completes_interactively(shell: &str) {
    let sandbox = Sandbox::with_three_keys();
    let mut terminal = interactive(shell, &sandbox, &[]);
    for (keys, printed) in [
        ("postkey lis\t dev\r", "full"),
        ("postkey list --forma\t csv\r", "name,kind,username"),
        ("postkey show prod-m\t\r", "SMTP"),
        (
            "postkey delete --yes --confirm prod-m\t dev\r",
            "`dev` is deleted",
        ),
    ] {
        terminal.press(keys).expect(printed).expect(READY);
    }
    terminal.press("postkey show pro\t\t\t");
    terminal.expect("prod-mail").expect("prod-web");
}

#[test]
fn bash_completes_names_from_the_vault_that_is_meant() {
    completes_from_the_vault_that_is_meant("bash");
}

#[test]
fn zsh_completes_names_from_the_vault_that_is_meant() {
    completes_from_the_vault_that_is_meant("zsh");
}

fn completes_from_the_vault_that_is_meant(shell: &str) {
    let (keys, elsewhere) = (Sandbox::with_three_keys(), Sandbox::new());
    let vault = keys.vault();
    let vault = vault.to_str().unwrap();
    let mut terminal = interactive(shell, &elsewhere, &[]);
    terminal.press(&format!("postkey --vault {vault} show prod-m\t\r"));
    terminal.expect("SMTP");
    let mut terminal = interactive(shell, &elsewhere, &[("POSTKEY_VAULT", vault)]);
    terminal.press("postkey show prod-m\t\r").expect("SMTP");
}

#[test]
fn fish_completes_verbs_flags_and_names() {
    let sandbox = Sandbox::with_three_keys();
    for (line, completions) in [
        ("postkey gen", &["generate"][..]),
        ("postkey list --forma", &["--format"]),
        ("postkey list --kind s", &["smtp"]),
        ("postkey show pro", &["prod-mail", "prod-web"]),
        ("postkey show PROD-W", &["prod-web"]),
        ("postkey show nothing", &[]),
        ("postkey generate api x --plan st", &["starter"]),
        (
            "postkey restore x.db --confirm pro",
            &["prod-mail", "prod-web"],
        ),
    ] {
        assert_eq!(fish(&sandbox, line, &[]), completions, "{line}");
    }
}

#[test]
fn fish_completes_the_labels_and_owners_of_the_vault() {
    let sandbox = Sandbox::with_three_keys();
    for (name, label, owner) in [
        ("dev", "env=test,team=shop", "ada"),
        ("prod-web", "env=prod,team=shop", "Team$(touch pwned);id"),
        ("prod-mail", "env=prod", "Team-Mail"),
    ] {
        let set = ["set", name, "--label", label, "--owner", owner];
        sandbox.run(set).expect(0);
    }
    for (line, completions) in [
        (
            "postkey generate api x --label en",
            &["env=prod", "env=test"][..],
        ),
        (
            "postkey generate api x --label tier=1,env=p",
            &["tier=1,env=prod"],
        ),
        ("postkey set dev --clear-label t", &["team"]),
        ("postkey set dev --clear-label team,e", &["team,env"]),
        // Not what a shell would run.
        ("postkey set dev --owner T", &["Team-Mail"]),
        ("postkey set dev --owner a", &["ada"]),
    ] {
        assert_eq!(fish(&sandbox, line, &[]), completions, "{line}");
    }
}

#[test]
fn fish_completes_the_names_of_vaults_and_their_keys() {
    let sandbox = Sandbox::with_three_keys();
    let vault = sandbox.vault();
    let vault = vault.display();
    let settings = format!("[vaults]\nstaging = \"{vault}\"\nstaged = \"{vault}\"\n");
    sandbox.settings(&settings);
    for (line, completions) in [
        ("postkey --vault sta", &["staged", "staging"][..]),
        ("postkey list --vault stagi", &["staging"]),
        ("postkey --vault staging show prod-m", &["prod-mail"]),
    ] {
        assert_eq!(fish(&sandbox, line, &[]), completions, "{line}");
    }
    let variable = [("POSTKEY_VAULT", "staging")];
    assert_eq!(
        fish(&sandbox, "postkey show prod-m", &variable),
        ["prod-mail"]
    );
}

#[test]
fn every_command_that_takes_a_name_completes_it() {
    let sandbox = Sandbox::with_three_keys();
    for words in [
        "show",
        "deactivate",
        "activate",
        "regenerate",
        "revoke",
        "rotate",
        "rotate --finish",
        "rotate --abort",
        "delete",
        "delete dev",
        "delete --confirm",
        "rename",
        "describe",
        "set",
        "check",
        "log",
        "connect curl",
    ] {
        let line = format!("postkey {words} pro");
        let found = fish(&sandbox, &line, &[]);
        assert_eq!(found, ["prod-mail", "prod-web"], "{line}");
    }
}

#[test]
fn fish_completes_names_from_the_vault_that_is_meant() {
    let (keys, elsewhere) = (Sandbox::with_three_keys(), Sandbox::new());
    let vault = keys.vault();
    let vault = vault.to_str().unwrap();
    let variable = [("POSTKEY_VAULT", vault)];
    let flag = format!("postkey --vault {vault} show prod-m");
    let joined = format!("postkey --vault={vault} show prod-m");
    assert_eq!(
        fish(&elsewhere, "postkey show prod-m", &variable),
        ["prod-mail"]
    );
    assert_eq!(fish(&elsewhere, &flag, &[]), ["prod-mail"]);
    assert_eq!(fish(&elsewhere, &joined, &[]), ["prod-mail"]);
    assert!(fish(&elsewhere, "postkey show prod-m", &[]).is_empty());
}

#[test]
fn an_unreadable_vault_completes_nothing_silently() {
    let sandbox = Sandbox::with_three_keys();
    for vault in hostile_vaults(&sandbox) {
        for shell in ["bash", "zsh", "fish"] {
            let output = asked_by(shell, &sandbox, &vault);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert_eq!(said, "", "{shell}, {}", vault.display());
        }
    }
}

#[test]
fn a_locked_vault_does_not_block_completion() {
    let sandbox = Sandbox::with_three_keys();
    let busy = Connection::open(sandbox.vault()).unwrap();
    busy.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let start = Instant::now();
    let output = asked_by("bash", &sandbox, &sandbox.vault());
    assert!(start.elapsed() < QUICK, "it took {:?}", start.elapsed());
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_shell_shows_no_error_while_it_completes() {
    let sandbox = Sandbox::with_three_keys();
    let vaults = hostile_vaults(&sandbox);
    for shell in ["bash", "zsh"] {
        let damaged = vaults[1].to_str().unwrap();
        let mut terminal = interactive(shell, &sandbox, &[("POSTKEY_VAULT", damaged)]);
        terminal.press("postkey show pro\t\t\x15echo do\"\"ne\r");
        terminal.expect("done");
        let shown = terminal.shown();
        assert!(
            !shown.contains("error") && !shown.contains("not a"),
            "{shown:?}"
        );
    }
}

/// A shell with completion loaded as users load it.
fn interactive(shell: &str, sandbox: &Sandbox, variables: &[(&str, &str)]) -> Terminal {
    let scripts = scripts();
    let scripts = scripts.display();
    let (file, text) = match shell {
        "bash" => (".bashrc", format!("source '{scripts}/postkey.bash'")),
        _ => (
            ".zshrc",
            format!("fpath=('{scripts}' $fpath)\nautoload -Uz compinit\ncompinit -u -D"),
        ),
    };
    let text = format!("{text}\nPS1='{READY}'\n");
    fs::write(sandbox.home().join(file), text).unwrap();
    let mut command = command(shell, sandbox);
    command.arg("-i").envs(variables.iter().copied());
    let mut terminal = Terminal::start(&command);
    terminal.expect(READY);
    terminal
}

/// fish's candidates for a command line.
fn fish(sandbox: &Sandbox, line: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let load = format!("source '{}/postkey.fish'", scripts().display());
    let offer = format!("complete -C '{line}'");
    let mut command = command("fish", sandbox);
    command.args(["--no-config", "-c", &format!("{load}; {offer}")]);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let word = |line: &str| line.split('\t').next().unwrap().to_owned();
    text.lines().map(word).collect()
}

/// The script's candidates for `postkey show pro`.
fn asked_by(shell: &str, sandbox: &Sandbox, vault: &Path) -> Output {
    let mut command = sandbox.command(["--", "postkey", "show", "pro"]);
    command
        .env("POSTKEY_COMPLETE", shell)
        .env("POSTKEY_VAULT", vault)
        .env("_CLAP_COMPLETE_INDEX", "2");
    command.output().unwrap()
}

/// Vaults that are missing, damaged, something else, or links.
fn hostile_vaults(sandbox: &Sandbox) -> Vec<PathBuf> {
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let names = ["missing.db", "damaged.db", "text.db", "link.db", "fifo.db"];
    let vaults: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let mut bytes = fs::read(sandbox.vault()).unwrap();
    bytes[100..].fill(0xff);
    fs::copy(sandbox.vault(), &vaults[1]).unwrap();
    fs::write(&vaults[1], bytes).unwrap();
    fs::copy(sandbox.vault(), &vaults[2]).unwrap();
    fs::write(&vaults[2], "prod-mail is not in a vault\n").unwrap();
    std::os::unix::fs::symlink(sandbox.vault(), &vaults[3]).unwrap();
    nix::unistd::mkfifo(&vaults[4], nix::sys::stat::Mode::S_IRWXU).unwrap();
    vaults
}

/// A sandboxed shell with the tested binary first in its PATH.
fn command(shell: &str, sandbox: &Sandbox) -> Command {
    expect_installed(shell);
    let ours = Path::new(POSTKEY).parent().unwrap();
    let theirs = std::env::var_os("PATH").unwrap_or_default();
    let mut path = vec![ours.to_owned()];
    path.extend(std::env::split_paths(&theirs));
    let mut command = Command::new(shell);
    command
        .env_clear()
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", sandbox.home())
        .env("TERM", "xterm")
        .env("TZ", "UTC")
        .current_dir(sandbox.home())
        .stdin(Stdio::null());
    command
}

fn expect_installed(shell: &str) {
    let runs = Command::new(shell).args(["-c", "exit"]).status();
    assert!(
        runs.is_ok_and(|status| status.success()),
        "{shell} is not installed: `apt-get install {shell}` brings it"
    );
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}
