//! Lines of passwd-files: Dovecot's and htpasswd's.

use std::str;

use super::defaults::InputFormat;
use super::fault::LineError;

/// The longest line, in bytes.
const MAX_LINE: usize = 64 << 10;

/// The index of a passwd-file's last field, the extra fields.
const EXTRA_FIELD: usize = 7;

/// The relevant fields of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// The user on a line; `None` for a comment or a blank line.
pub(super) fn user(line: &[u8], form: InputFormat) -> Result<Option<User<'_>>, LineError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LINE {
        return Err(LineError::new("longer than 64 KiB"));
    }
    let line = str::from_utf8(line).map_err(|_| LineError::new("it is not UTF-8 text"))?;
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.contains('\0') {
        return Err(LineError::new("it contains a NUL character"));
    }
    let mut fields = line.splitn(EXTRA_FIELD + 1, ':');
    let (Some(username), Some(password)) = (fields.next(), fields.next()) else {
        let form = "a line is `user:hash`";
        return Err(LineError::new("it has no `:` behind a username").with_hint(form));
    };
    if let (InputFormat::Dovecot, Some(extra)) = (form, fields.nth(EXTRA_FIELD - 2)) {
        expect_no_extra_fields(extra)?;
    }
    Ok(Some(User { username, password }))
}

/// Refuses Dovecot's extra fields that limit logins and would be lost. Those for its userdb stay
/// there.
fn expect_no_extra_fields(extra: &str) -> Result<(), LineError> {
    let names = extra
        .split_whitespace()
        .map(|field| field.split('=').next());
    let lost = names.flatten().find(|name| !name.starts_with("userdb_"));
    lost.map_or(Ok(()), |name| {
        let name = crate::key::quoted(name);
        let fault = LineError::new(format!("its extra field {name} would be lost"));
        Err(fault.with_hint(
            "limits on a login cannot be imported: remove the field if it is not needed",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str, form: InputFormat) -> Option<(&str, &str)> {
        let user = user(line.as_bytes(), form).expect("a good line");
        user.map(|User { username, password }| (username, password))
    }

    #[test]
    fn a_line_is_parsed_as_a_username_and_a_hash() {
        for (line, expected) in [
            ("bob:{SHA}x", ("bob", "{SHA}x")),
            ("bob:{SHA}x\r", ("bob", "{SHA}x")),
            ("bob:", ("bob", "")),
            (":x", ("", "x")),
            ("bob:x:1000:1000:Bob:/home/bob:/bin/sh:", ("bob", "x")),
            ("bob:x::::::userdb_mail=maildir:~/Mail", ("bob", "x")),
        ] {
            assert_eq!(read(line, InputFormat::Dovecot), Some(expected), "{line}");
        }
        for line in ["", " ", "\t\r", "#bob:x"] {
            assert_eq!(read(line, InputFormat::Htpasswd), None, "{line:?}");
        }
    }

    #[test]
    fn limits_of_a_login_are_not_silently_dropped() {
        for extra in [
            "allow_nets=192.0.2.0/24",
            "userdb_x=1 nologin",
            "nopassword=y",
        ] {
            let line = format!("bob:x::::::{extra}");
            assert!(
                user(line.as_bytes(), InputFormat::Dovecot).is_err(),
                "{extra}"
            );
            assert!(
                user(line.as_bytes(), InputFormat::Htpasswd).is_ok(),
                "{extra}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line_or_a_fault(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = user(&line, InputFormat::Dovecot);
        }

        #[test]
        fn no_fault_says_anything_of_a_password(
            password in "[a-z]{12}", extra in "(:[^:\n]{0,9}){0,7}", form in 0..2_usize,
        ) {
            let form = [InputFormat::Dovecot, InputFormat::Htpasswd][form];
            let line = format!("\u{7}bob:{password}{extra}");
            match user(line.as_bytes(), form) {
                Ok(user) => prop_assert_eq!(user.map(|user| user.password), Some(&*password)),
                Err(fault) => {
                    let describe = format!("{fault:?}");
                    prop_assert!(!describe.contains(&password), "{}", describe);
                }
            }
        }
    }
}
