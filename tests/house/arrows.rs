//! Dependencies between files: none on a parent module's items, and no cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::{code, sources};

static DEFINITION: LazyLock<Regex> = LazyLock::new(|| {
    let before = r"^(?:pub(?:\([^)]*\))? )?(?:(?:async|const|unsafe) )*";
    let kinds = "fn|struct|enum|trait|type|const|static";
    Regex::new(&format!(r"(?m){before}(?:{kinds}) ([A-Za-z_0-9]+)")).unwrap()
});

static IMPORT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap());

static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[^\w:])([a-z_][a-z_0-9]*(?:::[A-Za-z_0-9]+)+)").unwrap());

/// The names in a file. Paths begin at the crate's root, whose own is empty.
#[derive(Default)]
struct SourceFile {
    defined: BTreeSet<String>,
    /// Paths by the names under which the file imports them.
    imported: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

/// The files by their modules' paths.
struct Files(BTreeMap<String, SourceFile>);

#[test]
fn no_file_uses_what_a_module_above_it_defines() {
    let up: Vec<String> = arrows()
        .into_iter()
        .filter(|(from, to, _)| from.starts_with(&format!("{to}::")))
        .map(|(from, to, item)| format!("{from} uses {item} of {to}"))
        .collect();
    assert_eq!(up, Vec::<String>::new());
}

#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let mut left: BTreeSet<(String, String)> = arrows()
        .into_iter()
        .map(|(from, to, _)| (from, to))
        .collect();
    // A file that uses no other, or is used by none, is not in a cycle.
    loop {
        let from: BTreeSet<String> = left.iter().map(|(from, _)| from.clone()).collect();
        let to: BTreeSet<String> = left.iter().map(|(_, to)| to.clone()).collect();
        let before = left.len();
        left.retain(|arrow| from.contains(&arrow.1) && to.contains(&arrow.0));
        if left.len() == before {
            break;
        }
    }
    assert_eq!(left, BTreeSet::new());
}

#[test]
fn dependencies_point_to_the_defining_file() {
    let files = Files::read(&[
        ("", "mod vault;"),
        (
            "vault",
            "mod keys;\npub use keys::{KeyId, find as found};\npub struct Vault;",
        ),
        (
            "vault::keys",
            "use super::{self as v, Vault};\npub type KeyId = i64;\npub fn find() {}",
        ),
        (
            "usage",
            "use crate::vault::{self, KeyId};\nfn f() { vault::found(); super::vault::Vault }",
        ),
    ]);
    let arrows = files.arrows();
    let arrows: Vec<_> = arrows
        .iter()
        .map(|(from, to, item)| (from.as_str(), to.as_str(), item.as_str()))
        .collect();
    let expected = [
        ("usage", "vault", "Vault"),
        ("usage", "vault::keys", "KeyId"),
        ("usage", "vault::keys", "find"),
        ("vault", "vault::keys", "KeyId"),
        ("vault", "vault::keys", "find"),
        ("vault::keys", "vault", "Vault"),
    ];
    assert_eq!(arrows, expected);
}

/// Who uses which item of whom, without the modules that are exempt.
fn arrows() -> Vec<(String, String, String)> {
    let sources: Vec<(String, String)> = sources()
        .into_iter()
        .map(|(path, text)| (module(&path.to_string_lossy()), without_tests(&code(&text))))
        .filter(|(module, _)| !module.split("::").any(|name| name == "tests"))
        .collect();
    let sources: Vec<(&str, &str)> = sources
        .iter()
        .map(|(module, code)| (module.as_str(), code.as_str()))
        .collect();
    let arrows = Files::read(&sources).arrows();
    assert!(arrows.len() > 2000, "{}", arrows.len());
    arrows
}

/// The module path of a file: `vault::keys` for `vault/keys.rs`.
fn module(path: &str) -> String {
    let path = path.trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    match path {
        "lib" => String::new(),
        path => path.replace('/', "::"),
    }
}

/// A text without the tests at its end.
fn without_tests(code: &str) -> String {
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..end].to_owned()
}

impl Files {
    fn read(sources: &[(&str, &str)]) -> Self {
        let all: BTreeSet<&str> = sources.iter().map(|(module, _)| *module).collect();
        let read = |&(module, code): &(&str, &str)| {
            (module.to_owned(), SourceFile::read(module, code, &all))
        };
        Self(sources.iter().map(read).collect())
    }

    /// Who uses which item of whom.
    fn arrows(&self) -> Vec<(String, String, String)> {
        let mut arrows = BTreeSet::new();
        for (from, file) in &self.0 {
            for path in &file.used {
                if let Some((to, item)) = self.definition(path)
                    && to != *from
                {
                    arrows.insert((from.clone(), to, item));
                }
            }
        }
        arrows.into_iter().collect()
    }

    /// The module whose file defines a path's target, following re-exports; `None` for a module,
    /// and for other crates.
    fn definition(&self, path: &str) -> Option<(String, String)> {
        let (mut module, mut rest) = (String::new(), path);
        loop {
            let (name, after) = rest.split_once("::").unwrap_or((rest, ""));
            let file = self.0.get(&module)?;
            let inner = join(&module, name);
            if self.0.contains_key(&inner) && !after.is_empty() {
                (module, rest) = (inner, after);
            } else if file.defined.contains(name) {
                return Some((module, name.to_owned()));
            } else {
                let path = file.imported.get(name).filter(|path| **path != inner)?;
                return self.definition(&join(path, after));
            }
        }
    }
}

impl SourceFile {
    fn read(module: &str, code: &str, modules: &BTreeSet<&str>) -> Self {
        let mut file = Self::default();
        for found in DEFINITION.captures_iter(code) {
            file.defined.insert(found[1].to_owned());
        }
        for found in IMPORT.captures_iter(code) {
            let tree = found[1].split_whitespace().collect::<Vec<_>>().join(" ");
            for (path, name) in leaves(&tree) {
                if let Some(path) = file.rooted(module, &path, modules) {
                    file.used.insert(path.clone());
                    file.imported.insert(name, path);
                }
            }
        }
        let code = IMPORT.replace_all(code, "");
        for found in PATH.captures_iter(&code) {
            file.used.extend(file.rooted(module, &found[1], modules));
        }
        file
    }

    /// A path in this module, from the root; `None` for other crates.
    fn rooted(&self, module: &str, path: &str, modules: &BTreeSet<&str>) -> Option<String> {
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let above = module.rsplit_once("::").map_or("", |(above, _)| above);
        let inner = join(module, first);
        match first {
            "crate" => Some(rest.to_owned()),
            "self" => Some(join(module, rest)),
            "super" if rest.starts_with("super") => self.rooted(above, rest, modules),
            "super" => Some(join(above, rest)),
            _ if modules.contains(inner.as_str()) => Some(join(&inner, rest)),
            _ => self.imported.get(first).map(|path| join(path, rest)),
        }
    }
}

/// The paths of an import such as `a::{b, c::D as E}`, and the name of each.
fn leaves(tree: &str) -> Vec<(String, String)> {
    let Some((before, inner)) = tree.split_once('{') else {
        let (path, name) = match tree.split_once(" as ") {
            Some((path, name)) => (path, Some(name)),
            None => (tree, None),
        };
        let path = path.trim().trim_end_matches("::self");
        let name = name.or(path.rsplit("::").next()).unwrap_or(path);
        return vec![(path.to_owned(), name.to_owned())];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let all = branches(inner)
        .into_iter()
        .map(str::trim)
        .filter(|branch| !branch.is_empty());
    all.flat_map(|branch| leaves(&format!("{}{branch}", before.trim())))
        .collect()
}

/// The parts of a list, separated by commas outside of braces.
fn branches(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        character == ',' && depth == 0
    })
    .collect()
}

fn join(path: &str, rest: &str) -> String {
    match (path, rest) {
        ("", rest) => rest.to_owned(),
        (path, "") => path.to_owned(),
        (path, rest) => format!("{path}::{rest}"),
    }
}
