//! The guide's files for CI systems, run as these systems run them, as far as possible.

use std::fs;
use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::github::{log, variables};
use super::secret_in;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// The deployment: it needs the new key, and prints what it found.
const DEPLOY: &str = "#!/bin/sh
set -e
printf %s \"$API_KEY\" | postkey verify --no-record
printf %s \"$API_KEY\" >deployed
echo \"deployed with $API_KEY\"
";

#[test]
fn the_workflow_for_github_rotates_a_key_and_its_log_has_no_secret() {
    let sandbox = with_a_job();
    let job = &of_guide("### GitHub Actions")["jobs"]["rotate"];
    let mut handed_on = std::collections::BTreeMap::new();
    let mut masks = Vec::new();
    let mut told = String::new();
    for step in job["steps"].as_array().unwrap() {
        let Some(script) = step["run"].as_str() else {
            assert_eq!(step["uses"], "actions/checkout@v4");
            continue;
        };
        let file = sandbox.home().join("set_env");
        fs::write(&file, "").unwrap();
        let mut command = bash(&sandbox, script);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ENV", &file);
        let run = Run::of(command.envs(&handed_on).output().unwrap()).expect(0);
        handed_on.extend(variables(&fs::read_to_string(&file).unwrap()));
        let (new_masks, text) = log(&run);
        masks.extend(new_masks);
        told += &masks
            .iter()
            .fold(text, |text, mask| text.replace(mask, "***"));
    }
    assert!(told.contains("deployed with ***"), "{told}");
    expect_rotated(&sandbox, &told);
}

#[test]
fn the_job_for_gitlab_rotates_a_key_and_its_log_has_no_secret() {
    let sandbox = with_a_job();
    // Nothing is masked there, so the deployment must not print it.
    fs::write(
        sandbox.home().join("deploy"),
        DEPLOY.replace("$API_KEY\"\n", "it\"\n"),
    )
    .unwrap();
    let job = &of_guide("### GitLab CI/CD")["rotate"];
    let mut told = String::new();
    for part in ["script", "after_script"] {
        let lines: Vec<_> = job[part]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        let (mut reader, writer) = pipe().unwrap();
        let mut command = bash(&sandbox, &lines.join("\n"));
        command
            .env("GITLAB_CI", "true")
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command);
        reader.read_to_string(&mut told).unwrap();
        assert!(child.wait().unwrap().success(), "{told}");
    }
    assert!(told.contains("deployed with it"), "{told}");
    expect_rotated(&sandbox, &told);
    assert!(!sandbox.home().join("shop.env").exists());
}

/// A home with the key `shop`, the deployment, and `postkey`.
fn with_a_job() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "shop"]);
    let deploy = sandbox.home().join("deploy");
    fs::write(&deploy, DEPLOY).unwrap();
    fs::set_permissions(&deploy, fs::Permissions::from_mode(0o700)).unwrap();
    sandbox
}

fn bash(sandbox: &Sandbox, script: &str) -> Command {
    let mut command = program(&sandbox.command(["-ec", script]), "bash");
    let folder = Path::new(POSTKEY).parent().unwrap().display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    command
        .env("PATH", path)
        .env("CI", "true")
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn expect_rotated(sandbox: &Sandbox, told: &str) {
    let deployed = fs::read_to_string(sandbox.home().join("deployed")).unwrap();
    let secret = secret_in(&deployed);
    assert_eq!(sandbox.verify(&secret).0, "accepted");
    assert!(!told.contains(&secret[..20]), "{told}");
    assert_eq!(sandbox.show("shop")["status"], "active");
    assert_eq!(sandbox.show("shop")["secrets"].as_array().unwrap().len(), 1);
}

/// The YAML below a heading of the guide, by an independent parser.
fn of_guide(heading: &str) -> Value {
    let text = crate::readme::guide("ci");
    let (_, below) = text.split_once(heading).unwrap();
    let (_, block) = below.split_once("```yaml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
    let mut python = Command::new("/usr/bin/python3");
    let output = python.args(["-c", script, block]).output().unwrap();
    serde_json::from_str(&Run::of(output).expect(0).stdout).unwrap()
}
