//! Values that vary between runs or machines, and their replacements.

use regex::Regex;

use crate::sandbox::{POSTKEY, SECRET, Sandbox};

/// The actor in the snapshots.
const WHO: &str = "ops@host1";

/// The width of the preceding column, with the gap.
const BEFORE_WHO: usize = 18;

/// The sandbox in the snapshots: as long as its path, so that tables keep their layout.
const HOME: &str = "/tmp/.[SANDBOX]";

/// Patterns and their replacements. In a table's column, the width is kept.
const RULES: [(&str, &str); 14] = [
    (SECRET, "[SECRET]"),
    (r"\$argon2id\$[\w$=,+/.-]+", "[HASH]"),
    (r"\b([0-9a-f]{64}|[0-9a-f]{32})\b", "[DIGEST]"),
    (r"…[0-9A-Za-z]{4}\b", "…TAIL"),
    (
        r#"(["|,]|tail=|\b(?:tail|retiring) |→ )[0-9A-Za-z]{16}\b"#,
        "$1[TAIL]",
    ),
    (r"\[TAIL\] [0-9A-Za-z]{16}\b", "[TAIL] [TAIL]"),
    (r"(user=[a-z0-9_@.-]+/)[0-9A-Za-z]{16}\b", "$1[TAIL]"),
    (r"(@|Vault: )[0-9a-f]{16}\b", "$1[VAULT]"),
    (r#""uid":\d+"#, r#""uid":0"#),
    (r"(?m)^(\d+,[^,]+),\d+,(\w+,,,)", "$1,0,$2"),
    (r"\bsmtp_[0-9a-f]{8}\b", "smtp_a1b2c3d4"),
    (r"(?m)^target .*$", "target [TARGET]"),
    (r"(?m)^system .*$", "system [SYSTEM]"),
    (r"\b(postkey|SQLite) \d+\.\d+\.\d+", "$1 [VERSION]"),
];

/// The rules with the values of one run.
pub struct Normalizer {
    rules: Vec<(Regex, String)>,
    wider: isize,
}

impl Normalizer {
    /// For a sandbox with a vault, whose log has the actor.
    pub fn new(sandbox: &Sandbox) -> Self {
        let log = sandbox.run(["log", "--format", "json"]).expect(0).json();
        let text = |field| log[0][field].as_str().unwrap().to_owned();
        let (user, host) = (text("user"), text("host"));
        let who = format!("{user}@{host}");
        let (ops, host1) = WHO.split_once('@').unwrap();
        let literal = |text: &str| Regex::new(&regex::escape(text)).unwrap();
        let mut rules = vec![
            (literal(sandbox.home().to_str().unwrap()), HOME.to_owned()),
            (literal(POSTKEY), "[POSTKEY]".to_owned()),
            (
                literal(&format!("{:1$}", "WHO", who.len())),
                format!("{:1$}", "WHO", WHO.len()),
            ),
            (literal(&who), WHO.to_owned()),
            // Text that wraps after that column.
            (
                Regex::new(&format!("(?m)^ {{{}}}", BEFORE_WHO + who.len())).unwrap(),
                " ".repeat(BEFORE_WHO + WHO.len()),
            ),
            (
                literal(&format!("user = {user}\n")),
                format!("user = {ops}\n"),
            ),
            (
                literal(&format!(r#""user":"{user}""#)),
                format!(r#""user":"{ops}""#),
            ),
            (
                literal(&format!(r#""host":"{host}""#)),
                format!(r#""host":"{host1}""#),
            ),
            (
                literal(&format!(",{user},,,{host},")),
                format!(",{ops},,,{host1},"),
            ),
        ];
        let fixed = RULES.map(|(pattern, name)| (Regex::new(pattern).unwrap(), name.to_owned()));
        rules.extend(fixed);
        let wider = who.len() as isize - WHO.len() as isize;
        Self { rules, wider }
    }

    /// How much longer the actor's name is than in the snapshots.
    pub fn wider(&self) -> isize {
        self.wider
    }

    /// The text as it is in a snapshot.
    pub fn apply(&self, text: &str) -> String {
        let rules = self.rules.iter();
        rules.fold(text.to_owned(), |text, (pattern, name)| {
            pattern.replace_all(&text, name.as_str()).into_owned()
        })
    }
}
