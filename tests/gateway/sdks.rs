//! Brevo's own SDKs, with the URL of an API protected by nginx and postkey.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Kind, Setup};
use crate::mail::Debian;
use crate::parallel::on_each;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::program;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sdk {
    /// PyPI's sib-api-v3-sdk.
    Sib,
    /// PyPI's brevo-python, version 1.
    Brevo1,
    /// Its current version.
    Brevo,
    /// npm's @getbrevo/brevo.
    Node,
}

impl Sdk {
    const ALL: [Self; 4] = [Self::Sib, Self::Brevo1, Self::Brevo, Self::Node];

    /// The exception that it raises for a refusal.
    fn error(self) -> &'static str {
        match self {
            Self::Sib | Self::Brevo1 => "ApiException",
            Self::Brevo => "ApiError",
            Self::Node => "BrevoError",
        }
    }

    /// Whether it retries after a 429, even if not told when.
    fn is_current(self) -> bool {
        matches!(self, Self::Brevo | Self::Node)
    }

    /// The result of each call, by a script in tests/gateway/sdks.
    fn call(self, setup: &Setup, calls: &[String]) -> Vec<String> {
        let input = setup.sandbox.home().join("calls");
        fs::write(&input, calls.join("\n")).unwrap();
        let mut command = self.command(setup);
        command.stdin(File::open(input).unwrap());
        let run = Run::of(command.output().unwrap()).expect(0);
        run.stdout.lines().map(String::from).collect()
    }

    fn command(self, setup: &Setup) -> Command {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdks");
        assert!(
            folder.join("installed").exists(),
            "`{}` is missing: tests/run makes it",
            folder.display()
        );
        let (interpreter, script, module) = match self {
            Self::Sib => (
                folder.join("older/bin/python"),
                "older.py",
                "sib_api_v3_sdk",
            ),
            Self::Brevo1 => (folder.join("older/bin/python"), "older.py", "brevo_python"),
            Self::Brevo => (folder.join("current/bin/python"), "current.py", "brevo"),
            Self::Node => (PathBuf::from("node"), "current.cjs", "@getbrevo/brevo"),
        };
        let script = format!("{}/tests/gateway/sdks/{script}", env!("CARGO_MANIFEST_DIR"));
        let url = format!("http://{}/v3", setup.address);
        let arguments = setup.sandbox.command([&*script, module, &url]);
        let mut command = program(&arguments, interpreter.to_str().unwrap());
        command.env("NODE_PATH", folder.join("node_modules"));
        command
    }
}

/// A call with a key for each SDK.
fn calls<const N: usize>(key: &str, names: [&str; N]) -> Vec<String> {
    names.map(|name| format!("{key} {name}")).to_vec()
}

#[test]
fn an_sdk_gets_answers_with_a_valid_key_and_else_an_error_with_status_code_and_message() {
    const ALL: [&str; 4] = ["account", "contacts", "create", "send"];
    on_each(Sdk::ALL, |sdk| {
        let setup = Setup::start(Kind::Nginx(Debian::Here));
        let refusal = |rest| format!("{} {rest}", sdk.error());
        let let_through = || -> Vec<String> {
            let received = setup.backend.received();
            assert!(received.iter().all(|one| one.header("api-key").is_empty()));
            let names = received.iter().map(|one| one.header("x-postkey-name"));
            names.map(|name| name.concat()).collect()
        };

        let valid = setup.sandbox.generate(["api", "valid"]);
        let answers = ["ops@example.com", "0", "7", "<1@example.com>"];
        assert_eq!(sdk.call(&setup, &calls(&valid, ALL)), answers);
        assert_eq!(let_through(), ["valid"; 4]);

        let unknown = Sandbox::new().generate(["api", "elsewhere"]);
        let unauthorized = refusal("401 unauthorized Invalid API key provided");
        assert_eq!(
            sdk.call(&setup, &calls(&unknown, ALL)),
            vec![unauthorized; 4]
        );
        setup.expect_nothing_got_through();

        let read_only = ["api", "reader", "--permission", "read-only"];
        let reader = setup.sandbox.generate(read_only);
        let denied = refusal("403 permission_denied API key does not have required permissions");
        let answers = ["ops@example.com", "0", &denied, &denied];
        assert_eq!(sdk.call(&setup, &calls(&reader, ALL)), answers);
        assert_eq!(let_through(), ["reader"; 2]);
    });
}

#[test]
fn sdks_raise_a_used_up_limit_without_long_waits() {
    const REFUSED: &str = "429 too_many_requests Rate limit exceeded for API key";
    on_each(Sdk::ALL, |sdk| {
        let setup = Setup::start(Kind::Nginx(Debian::Here));
        let few = setup.sandbox.generate(["api", "few", "--limit", "1/day"]);
        let retries = if sdk.is_current() { " 0" } else { "" };
        let calls = calls(&few, ["contacts", "contacts", "send"]);
        let calls: Vec<_> = calls
            .iter()
            .map(|call| format!("{call}{retries}"))
            .collect();
        // The current ones declare a 429 of some calls.
        let declared = if sdk.is_current() {
            "TooManyRequestsError"
        } else {
            sdk.error()
        };
        let answers = [
            "0",
            &format!("{declared} {REFUSED}"),
            &format!("{} {REFUSED}", sdk.error()),
        ];
        assert_eq!(sdk.call(&setup, &calls), answers);
        assert_eq!(setup.backend.received().len(), 1);
    });
}

#[test]
fn current_sdks_retry_twice_before_raising_a_used_up_limit() {
    on_each([Sdk::Brevo, Sdk::Node], |sdk| {
        let setup = Setup::start(Kind::Nginx(Debian::Here));
        let few = setup.sandbox.generate(["api", "few", "--limit", "1/day"]);
        let answers = sdk.call(&setup, &calls(&few, ["contacts", "send"]));
        let waits = answers[1].split_once("Rate limit exceeded for API key ");
        let waits = waits.unwrap_or_else(|| panic!("{answers:?}")).1.split(' ');
        let waits: Vec<f64> = waits.map(|seconds| seconds.parse().unwrap()).collect();
        assert_eq!(waits.len(), 2, "{answers:?}");
        assert!(
            waits.iter().all(|wait| (..=72.0).contains(wait)),
            "{waits:?}"
        );
    });
}
