//! Mistakes in manifests: what is reported, on which line, with which hint.

use std::path::Path;

use super::read;
use crate::settings::Settings;

/// The start of a valid key.
const API: &str = "[[key]]\nname = \"a\"\nkind = \"api\"\n";
const SAVE: &str = "save = { file = \".env\", secret = \"KEY\" }\n";

/// A manifest, the line of its mistake, and parts of the message and the hint.
fn cases() -> Vec<(String, usize, &'static str, &'static str)> {
    let api = |more: &str| format!("{API}{SAVE}{more}\n");
    let save = |save: &str| format!("{API}save = {save}\n");
    let smtp = |more: &str| api(more).replace("\"api\"", "\"smtp\"");
    let two =
        |second: &str| format!("{API}{SAVE}\n[[key]]\nname = \"b\"\nkind = \"api\"\n{second}");
    vec![
        (String::new(), 1, "names no key", "[[key]]"),
        ("# nothing\n".into(), 1, "names no key", "[[key]]"),
        ("key = []".into(), 1, "names no key", "[[key]]"),
        ("[smtp]\nport = 25\n".into(), 1, "names no key", "[[key]]"),
        ("smtp = {}".into(), 1, "names no key", "[[key]]"),
        (
            "[[keys]]\nname = \"a\"".into(),
            1,
            "no field `keys`",
            "did you mean `key`?",
        ),
        (
            "\n[key]\nname = \"a\"".into(),
            2,
            "must be a list",
            "[[key]]",
        ),
        ("key = 7".into(), 1, "is a number", "[[key]]"),
        ("key = [1]".into(), 1, "is a number", "[[key]]"),
        ("[[key]\n".into(), 1, "", "TOML"),
        (api("name = \"b\""), 5, "duplicate", "TOML"),
        (
            api("plam = \"free\""),
            5,
            "no field `plam`",
            "did you mean `plan`?",
        ),
        (api("kind2 = 1\n"), 5, "no field `kind2`", "`kind`"),
        (
            api("plan = \"buisness\""),
            5,
            "plan: `buisness`",
            "did you mean `business`?",
        ),
        (api("plan = \"enterprise\""), 5, "no fixed limit", "limit"),
        (
            api("limit = \"many\""),
            5,
            "limit: `many` is not a limit",
            "300/day",
        ),
        (
            api("limit = 300"),
            5,
            "it is a number, but must be text",
            "write `300/day`",
        ),
        (
            api("plan = \"free\"\nlimit = \"1/day\""),
            6,
            "a `plan` and a `limit`",
            "one of them",
        ),
        (
            api("permission = \"red-only\""),
            5,
            "`red-only`",
            "did you mean `read-only`?",
        ),
        (api("expires = \"soon\""), 5, "expires: `soon`", "90d"),
        (
            api("expires = 2027-01-31"),
            5,
            "a date without quotation marks",
            "quotation marks",
        ),
        (
            api("rotate_every = \"soon\""),
            5,
            "rotate_every: `soon`",
            "`policy` is what the settings say",
        ),
        (api("grace = \"never\""), 5, "grace: `never`", "48h"),
        (api("settle = 2"), 5, "settle: it is a number", "write"),
        (
            api("after = \"reload\""),
            5,
            "after: it is text, but must be a list",
            "after = [",
        ),
        (api("after = [\"\"]"), 5, "names no program", "reload app"),
        (
            api("after = [\"sh\", 1]"),
            5,
            "it is a number, but must be text",
            "quotation marks",
        ),
        (
            api("decoy = true\nafter = [\"reload\"]"),
            6,
            "a decoy has no `after`",
            "leave it out",
        ),
        (
            api("inactive = \"yes\""),
            5,
            "must be true or false",
            "without quotation",
        ),
        (
            api("username = \"shop_prod\""),
            5,
            "an API key has no `username`",
            "SMTP",
        ),
        (
            smtp("permission = \"full\"\nusername = \"shop\""),
            5,
            "an SMTP key has no `permission`",
            "API",
        ),
        (
            smtp("username = \"a b\""),
            5,
            "username: `a b`",
            "rails_prod",
        ),
        (
            api("description = \"a\\u001bb\""),
            5,
            "description: ",
            "one line",
        ),
        (
            format!("[[key]]\nkind = \"api\"\n{SAVE}"),
            1,
            "has no `name`",
            "name = ",
        ),
        (
            format!("[[key]]\nname = \"a\"\n{SAVE}"),
            1,
            "has no `kind`",
            "kind = ",
        ),
        (
            api("").replace("\"a\"", "\"Web App\""),
            2,
            "`Web App`",
            "use a name such as `web-app`",
        ),
        (
            api("").replace("\"api\"", "\"stmp\""),
            3,
            "`stmp` is not a kind",
            "`smtp`?",
        ),
        (
            API.into(),
            1,
            "no `save`: its secret would be lost",
            "save = {",
        ),
        (
            save("\".env\""),
            4,
            "save: `.env` is not a destination: it names no kind before a colon",
            "env:.env#API_KEY",
        ),
        (
            save("\"vualt:secret/app#key\""),
            4,
            "save: `vualt:secret/app#key` is not a destination",
            "did you mean `vault`?",
        ),
        (
            api("smtp = { port = 25 }"),
            5,
            "an API key has no `smtp`",
            "only SMTP keys",
        ),
        (
            smtp("username = \"shop\"\nsmtp = { port = 0 }"),
            6,
            "port: it is not a port",
            "`port = 587`",
        ),
        (
            smtp("username = \"shop\"\nsmtp = { host = \"a b\" }"),
            6,
            "it is not a host name",
            "mail.example.com",
        ),
        (
            smtp("username = \"shop\"\nsmtp = \"mail.example.com\""),
            6,
            "smtp: it is text, but must be a table",
            "port = 587",
        ),
        (
            smtp("username = \"shop\"\nsmtp = { hots = \"a.b\" }"),
            6,
            "`smtp` has no field `hots`",
            "`host`?",
        ),
        (
            save("\"vault:secret/app\""),
            4,
            "an address is `{mount}/data/{path}#{key}`",
            "vault:secret/data/app#key",
        ),
        (
            save("\"github-env:KEY\""),
            4,
            "a manifest has no destination `github-env:KEY`",
            "--to",
        ),
        (
            save("\"command:\""),
            4,
            "a manifest has no destination `command:`",
            "command = [",
        ),
        (
            save("7"),
            4,
            "it is a number, but must be text or a table",
            "file =",
        ),
        (save("{}"), 4, "neither a file nor a command", "file ="),
        (
            save("{ file = \"a\", command = [\"b\"] }"),
            4,
            "not both",
            "leave it out",
        ),
        (
            save("{ file = \"a\", secrt = \"B\" }"),
            4,
            "no field `secrt`",
            "`secret`?",
        ),
        (
            save("{ file = \"a\", secret = \"1B\" }"),
            4,
            "`1B` is not a variable",
            "SMTP_PASSWORD",
        ),
        (
            save("{ file = \"a\", secret = \"B=C\" }"),
            4,
            "`B=C` is not a variable",
            "",
        ),
        (
            save("{ file = \"a\", username = \"B\", secret = \"C\" }"),
            4,
            "no username",
            "leave",
        ),
        (save("{ file = \"\" }"), 4, "not a path", "name a file"),
        (save("{ file = \"~root/a\" }"), 4, "`~`", "name a file"),
        (save("{ file = \"a/\" }"), 4, "a folder", "name a file"),
        (
            save("{ file = \"a\", timeout = \"5s\" }"),
            4,
            "a file has no `timeout`",
            "leave",
        ),
        (
            save("{ command = [] }"),
            4,
            "command: it is empty",
            "list of words",
        ),
        (
            save("{ command = \"cat\" }"),
            4,
            "must be a list",
            "list of words",
        ),
        (
            save("{ command = [\"cat\", 1] }"),
            4,
            "a number",
            "quotation",
        ),
        (
            save("{ command = [\"cat\"], timeout = \"2h\" }"),
            4,
            "at most 30 minutes",
            "60s",
        ),
        (
            save("{ command = [\"cat\"], timeout = 60 }"),
            4,
            "a number",
            "`48h`",
        ),
        (
            save("{ command = [\"cat\"], secret = \"A\" }"),
            4,
            "no `secret`",
            "standard input",
        ),
        (
            smtp(""),
            4,
            "is not saved",
            "`username = \"SMTP_USERNAME\"`",
        ),
        (
            smtp("").replace(", secret = \"KEY\"", ""),
            4,
            "is not saved",
            "`username = \"shop_prod\"`",
        ),
        (
            save("{ file = \".env\", secret = \"NODE_OPTIONS\" }"),
            4,
            "how programs run",
            "API_KEY",
        ),
        (
            smtp("").replace("secret = \"KEY\"", "username = \"U\""),
            4,
            "one for the secret",
            "add",
        ),
        (
            two(SAVE),
            6,
            "`KEY` in `.env` is also set by the key on line 1",
            "its own variable",
        ),
        (
            two(SAVE).replacen("\".env\"", "\"./.env\"", 1),
            6,
            "on line 1",
            "its own variable",
        ),
        (
            two("save = { file = \".env\" }"),
            6,
            "also written by the key on line 1",
            "its own",
        ),
        (
            two(SAVE).replace("\"b\"", "\"A\""),
            6,
            "`A` is already used by the key on line 1",
            "its own",
        ),
    ]
}

#[test]
fn every_mistake_has_its_line_and_a_hint() {
    for (text, line, message, hint) in cases() {
        let manifest = read(&text, Path::new(""), None, &|_| None, &Settings::default());
        let mistakes = manifest.expect_err(&text);
        let first = &mistakes[0];
        assert_eq!(first.line, line, "{text}\n{}", first.error);
        let says = first.error.to_string();
        assert!(says.contains(message), "{text}\n{says}");
        let hints = first.error.hint().unwrap_or_default();
        assert!(hints.contains(hint), "{text}\n{hints}");
    }
}
