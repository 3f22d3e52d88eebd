//! Names of environment variables, and the default ones for a key.

use std::fmt;
use std::str::FromStr;

use compact_str::{CompactString, format_compact};

use super::{Invalid, KeyName, Kind};

/// The maximum length of a name.
const MAX_LENGTH: usize = 128;

/// The name of an environment variable that every shell accepts: letters, digits and `_`, not
/// beginning with a digit (POSIX, XBD 8.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variable(CompactString);

impl Variable {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether GitHub's runner sets it in each step, overriding earlier steps.
    pub fn is_of_runner(&self) -> bool {
        let upper = self.0.to_ascii_uppercase();
        ["GITHUB_", "RUNNER_"]
            .iter()
            .any(|start| upper.starts_with(start))
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Variable {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_reserved(text) {
            let rule = "it affects how programs run";
            return Err(Invalid::new("a variable for a secret", text, rule)
                .with_hint("choose another name, as in `API_KEY`"));
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins_well = text.starts_with(|first: char| !first.is_ascii_digit());
        if begins_well && text.len() <= MAX_LENGTH && text.bytes().all(is_word) {
            return Ok(Self(text.into()));
        }
        let rule = "it is 1 to 128 of A-Z a-z 0-9 _, and does not begin with a digit";
        Err(Invalid::new("a variable's name", text, rule)
            .with_hint("use a name such as `SMTP_PASSWORD`"))
    }
}

/// Variables that shells, the dynamic linker, language runtimes, other programs or postkey itself
/// act on: with a secret as the value, they would fail, print it, or run something else.
const RESERVED: &[&str] = &[
    "BASHOPTS",
    "BASH_COMPAT",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "BASH_XTRACEFD",
    "CDPATH",
    "CLASSPATH",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "EDITOR",
    "ENV",
    "EUID",
    "FPATH",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GIT_ASKPASS",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLIBC_TUNABLES",
    "GLOBIGNORE",
    "HISTFILE",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LANG",
    "LANGUAGE",
    "LD_AUDIT",
    "LD_BIND_NOT",
    "LD_BIND_NOW",
    "LD_DEBUG",
    "LD_DEBUG_OUTPUT",
    "LD_DYNAMIC_WEAK",
    "LD_LIBRARY_PATH",
    "LD_ORIGIN_PATH",
    "LD_PRELOAD",
    "LD_PROFILE",
    "LD_PROFILE_OUTPUT",
    "LD_SHOW_AUXV",
    "LOCPATH",
    "LOGNAME",
    "MALLOC_TRACE",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "POSIXLY_CORRECT",
    "POSTKEY_CONFIG",
    "POSTKEY_VAULT",
    "POSTKEY_WAIT",
    "PPID",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PS4",
    "PWD",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RESOLV_HOST_CONF",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "TERM",
    "TMPDIR",
    "TZ",
    "UID",
    "_JAVA_OPTIONS",
];

/// The prefixes of such variables.
const RESERVED_PREFIXES: [&str; 2] = ["DYLD_", "LC_"];

fn is_reserved(name: &str) -> bool {
    let starts = |start: &&str| name.starts_with(*start);
    RESERVED.contains(&name) || name == "_" || RESERVED_PREFIXES.iter().any(starts)
}

/// The environment variables for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVariables {
    /// For the username; only for SMTP keys.
    pub username: Option<Variable>,
    /// For the secret.
    pub secret: Variable,
}

impl KeyVariables {
    /// The default variables of a key: `REPORTS_API_KEY`, or `SHOP_MAIL_SMTP_USERNAME` and
    /// `SHOP_MAIL_SMTP_PASSWORD`.
    pub fn of(name: &KeyName, kind: Kind) -> Self {
        let start = start(name.as_str());
        let with = |end: &str| Variable(format_compact!("{start}_{end}"));
        match kind {
            Kind::Api => Self {
                username: None,
                secret: with("API_KEY"),
            },
            Kind::Smtp => Self {
                username: Some(with("SMTP_USERNAME")),
                secret: with("SMTP_PASSWORD"),
            },
        }
    }

    /// The variables of a key whose name is not known: `API_KEY`, or `SMTP_USERNAME` and
    /// `SMTP_PASSWORD`.
    pub fn unnamed(kind: Kind) -> Self {
        let variable = |name| Variable(CompactString::const_new(name));
        match kind {
            Kind::Api => Self::named(kind, variable("API_KEY"), None),
            Kind::Smtp => Self::named(kind, variable("SMTP_PASSWORD"), None),
        }
    }

    /// The given variables. By default, an SMTP key's username has the secret's variable with
    /// `USERNAME` instead of `PASSWORD` at its end, or with `_USERNAME` appended.
    pub fn named(kind: Kind, secret: Variable, username: Option<Variable>) -> Self {
        let username = match kind {
            Kind::Api => None,
            Kind::Smtp => Some(username.unwrap_or_else(|| secret.of_username())),
        };
        Self { username, secret }
    }
}

impl Variable {
    fn of_username(&self) -> Self {
        self.beside("USERNAME")
    }

    /// The variable with this word in capitals instead of a final `PASSWORD`, or else appended.
    pub fn beside(&self, word: &str) -> Self {
        if let Some(start) = self.0.strip_suffix("PASSWORD") {
            return Self(format_compact!("{start}{word}"));
        }
        match self.0.strip_suffix("password") {
            Some(start) => Self(format_compact!("{start}{}", word.to_ascii_lowercase())),
            None => Self(format_compact!("{}_{word}", self.0)),
        }
    }
}

/// A key's name as the prefix of a variable.
fn start(name: &str) -> CompactString {
    let letter = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter.to_ascii_uppercase(),
        false => '_',
    };
    let upper: CompactString = name.chars().map(letter).collect();
    if upper.starts_with(|first: char| first.is_ascii_digit()) {
        return format_compact!("KEY_{upper}");
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_valid_in_every_shell_are_accepted() {
        for good in ["A", "_a", "SMTP_PASSWORD", "a1", &"x".repeat(MAX_LENGTH)] {
            assert_eq!(good.parse::<Variable>().expect("good").as_str(), good);
        }
        for bad in [
            "",
            "1A",
            "A-B",
            "A B",
            "A=B",
            "_",
            "Ä",
            "A\n",
            &"x".repeat(MAX_LENGTH + 1),
        ] {
            assert!(bad.parse::<Variable>().is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_with_a_meaning_for_programs_are_refused() {
        let starts = RESERVED_PREFIXES.map(|start| format!("{start}X"));
        for name in RESERVED
            .iter()
            .copied()
            .chain(starts.iter().map(String::as_str))
        {
            let refused = name.parse::<Variable>().expect_err(name);
            assert!(refused.to_string().contains("how programs run"), "{name}");
            assert!(refused.hint().is_some(), "{name}");
        }
        for good in [
            "MY_PATH",
            "PATHS",
            "ENVIRONMENT",
            "HOME_KEY",
            "OLD_",
            "USERNAME",
            "PASSWORD",
        ] {
            good.parse::<Variable>().expect(good);
        }
    }

    #[test]
    fn the_usernames_variable_follows_the_passwords() {
        for (secret, username) in [
            ("SMTP_PASSWORD", "SMTP_USERNAME"),
            ("password", "username"),
            ("MAIL_PASS", "MAIL_PASS_USERNAME"),
        ] {
            let secret: Variable = secret.parse().expect("good");
            let variables = KeyVariables::named(Kind::Smtp, secret.clone(), None);
            assert_eq!(variables.username.expect("SMTP has one").as_str(), username);
            assert_eq!(KeyVariables::named(Kind::Api, secret, None).username, None);
        }
    }
}
