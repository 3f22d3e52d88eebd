use base64ct::{Base64, Encoding};

use super::*;
use crate::settings::Credentials;

const SECRET: &str =
    "xkeypost-0000000000000000000000000000000000000000000000000000000000000000-0123456789abcdef";

fn request(text: &str) -> Request {
    match Attempt::read(text.as_bytes()) {
        Some(Attempt::Request(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}

fn login(text: &str) -> Login {
    match Attempt::read(text.as_bytes()) {
        Some(Attempt::Login(login)) => login,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_request_is_read_from_what_tools_print() {
    let raw = "POST /v3/smtp/email?x=1 HTTP/1.1\r\nHost: a\r\napi-key:  k \r\n\r\napi-key: body";
    let curl = "* Connected\n> GET /first HTTP/1.1\n> api-key: a\n> \n< HTTP/1.1 301\n\
                > POST /v3/smtp/email?x=1 HTTP/2\n> Host: a\n> api-key: k\n>\n< HTTP/2 401\n\
                < api-key: response\n";
    let python = "connect: a\nsend: b'POST /v3/smtp/email?x=1 HTTP/1.1\\r\\nHost: a\\r\\n\
                  api-key: k\\r\\n\\r\\n'\nreply: 'HTTP/1.1 401\\r\\n'\n";
    for (text, count) in [(raw, 1), (curl, 2), (python, 1)] {
        let request = request(text);
        let line = request.line.as_ref();
        let line = line.map(|(method, target)| (method.as_str(), target.as_str()));
        assert_eq!(line, Some(("POST", "/v3/smtp/email?x=1")), "{text}");
        let headers = request.headers.iter();
        let headers: Vec<_> = headers.map(|(name, value)| (&**name, &***value)).collect();
        assert_eq!(headers, [("Host", "a"), ("api-key", "k")], "{text}");
        assert_eq!(request.count, count, "{text}");
    }
    let request = request("api-key: k\nHost: a\n");
    assert!(request.line.is_none());
    assert_eq!(request.headers.len(), 2);
}

#[test]
fn a_key_is_found_wherever_a_request_has_it() {
    for (headers, locations, is_read) in [
        ("api-key: KEY", &["`api-key`"][..], true),
        ("API-Key: KEY", &["`API-Key`"], true),
        (
            "Authorization: bearer KEY",
            &["`Authorization: bearer`"],
            true,
        ),
        ("X-Auth-Key: KEY", &["`X-Auth-Key`"], false),
        ("api_key: KEY", &["`api_key`"], false),
        ("api-key\u{200b}: KEY", &["`api-key\\u{200b}`"], false),
        ("Authorization: KEY", &["`Authorization`"], false),
        (
            "Authorization: Token KEY",
            &["`Authorization: Token`"],
            false,
        ),
        (
            "Authorization: Basic BASIC",
            &["`Authorization: Basic`"],
            false,
        ),
        ("Cookie: session=1\nX-Key: \"KEY\"", &["`X-Key`"], false),
        (
            "api-key: KEY\napi-key: KEY",
            &["`api-key`", "`api-key`"],
            false,
        ),
        ("api-key:", &["`api-key`"], true),
    ] {
        let basic = Base64::encode_string(format!("api:{SECRET}").as_bytes());
        let headers = headers.replace("KEY", SECRET).replace("BASIC", &basic);
        let request = request(&format!("GET / HTTP/1.1\n{headers}\n\n"));
        let sent = SentKey::find(&request, &Credentials::default()).expect("a key");
        let found: Vec<String> = sent.locations.iter().map(ToString::to_string).collect();
        assert_eq!(found, locations, "{headers}");
        assert_eq!(sent.is_read, is_read, "{headers}");
    }
    let query = request(&format!("GET /?a=1&key={SECRET} HTTP/1.1\n\n"));
    let sent = SentKey::find(&query, &Credentials::default()).expect("a key");
    assert_eq!(sent.locations, [KeyLocation::Query("key".to_owned())]);
    assert_eq!(&**sent.presented, SECRET);
    for none in [
        "Authorization: Basic dTpw",
        "Authorization: Digest a=b",
        "Host: a",
    ] {
        let request = request(&format!("GET / HTTP/1.1\n{none}\n\n"));
        assert!(
            SentKey::find(&request, &Credentials::default()).is_none(),
            "{none}"
        );
    }
}

#[test]
fn a_login_is_read_from_what_tools_print() {
    let plain = Base64::encode_string(b"\0user_1\0secret");
    let with_authorization = Base64::encode_string(b"user_1\0user_1\0secret");
    let (user, secret) = (
        Base64::encode_string(b"user_1"),
        Base64::encode_string(b"secret"),
    );
    for text in [
        format!("EHLO x\n250-a\n250 AUTH PLAIN\nAUTH PLAIN {plain}\n535 no\n"),
        format!("auth plain {with_authorization}\r\n"),
        format!("C: EHLO x\nS: 334 \nC: AUTH PLAIN\nS: 334\nC: {plain}\nS: 535 no"),
        format!(
            " ~> EHLO x\n<~  250 ok\n ~> AUTH LOGIN\n<~  334 VXNlcm5hbWU6\n ~> {user}\n<~  334 UGFzc3dvcmQ6\n ~> {secret}\n<~* 535 no\n"
        ),
        format!("220 mail\nAUTH LOGIN {user}\n334 UGFzc3dvcmQ6\n{secret}\n"),
        format!("send: 'ehlo x\\r\\n'\nreply: b'250 x\\r\\n'\nsend: 'AUTH PLAIN {plain}\\r\\n'\n"),
        format!("AUTH PLAIN bad=\n501 no\nAUTH PLAIN {plain}\n"),
    ] {
        let login = login(&text);
        assert_eq!(login.username.as_deref(), Some("user_1"), "{text}");
        assert_eq!(
            login.password.as_deref().map(String::as_str),
            Ok("secret"),
            "{text}"
        );
    }
}

#[test]
fn a_transcript_without_a_secret_is_explained() {
    let two = Base64::encode_string(b"user_1:secret");
    for (text, fault) in [
        (
            "EHLO x\n250 ok\nMAIL FROM:<a@b>\n530 no\n".to_owned(),
            TranscriptError::NoAuth,
        ),
        (
            "AUTH CRAM-MD5\n334 PDE=\n".to_owned(),
            TranscriptError::Mechanism,
        ),
        (
            "AUTH PLAIN user:secret\n".to_owned(),
            TranscriptError::NotBase64,
        ),
        (format!("AUTH PLAIN {two}\n"), TranscriptError::NotPlain),
        ("AUTH PLAIN\n334 \n".to_owned(), TranscriptError::Missing),
        ("AUTH PLAIN\n334 \n*\n".to_owned(), TranscriptError::Missing),
        (
            "AUTH LOGIN\n334 VXNlcm5hbWU6\ndXNlcg==\n".to_owned(),
            TranscriptError::Missing,
        ),
    ] {
        assert_eq!(login(&text).password.err(), Some(fault), "{text}");
    }
}

#[test]
fn a_lone_secret_may_be_malformed() {
    let wide: Vec<u8> = "\u{feff}ab-c\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, expected) in [
        (&b"ab-c\r\n"[..], Some("ab-c")),
        (b"\"ab-c\"\n", Some("\"ab-c\"")),
        (b"xkeypost-12 34\n56", Some("xkeypost-12 34\n56")),
        (b"a\xffb", Some("a\u{fffd}b")),
        (&wide, Some("\u{feff}ab-c")),
        (b"two words", None),
        (b"two\nlines\n", None),
    ] {
        let read = match Attempt::read(bytes) {
            Some(Attempt::Secret(secret)) => Some(secret.to_string()),
            None => None,
            other => panic!("{bytes:?}: {other:?}"),
        };
        assert_eq!(read.as_deref(), expected, "{bytes:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, cut in 0..200_usize) {
        let _ = Attempt::read(&bytes);
        let text = format!("AUTH PLAIN x\nsend: b'\\x{bytes:?}\n> GET / HTTP/1.1\n> a: {SECRET}\n");
        let _ = Attempt::read(&text.as_bytes()[..cut.min(text.len())]);
    }
}
