use proptest::prelude::*;

use super::*;
use crate::files::{Draft, FileRole, IfExists};

mod readers;

fn set_in(text: &str) -> Result<String, EditRefusal> {
    set(text, "KEY", "new").map(|set| set.to_string())
}

#[test]
fn one_variable_is_set_and_the_rest_unchanged() {
    for (before, after) in [
        ("", "KEY=new\n"),
        ("\n", "\nKEY=new\n"),
        ("A=1", "A=1\nKEY=new\n"),
        ("A=\n", "A=\nKEY=new\n"),
        ("KEY=old\n", "KEY=new\n"),
        ("KEY=old", "KEY=new\n"),
        ("KEY=\n", "KEY=new\n"),
        ("KEY='a b'\n", "KEY=new\n"),
        ("KEY=\"a b\"  \n", "KEY=new\n"),
        ("KEY='pa$$w`rd;&|'\n", "KEY=new\n"),
        ("\texport\tKEY=old\n", "\texport\tKEY=new\n"),
        (
            "# a\n\n  export KEY='old' # b\nB=2\n",
            "# a\n\n  # b\n  export KEY=new\nB=2\n",
        ),
        ("KEY= # to do\n", "# to do\nKEY=new\n"),
        ("A=1\n# b\\", "A=1\n# b\\\n\nKEY=new\n"),
        ("# b\\\n\nKEY=old\n", "# b\\\n\nKEY=new\n"),
        ("A=1 # it's\nKEY=1\n", "A=1 # it's\nKEY=new\n"),
        ("#KEY=1\nKEY=2\n", "#KEY=1\nKEY=new\n"),
        ("MY_KEY=1\nKEY_2=1\n", "MY_KEY=1\nKEY_2=1\nKEY=new\n"),
        ("A.b-C=1\n", "A.b-C=1\nKEY=new\n"),
        (
            "A=\"$B ${C} ${D:-e f}\"\n",
            "A=\"$B ${C} ${D:-e f}\"\nKEY=new\n",
        ),
        ("A=$B/x:${C}\n", "A=$B/x:${C}\nKEY=new\n"),
        ("A='it $(is) `so`'\n", "A='it $(is) `so`'\nKEY=new\n"),
        (
            "A=\"it's \\\"so\\\"\"\n",
            "A=\"it's \\\"so\\\"\"\nKEY=new\n",
        ),
        ("A=C:\\b\n", "A=C:\\b\nKEY=new\n"),
        ("A=b#c\n", "A=b#c\nKEY=new\n"),
        (
            "URL=postgres://u:p@h/d?a=1&b=2\n",
            "URL=postgres://u:p@h/d?a=1&b=2\nKEY=new\n",
        ),
        (
            "PEM=\"-----BEGIN\nMIIB==\n-----END\"\nKEY=old\n",
            "PEM=\"-----BEGIN\nMIIB==\n-----END\"\nKEY=new\n",
        ),
    ] {
        assert_eq!(set_in(before).as_deref(), Ok(after), "{before:?}");
        assert_eq!(set_in(after).as_deref(), Ok(after), "{before:?} twice");
    }
}

#[test]
fn ambiguous_lines_are_refused_by_line() {
    for (text, line, why) in [
        ("A=1\nKEY = old\n", 2, "space before the `=`"),
        ("KEY =old\n", 1, "space before the `=`"),
        ("KEY= old\n", 1, "more than one word"),
        ("KEY: old\n", 1, "neither a comment nor"),
        ("KEY:=old\n", 1, "neither a comment nor"),
        ("KEY+=old\n", 1, "neither a comment nor"),
        ("KEY\n", 1, "neither a comment nor"),
        ("declare -x KEY=old\n", 1, "neither a comment nor"),
        ("readonly KEY=old\n", 1, "neither a comment nor"),
        ("A=1\nexport A\n", 2, "neither a comment nor"),
        ("- KEY=old\n", 1, "neither a comment nor"),
        ("'KEY'=old\n", 1, "neither a comment nor"),
        ("; a comment of systemd's\n", 1, "neither a comment nor"),
        ("2A=1\n", 1, "neither a comment nor"),
        ("export B=1 KEY=old\n", 1, "more than one word"),
        ("B=1 KEY=old\n", 1, "more than one word"),
        ("KEY=old B=2\n", 1, "more than one word"),
        ("A=two words\n", 1, "more than one word"),
        ("KEY=old; export KEY\n", 1, "ends it in a shell"),
        ("B=1;KEY=old\n", 1, "ends it in a shell"),
        ("B=1&KEY=old\n", 1, "ends it in a shell"),
        ("B=1|2\n", 1, "ends it in a shell"),
        ("B=<(x)\n", 1, "ends it in a shell"),
        ("KEY=(a\nb)\n", 1, "ends it in a shell"),
        ("KEY='old'B=2\n", 1, "after the closing quote"),
        ("KEY='old' B=2\n", 1, "after the closing quote"),
        ("KEY=\"old\"#c\n", 1, "after the closing quote"),
        ("KEY=o'l'd\n", 1, "quote inside the value"),
        ("A={\"b\":1}\n", 1, "quote inside the value"),
        ("A=it's\nKEY=1\n", 1, "not closed"),
        ("B=1\nA='x\nKEY=1\n", 2, "not closed"),
        ("A=\"x\nKEY=1\n", 1, "not closed"),
        ("A=\"x\\\"\nKEY=1\n", 1, "not closed"),
        ("A='x\\'\nKEY=1\n", 1, "before the closing quote"),
        ("A=\"x\\\\\"\nKEY=1\n", 1, "before the closing quote"),
        ("KEY=`cat x`\n", 1, "runs a command"),
        ("A=`b\nc`\n", 1, "runs a command"),
        ("A=$(b\nc)\n", 1, "runs a command"),
        ("A=\"$(b)\"\n", 1, "runs a command"),
        ("A=$((KEY=5))\n", 1, "runs a command"),
        ("A=$[KEY=5]\n", 1, "runs a command"),
        ("A=${KEY:=old}\n", 1, "more than look"),
        ("A=${B:?KEY}\n", 1, "more than look"),
        ("A=${B[KEY=5]}\n", 1, "more than look"),
        ("A=${B:-${KEY:=x}}\n", 1, "more than look"),
        ("A=1\\\nKEY=1\n", 1, "ends in a backslash"),
        ("A=1\\\n", 1, "ends in a backslash"),
        ("A=1 # b\\\n", 1, "ends in a backslash"),
        ("# b\\\nKEY=1\n", 1, "ends in a backslash"),
        ("KEY=$B\n", 1, "refers to other variables"),
        ("KEY=\"${B}\"\n", 1, "refers to other variables"),
        ("KEY='a\nb'\n", 1, "as one value"),
        ("KEY=http://x/?a=1&b=2\n", 1, "as one value"),
        ("A='\nKEY=1\n'\n", 1, "take part of the value"),
        ("B=1\nA='\n  export KEY=1'\n", 2, "take part of the value"),
        ("A=\"x\nKEY\n\"\n", 1, "take part of the value"),
        ("A=http://x/?a=1&KEY=2\n", 1, "take part of the value"),
        ("\u{feff}KEY=1\n", 1, "byte order mark"),
        ("\u{feff}# a\nKEY=1\n", 1, "byte order mark"),
        ("A=1\nB=2\r\n", 2, "CRLF"),
        ("\r\n", 1, "CRLF"),
        ("A='x\r\ny'\n", 1, "CRLF"),
        ("A=1\rKEY=2\n", 1, "control character"),
        ("# a\u{2028}KEY=2\n", 1, "control character"),
        ("# a\u{b}KEY=2\n", 1, "control character"),
        ("A=\u{1b}[31m\n", 1, "control character"),
        ("{\n  \"name\": \"x\"\n}\n", 1, "neither a comment nor"),
        ("{\"a\":\"b=c\"}\n", 1, "neither a comment nor"),
        ("services:\n  web:\n", 1, "neither a comment nor"),
        ("[package]\nname = \"x\"\n", 1, "neither a comment nor"),
        ("name = \"x\"\n", 1, "space before the `=`"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIB\n",
            1,
            "neither a comment nor",
        ),
        ("FROM debian\nENV A=1\n", 1, "neither a comment nor"),
        (
            "SHELL=/bin/sh\n0 5 * * * root A=1 x\n",
            2,
            "neither a comment nor",
        ),
        ("#!/bin/sh\nA=1\nexec x\n", 3, "neither a comment nor"),
        ("hunter2\n", 1, "neither a comment nor"),
        ("c2VjcmV0IHNlY3JldA==\n", 1, "looks like a secret"),
        ("c2VjcmV0IHNlY3JldHM5=\n", 1, "looks like a secret"),
        ("<a b=\"c\">\n", 1, "neither a comment nor"),
    ] {
        let Err(EditRefusal::Line(fault)) = set_in(text) else {
            panic!("{text:?}");
        };
        assert_eq!(fault.line, line, "{text:?}");
        assert!(fault.why.contains(why), "{text:?}: {}", fault.why);
        assert!(!fault.hint.is_empty(), "{text:?}");
    }
}

#[test]
fn binary_files_and_duplicate_variables_are_refused() {
    let path = Path::new("app.env");
    for (text, why) in [
        (&b"A=1\n\0"[..], "is not a text file"),
        (b"\xff\xfeK\0=\0", "is not a text file"),
        (b"A=\xe4\n", "is not UTF-8"),
        (b"KEY=1\nexport KEY=2\n", "`KEY` more than once"),
    ] {
        let refused = set_all(path, text, &[("KEY", "new")]).expect_err("refused");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[test]
fn long_files_are_fast() {
    let began = std::time::Instant::now();
    let text = "A=\\''\n".repeat(50_000);
    assert!(set_in(&text).is_err());
    let text = "A=\"$B ${C}\" # it's\n".repeat(50_000);
    assert_eq!(set_in(&text), Ok(format!("{text}KEY=new\n")));
    assert!(began.elapsed().as_secs() < 20);
}

#[test]
fn a_value_is_read_as_it_is_meant() {
    for (text, expected) in [
        ("KEY=x-1\n", Some("x-1")),
        ("KEY=x # y\n", Some("x")),
        ("export KEY='x y'\n", Some("x y")),
        ("KEY=\"x\" # y", Some("x")),
        ("KEY=1\nKEY=2\n", Some("2")),
        ("KEY=\nB=1", Some("")),
        ("#KEY=1\nMY_KEY=2\n", None),
    ] {
        let variables = EnvVariables::read(Path::new("env"), text.as_bytes()).expect(text);
        assert_eq!(variables.value("KEY"), expected, "{text:?}");
        assert_eq!(variables.has("KEY"), expected.is_some(), "{text:?}");
    }
}

#[test]
fn variables_are_saved_together_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("env");
    let both = [("USER", "a_b@c.d"), ("PASSWORD", "x-1")];
    let allow = |_: &[u8], _: &[u8]| Ok::<_, Error>(());
    save(&path, &both, allow).expect("made");
    let text = || std::fs::read_to_string(&path).expect("the file");
    assert_eq!(text(), "USER=a_b@c.d\nPASSWORD=x-1\n");
    let twice = "USER=a # us\nB=1\nPASSWORD=2\nPASSWORD=3\n";
    std::fs::write(&path, twice).expect("written");
    for refused in [
        save(&path, &both, allow).map(drop),
        expect_savable(&path, &both, allow),
    ] {
        let message = refused.expect_err("ambiguous").to_string();
        assert!(message.ends_with("`PASSWORD` more than once"), "{message}");
    }
    assert_eq!(text(), twice);
    save(&path, &both[..1], allow).expect("changed");
    assert_eq!(text(), twice.replace("USER=a # us", "# us\nUSER=a_b@c.d"));
}

#[test]
fn a_file_that_is_refused_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("photo", &b"A=1\n\0"[..]), ("yml", b"a: b\n")] {
        let path = folder.path().join(name);
        let other = Draft::begin(&path, FileRole::Secret, IfExists::Keep);
        let other = other.and_then(|mut other| other.write(text).map(|()| other));
        other.and_then(Draft::publish).expect("written");
        let saved = save(&path, &[("A", "2")], |_, _| Ok::<_, Error>(()));
        saved.err().expect("refused");
        assert_eq!(std::fs::read(&path).expect("the file"), text);
    }
}

proptest! {
    #[test]
    fn what_is_not_the_variable_stays(text in "([A-C]=[a-z$\"' #]{0,6}\n|#[^\n=\\p{C}]{0,8}\n|\n){0,8}") {
        if let Ok(after) = set_in(&text) {
            prop_assert!(after.starts_with(&text));
            prop_assert!(after.ends_with("KEY=new\n"));
        }
    }
}
