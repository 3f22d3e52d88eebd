//! Rules for methods and paths, of which permissions consist.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::Invalid;
use super::path::RequestPath;

/// A rule for requests: `GET,HEAD /v3/reports/*`, `* /v3/contacts`.
///
/// Methods are case-sensitive (RFC 9110, section 9.1); `*` is any method. In a path, `*` matches
/// one segment, and at the end everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: CompactString,
    methods: Vec<CompactString>,
    segments: Vec<CompactString>,
}

/// Methods that no rule may allow, since later data would not be checked: one opens a tunnel, the
/// other returns a client's request to it (RFC 9110, sections 9.3.6 and 9.3.8).
const FORBIDDEN: [&str; 2] = ["CONNECT", "TRACE"];

/// Methods that everybody knows (RFC 9110, section 9.1, and RFC 5789).
const STANDARD: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

/// Any method, any segment, or everything below a path.
const ANY: &str = "*";

impl Rule {
    /// The rule as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The paths that it allows: `/v3/reports/*`
    pub fn path(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, path)| path)
    }

    /// Whether it allows a request.
    pub fn allows(&self, method: &str, path: &RequestPath<'_>) -> bool {
        self.allows_method(method) && self.covers(path)
    }

    /// Whether it allows requests with this method.
    pub fn allows_method(&self, method: &str) -> bool {
        let mut allowed = self.methods.iter();
        allowed.any(|allowed| allowed == ANY || allowed == method) && !FORBIDDEN.contains(&method)
    }

    /// Whether it names this method, or everybody knows it.
    pub fn names_method(&self, method: &str) -> bool {
        STANDARD.contains(&method) || self.methods.iter().any(|named| named == method)
    }

    /// Whether it allows no requests with this method; if that is empty, with none that is neither
    /// standard nor was named by a rule before this one.
    pub fn excludes_method(&self, method: &str) -> bool {
        match method {
            "" => self
                .methods
                .iter()
                .all(|named| STANDARD.contains(&&**named)),
            method => !self.allows_method(method),
        }
    }

    /// Whether it only allows requests that change nothing (RFC 9110, section 9.2.1).
    pub fn only_reads(&self) -> bool {
        let is_safe = |method: &CompactString| ["GET", "HEAD", "OPTIONS"].contains(&&**method);
        self.methods.iter().all(is_safe)
    }

    /// How exactly it names paths: by how many segments, and how many of them are no `*`.
    pub fn specificity(&self) -> impl Ord + use<> {
        let names = self.segments.iter().filter(|segment| *segment != ANY);
        (self.segments.len(), names.count())
    }

    /// Whether it allows every request that another rule allows.
    pub fn includes(&self, other: &Self) -> bool {
        let is_any = self.methods == [ANY];
        let mut methods = other.methods.iter();
        (is_any || methods.all(|method| self.methods.contains(method))) && self.includes_path(other)
    }

    /// Whether its paths are all those of another rule, or more.
    pub fn includes_path(&self, other: &Self) -> bool {
        let (last, last_of_other) = (self.segments.len() - 1, other.segments.len() - 1);
        for (at, expected) in self.segments.iter().enumerate() {
            let Some(segment) = other.segments.get(at) else {
                return false;
            };
            if expected == ANY && at == last {
                return true;
            }
            let is_rest = segment == ANY && at == last_of_other;
            let is_one = segment == expected || expected == ANY && !segment.is_empty();
            if is_rest || !is_one {
                return false;
            }
        }
        self.segments.len() == other.segments.len()
    }

    /// Whether some path is among both its paths and those of another rule.
    pub fn shares_paths(&self, other: &Self) -> bool {
        let mut pairs = self.segments.iter().zip(&other.segments).enumerate();
        let is_end = |rule: &Self, at| at == rule.segments.len() - 1 && rule.segments[at] == ANY;
        let meets = |(at, (own, others)): (usize, (&CompactString, &CompactString))| {
            if is_end(self, at) || is_end(other, at) {
                return Some(true);
            }
            let is_one = |any: &str, one: &str| any == ANY && !one.is_empty();
            let is_apart = own != others && !is_one(own, others) && !is_one(others, own);
            is_apart.then_some(false)
        };
        let is_as_long = self.segments.len() == other.segments.len();
        pairs.find_map(meets).unwrap_or(is_as_long)
    }

    fn covers(&self, path: &RequestPath<'_>) -> bool {
        let mut given = path.segments().iter();
        let last = self.segments.len() - 1;
        for (at, expected) in self.segments.iter().enumerate() {
            let Some(segment) = given.next() else {
                return false;
            };
            if expected == ANY && at == last {
                return true;
            }
            if !matches_segment(expected, segment) {
                return false;
            }
        }
        given.next().is_none()
    }
}

/// Whether a segment matches; one with an encoded slash matches nothing, since other servers may
/// see several segments.
fn matches_segment(expected: &str, segment: &str) -> bool {
    if expected == ANY {
        !segment.is_empty() && !segment.contains(['/', '%'])
    } else {
        segment == expected
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Rule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        parsed(text).ok_or_else(|| {
            if let Some(never) = methods_of(text).find(|method| FORBIDDEN.contains(method)) {
                return Invalid::new("a rule", text, format!("{never} is never allowed"))
                    .with_hint("leave it out: what follows such a request cannot be checked");
            }
            let rule = "a rule is methods, a space, and a path of plain segments, each of which \
                 may be `*`";
            Invalid::new("a rule", text, rule)
                .with_hint("write `GET,HEAD /v3/reports/*`, or `* /v3/contacts` for every method")
        })
    }
}

fn methods_of(text: &str) -> impl Iterator<Item = &str> {
    let (methods, _) = text.split_once(' ').unwrap_or((text, ""));
    methods.split(',')
}

fn parsed(text: &str) -> Option<Rule> {
    let (_, path) = text.split_once(' ')?;
    let methods: Vec<CompactString> = methods_of(text).map(Into::into).collect();
    let segments: Vec<CompactString> = path.strip_prefix('/')?.split('/').map(Into::into).collect();
    let are_good = (methods == [ANY] || methods.iter().all(|method| is_method(method)))
        && segments.iter().all(|segment| is_segment(segment))
        && RequestPath::parse(path).is_some();
    are_good.then(|| Rule {
        text: text.into(),
        methods,
        segments,
    })
}

fn is_method(text: &str) -> bool {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    is_word && !FORBIDDEN.contains(&text)
}

/// Whether a rule may contain the segment: unreserved and other literal characters (RFC 3986,
/// section 3.3), or `*` alone.
fn is_segment(text: &str) -> bool {
    let stands_for_itself =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,=:@".contains(&byte);
    text == ANY || text.bytes().all(stands_for_itself)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(rule: &str, method: &str, path: &str) -> bool {
        let rule: Rule = rule.parse().expect(rule);
        RequestPath::parse(path).is_some_and(|path| rule.allows(method, &path))
    }

    #[test]
    fn a_rule_allows_its_methods_and_paths_only() {
        for (rule, method, path, is_allowed) in [
            ("* /*", "DELETE", "/", true),
            ("* /*", "DELETE", "/a/b%2Fc?d=/../e", true),
            ("* /*", "CONNECT", "/", false),
            ("* /*", "TRACE", "/", false),
            ("GET,HEAD /*", "HEAD", "/v3/x", true),
            ("GET,HEAD /*", "get", "/v3/x", false),
            ("POST /v3/smtp/*", "POST", "/v3/smtp/email", true),
            ("POST /v3/smtp/*", "POST", "/v3/smtp/a/b", true),
            ("POST /v3/smtp/*", "GET", "/v3/smtp/email", false),
            ("POST /v3/smtp/*", "POST", "/v3/smtp", false),
            ("POST /v3/smtp/*", "POST", "/v3/smtpx/email", false),
            ("* /v3/contacts", "PUT", "/v3/contacts?x=1", true),
            ("* /v3/contacts", "PUT", "/v3/%63ontacts", true),
            ("* /v3/contacts", "PUT", "/v3/contacts/1", false),
            ("* /v3/contacts", "PUT", "/v3/Contacts", false),
            ("* /v3/contacts", "PUT", "//v3/contacts", false),
            ("* /v3/*/stats", "GET", "/v3/7/stats", true),
            ("* /v3/*/stats", "GET", "/v3/7/8/stats", false),
            ("* /v3/*/stats", "GET", "/v3//stats", false),
            ("* /v3/*/stats", "GET", "/v3/a%2Fb/stats", false),
            ("* /v3/*/stats", "GET", "/v3/a%252Fb/stats", false),
            ("* /v3/contacts/*", "GET", "/v3/contacts%2F1", false),
        ] {
            assert_eq!(
                allows(rule, method, path),
                is_allowed,
                "{rule}: {method} {path}"
            );
        }
    }

    #[test]
    fn a_rule_includes_those_that_allow_no_more() {
        for (rule, other, is_included) in [
            ("* /*", "GET /v3/contacts", true),
            ("* /*", "* /*", true),
            ("GET /*", "* /*", false),
            ("GET,HEAD /*", "GET /a/*/b", true),
            ("GET /*", "GET,HEAD /a", false),
            ("* /v3/contacts", "* /v3/contacts", true),
            ("* /v3/contacts", "* /v3/contacts/*", false),
            ("* /v3/contacts/*", "* /v3/contacts", false),
            ("* /v3/contacts/*", "PUT /v3/contacts/7/x", true),
            ("* /v3/*/stats", "* /v3/7/stats", true),
            ("* /v3/*/stats", "* /v3/*/stats", true),
            ("* /v3/*/stats", "* /v3//stats", false),
            ("* /v3/*/stats", "* /v3/*", false),
            ("* /v3/*/stats", "* /v3/7/8/stats", false),
            ("* /v3/7/stats", "* /v3/*/stats", false),
            ("* /v3/*", "* /v3/*/stats", true),
            ("* /v3/a", "* /v3/*", false),
            ("* /", "* /", true),
            ("* /", "* /*", false),
        ] {
            let [rule, other] = [rule, other].map(|text| text.parse::<Rule>().expect(text));
            assert_eq!(rule.includes(&other), is_included, "{rule}: {other}");
        }
    }

    #[test]
    fn rules_round_trip() {
        for text in ["* /*", "GET,HEAD /v3/reports/*", "POST /v3/*/stats", "* /"] {
            assert_eq!(text.parse::<Rule>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn invalid_rules_are_refused() {
        for text in [
            "",
            "GET",
            "GET v3",
            "get /v3",
            "GET, /v3",
            "*,GET /v3",
            "GET  /v3",
            "GET /a/../b",
            "GET /a%2Fb",
            "GET /a*",
            "GET /a?b",
            "GET /ä",
            "/v3",
            "CONNECT /v3",
            "GET,TRACE /v3",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }

    proptest! {
        /// What a rule allows, each rule that includes it allows, too.
        #[test]
        fn a_rule_that_is_included_allows_nothing_else(
            rule in "(\\*|GET|GET,PUT) (/(a|b|\\*|)){1,4}",
            other in "(\\*|GET|GET,PUT) (/(a|b|\\*|)){1,4}",
            method in "GET|PUT|POST",
            path in "(/(a|b|c|)){1,4}",
        ) {
            let rules = [&rule, &other].map(|text| text.parse::<Rule>().expect(text));
            let is_allowed = allows(&other, &method, &path);
            if rules[0].includes(&rules[1]) && is_allowed {
                prop_assert!(allows(&rule, &method, &path), "{} {}", rule, other);
            }
            if !rules[0].shares_paths(&rules[1]) {
                let is_both = allows(&rule, "GET", &path) && allows(&other, "GET", &path);
                prop_assert!(!is_both, "{} {}", rule, other);
            }
        }

        /// However a path is encoded, it is allowed only if it is also allowed fully decoded and
        /// resolved.
        #[test]
        fn no_disguise_widens_a_rule(
            path in "(/(v3|contacts|x|%2e%2e|\\.\\.|%2E|\\.|%252e%252e|a%2fb|%2f|%5c|\\.\\.;x|)){1,7}"
        ) {
            let rule = "* /v3/contacts/*";
            if allows(rule, "GET", &path) {
                let mut plain = path.clone();
                for _ in 0..3 {
                    plain = decoded_once(&plain).replace('\\', "/");
                }
                let mut resolved: Vec<&str> = Vec::new();
                for segment in plain.split('/').skip(1) {
                    match segment.split(';').next().expect("a first part") {
                        "." => {}
                        ".." => drop(resolved.pop()),
                        plain => resolved.push(plain),
                    }
                }
                prop_assert!(resolved.starts_with(&["v3", "contacts"]), "{path}: {resolved:?}");
            }
        }
    }

    fn decoded_once(text: &str) -> String {
        ["%2e", "%2E", "%2f", "%2F", "%5c", "%5C", "%25"]
            .iter()
            .zip([".", ".", "/", "/", "\\", "\\", "%"])
            .fold(text.to_owned(), |text, (code, plain)| {
                text.replace(code, plain)
            })
    }
}
