//! Reminders: a calendar that a real parser accepts.

use std::process::Command;

use serde_json::Value;

use super::{DAY, age, check, end, in_vault, now, with_key};
use crate::sandbox::{Run, Sandbox};

/// Parses a calendar and prints it as JSON.
const PARSER: &str = "
import json, sys
from icalendar import Calendar
calendar = Calendar.from_ical(sys.argv[1])
def told(event):
    start, alarms = event['DTSTART'].dt, [part for part in event.subcomponents]
    assert not event.errors, event.errors
    return {
        'uid': str(event['UID']), 'summary': str(event['SUMMARY']),
        'description': str(event['DESCRIPTION']), 'start': start.isoformat(),
        'is_date': type(start).__name__ == 'date', 'stamp': event['DTSTAMP'].dt.isoformat(),
        'alarms': [[str(alarm['ACTION']), alarm['TRIGGER'].dt.total_seconds()] for alarm in alarms],
    }
assert calendar.name == 'VCALENDAR' and str(calendar['VERSION']) == '2.0' and calendar['PRODID']
assert not calendar.errors and all(part.name == 'VEVENT' for part in calendar.subcomponents)
json.dump([told(event) for event in calendar.subcomponents], sys.stdout)
";

#[test]
fn each_active_key_has_a_reminder_of_its_rotation_and_its_end() {
    let sandbox = with_key("ci");
    sandbox.generate(["smtp", "overdue"]);
    sandbox.generate(["api", "stopped", "--expires", "3d"]);
    sandbox.generate(["api", "over"]);
    sandbox.generate(["api", "kept"]);
    sandbox.run(["deactivate", "stopped"]).expect(0);
    sandbox
        .run(["set", "kept", "--rotate-every", "never"])
        .expect(0);
    end(&sandbox, "over", now() - DAY);
    end(&sandbox, "ci", now() + 200 * DAY);
    age(&sandbox, "ci", 10 * DAY);
    age(&sandbox, "overdue", 100 * DAY);
    let events = events(&sandbox, &[]);
    let told: Vec<_> = events
        .iter()
        .map(|event| (text(event, "summary"), text(event, "start")))
        .collect();
    assert_eq!(
        told,
        [
            ("Rotate the API key ci", date(now() + 80 * DAY)),
            ("The API key ci expires", date(now() + 200 * DAY)),
            (
                "Rotate the SMTP key overdue (overdue)",
                date(now() - 10 * DAY)
            ),
        ]
        .map(|(summary, start)| (summary.to_owned(), start))
    );
    for event in &events {
        assert_eq!(event["is_date"], true, "{event}");
    }
    assert_eq!(
        events[0]["alarms"],
        serde_json::json!([["DISPLAY", 32400.0]])
    );
    assert_eq!(
        events[1]["alarms"],
        serde_json::json!([["DISPLAY", -54000.0]])
    );
    assert!(text(&events[0], "description").contains("\npostkey rotate ci"));
    assert!(text(&events[1], "description").contains("\npostkey set ci --expires 90d"));
}

#[test]
fn no_rotation_is_planned_after_a_keys_end() {
    let sandbox = with_key("ci");
    end(&sandbox, "ci", now() + 20 * DAY);
    for (rotate_every, is_planned) in [("90d", false), ("21d", false), ("10d", true)] {
        let set = ["set", "ci", "--rotate-every", rotate_every];
        sandbox.run(set).expect(0);
        let events = events(&sandbox, &[]);
        let summaries: Vec<_> = events.iter().map(|event| text(event, "summary")).collect();
        let rotates = summaries
            .iter()
            .any(|summary| summary == "Rotate the API key ci");
        assert_eq!(rotates, is_planned, "{rotate_every}: {summaries:?}");
        assert!(
            summaries
                .iter()
                .any(|summary| summary == "The API key ci expires")
        );
        let shown = sandbox.run(["show", "ci"]).expect(0).stdout;
        assert_eq!(shown.contains("; due "), is_planned, "{shown}");
    }
}

#[test]
fn the_same_key_has_the_same_uid_whenever_it_is_due_and_others_have_another() {
    let sandbox = with_key("ci");
    sandbox.generate(["api", "cd"]);
    let uids = |args: &[&str]| -> Vec<String> {
        let events = events(&sandbox, args);
        events.iter().map(|event| text(event, "uid")).collect()
    };
    let first = uids(&[]);
    assert_eq!(uids(&[]), first);
    assert!(first.len() == 2 && first[0] != first[1], "{first:?}");
    assert_eq!(uids(&["cd"]), first[1..]);
    sandbox.run(["rename", "ci", "web"]).expect(0);
    assert_eq!(uids(&[]), first);
    sandbox
        .run(["set", "web", "--rotate-every", "91d"])
        .expect(0);
    let later = uids(&[]);
    assert_eq!(later, first);
    let other = with_key("ci");
    assert_ne!(text(&events(&other, &[])[0], "uid"), first[0]);
}

#[test]
fn a_hostile_description_stays_on_one_line() {
    let hostile = "a,b;c:BEGIN:VEVENT END:VCALENDAR \"quoted\" ünïcödé 邮件 \u{1f511} =1+1\\";
    let long = "邮".repeat(190);
    for description in [hostile, "\\", ";,", &long] {
        let sandbox = with_key("ci");
        sandbox.run(["describe", "ci", description]).expect(0);
        let events = events(&sandbox, &[]);
        assert_eq!(events.len(), 1);
        let told = text(&events[0], "description");
        assert!(told.ends_with(&format!("\n{description}")), "{told}");
    }
}

/// Debian's icalendar takes an escaped backslash before an n for a line end, so these are parsed
/// here as in RFC 5545 (3.3.11).
#[test]
fn a_backslash_in_a_description_is_kept() {
    for description in ["a\\nb", "\\n\\N\\,", "\\\\;\\\\n"] {
        let sandbox = with_key("ci");
        sandbox.run(["describe", "ci", description]).expect(0);
        let calendar = check(&sandbox, &["check", "--format", "ics"])
            .expect(0)
            .stdout;
        let unfolded = calendar.replace("\r\n ", "");
        let mut lines = unfolded.lines();
        let escaped = lines.find_map(|line| line.strip_prefix("DESCRIPTION:"));
        let told = unescaped(escaped.unwrap());
        assert!(told.ends_with(&format!("\n{description}")), "{told}");
    }
}

#[test]
fn text_edited_into_the_vault_cannot_forge_lines() {
    let sandbox = with_key("ci");
    let poison = "x\r\nEND:VEVENT\r\nX-EVIL:1\u{1b}[2J\u{202e}";
    in_vault(&sandbox, "UPDATE keys SET description = ?1", [poison]);
    let run = check(&sandbox, &["check", "--format", "ics"]);
    assert!(!run.stdout.contains("\nX-EVIL"), "{run:?}");
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{run:?}");
}

#[test]
fn a_calendar_entry_is_not_a_finding() {
    let sandbox = with_key("ci");
    age(&sandbox, "ci", 999 * DAY);
    check(&sandbox, &["check"]).expect(1);
    let run = check(&sandbox, &["check", "--format", "ics"]).expect(0);
    assert_eq!(run.stderr, "");
    check(&sandbox, &["check", "no", "--format", "ics"]).expect(3);
}

/// The events of a calendar, parsed by Python's icalendar.
fn events(sandbox: &Sandbox, args: &[&str]) -> Vec<Value> {
    let args = [&["check", "--format", "ics"], args].concat();
    let calendar = check(sandbox, &args).expect(0).stdout;
    expect_lines(&calendar);
    let mut python = Command::new("/usr/bin/python3");
    let run = Run::of(python.args(["-c", PARSER, &calendar]).output().unwrap()).expect(0);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Lines end with CR LF and are at most 75 bytes long (RFC 5545, 3.1).
fn expect_lines(calendar: &str) {
    let lines = calendar.strip_suffix("\r\n").unwrap().split("\r\n");
    for line in lines {
        assert!(line.len() <= 75, "{} bytes: {line}", line.len());
        assert!(!line.contains(['\r', '\n']), "{line:?}");
    }
}

fn text(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap().to_owned()
}

fn date(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap();
    moment.strftime("%Y-%m-%d").to_string()
}

fn unescaped(text: &str) -> String {
    let mut told = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        told.push(match character {
            '\\' => match characters.next().unwrap() {
                'n' | 'N' => '\n',
                escaped @ ('\\' | ';' | ',') => escaped,
                other => panic!("\\{other} in {text}"),
            },
            ';' | ',' => panic!("{text} is not escaped"),
            plain => plain,
        });
    }
    told
}
