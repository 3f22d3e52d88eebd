//! The layout: layers in which each module only sees those below it.

mod arrows;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The layers from the top down; modules may use those in lower layers.
const STAIRCASE: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["command"],
    &["delivery"],
    &["context"],
    &["ui"],
    &["arguments"],
    &["explain"],
    &["serve", "manifest"],
    &["verify", "check"],
    &["process"],
    &["usage"],
    &["destination"],
    &["vault", "settings"],
    &["rotation"],
    &["key", "files"],
    &["error"],
    &["exit"],
];

/// Names that only some modules may use.
const ONLY: [(&str, &[&str]); 16] = [
    ("rusqlite", &["vault", "usage"]),
    ("tokio_postgres", &["vault/database"]),
    ("rustls", &["vault/database"]),
    ("comfy_table", &["ui"]),
    ("dialoguer", &["ui"]),
    ("indicatif", &["ui"]),
    ("toml::", &["settings", "manifest"]),
    ("directories::", &["settings"]),
    ("argon2::", &["key", "memory"]),
    ("unsafe ", &["memory"]),
    (
        "std::env",
        &[
            "cli",
            "command/completions",
            "context/completion",
            "process",
        ],
    ),
    // One module reads the clock.
    ("Timestamp::now(", &["process/clock"]),
    ("SystemTime::now(", &["process/clock"]),
    // These abort if the system cannot start a thread.
    ("thread::spawn(", &[]),
    ("spawn_blocking", &[]),
    ("new_multi_thread", &[]),
];

#[test]
fn modules_only_use_lower_layers() {
    for (path, text) in sources() {
        let (height, code) = (height(&path), code(&text));
        for (above, modules) in STAIRCASE.iter().enumerate() {
            for module in modules.iter().filter(|_| above < height) {
                let seen = format!("crate::{module}");
                assert!(!names(&code, &seen), "{} sees {seen}", path.display());
            }
        }
    }
}

#[test]
fn restricted_names_are_only_used_where_allowed() {
    for (path, text) in sources() {
        let code = code(&text);
        for (word, places) in ONLY {
            let is_place = places
                .iter()
                .any(|place| path.starts_with(place) || path == Path::new(&format!("{place}.rs")));
            assert!(
                is_place || !code.contains(word),
                "{} says {word}",
                path.display()
            );
        }
    }
}

#[test]
fn contributing_lists_every_module() {
    let text = include_str!("../CONTRIBUTING.md");
    for (path, _) in sources() {
        let module = path.iter().next().unwrap().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        let is_named = module == "lib" || text.contains(&format!("`{module}`"));
        assert!(is_named, "{module}");
    }
}

#[test]
fn no_two_types_have_one_name() {
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let kinds = r"(?m)^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait) ([A-Z]\w*)";
    let kinds = Regex::new(kinds).unwrap();
    for (path, text) in sources() {
        for found in kinds.captures_iter(&text) {
            places
                .entry(found[1].to_owned())
                .or_default()
                .push(path.clone());
        }
    }
    assert!(places.len() > 100);
    // As everywhere in Rust, each module has its own `Error`.
    places.remove("Error");
    places.retain(|_, places| places.len() > 1);
    assert_eq!(places, BTreeMap::new());
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}

/// The layer of a file.
fn height(path: &Path) -> usize {
    let module = path
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs");
    STAIRCASE
        .iter()
        .position(|modules| modules.contains(&module))
        .unwrap_or(STAIRCASE.len())
}

/// Whether the text names the module itself, and not one with a longer name.
fn names(text: &str, module: &str) -> bool {
    text.match_indices(module).any(|(at, _)| {
        !text[at + module.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
    })
}

/// A text without its comments.
fn code(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// Every source file, by its path in `src`.
pub fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 20);
    found
}
