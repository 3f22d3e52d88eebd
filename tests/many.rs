//! Many keys at once: `generate --from`.

mod asked;
mod folders;
mod killed;
mod races;
mod screen;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::run_with_input;

impl Sandbox {
    /// A file with this many names, `key-1` to `key-N`.
    pub fn names(&self, count: usize) -> Vec<String> {
        let names: Vec<String> = (1..=count).map(|number| format!("key-{number}")).collect();
        fs::write(self.home().join("names"), names.join("\n")).unwrap();
        names
    }

    /// Creates a key for each name in the file, with the secrets in the folder `keys`.
    pub fn make_many(&self, more: &[&str]) -> Run {
        Run::of(self.many(more).output().unwrap())
    }

    fn many(&self, more: &[&str]) -> std::process::Command {
        let args = ["generate", "api", "--from", "names", "--save-dir", "keys"];
        self.command(args.iter().chain(more).copied())
    }

    /// The same, in the background.
    fn start_many(&self, more: &[&str]) -> Child {
        let mut command = self.many(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The folder of the secrets.
    fn secrets(&self) -> PathBuf {
        self.home().join("keys")
    }

    /// The number of keys.
    fn count(&self) -> usize {
        let listed = self.run(["list", "--format", "jsonl"]);
        // A run that is killed while it creates the vault leaves none: what it wrote is rolled back.
        if listed.stderr.contains("there is no vault") {
            return 0;
        }
        let listed = listed.expect(0);
        listed.stdout.lines().count()
    }

    /// For each file in a folder, the name of the key for which its secret is valid.
    fn opened(&self, folder: &Path) -> BTreeMap<String, Option<String>> {
        let files = files(folder);
        let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
        let (texts, tails): (Vec<String>, Vec<String>) =
            texts.map(|text| (text.clone(), tail(&text))).unzip();
        if texts.is_empty() {
            return BTreeMap::new();
        }
        let input = texts.concat();
        let run = run_with_input(self, &["identify", "--format", "jsonl"], &input);
        let told: BTreeMap<String, Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|told| (told["presented_tail"].as_str().unwrap().to_owned(), told))
            .collect();
        let name = |tail| {
            let told: &Value = &told[tail];
            let name = told["key"]["name"].as_str().map(str::to_owned);
            name.filter(|_| told["good"].as_bool().unwrap())
        };
        let opened = files.iter().zip(&tails);
        opened
            .map(|(path, tail)| (file_name(path), name(tail)))
            .collect()
    }

    /// Checks that each name has a key whose secret is in its file, and that there is nothing else.
    #[track_caller]
    fn expect_all(&self, names: &[String]) {
        let opened = self.opened(&self.secrets());
        let expected = names.iter().map(|name| (name.clone(), Some(name.clone())));
        assert_eq!(opened, expected.collect());
        assert_eq!(self.count(), names.len());
        self.run(["log", "verify"]).expect(0);
    }
}

/// All files in a folder except temporary ones, if it exists.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !file_name(path).starts_with(".postkey-"))
        .collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The tail of the only secret in a text.
fn tail(text: &str) -> String {
    let pattern = regex::Regex::new(crate::sandbox::SECRET).unwrap();
    let found = pattern.find(text).unwrap_or_else(|| panic!("{text}"));
    found.as_str()[found.as_str().len() - 16..].to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
