//! Credential headers in the configuration of each gateway: those it passes to `serve`, and those
//! it removes before the backend.

use crate::settings::{Credentials, KeyHeader};

/// One line for each header, including `Authorization` if bearer keys are accepted.
fn lines(
    credentials: &Credentials,
    indent: &str,
    header: impl Fn(&str) -> String,
    bearer: &str,
) -> String {
    let headers = credentials.headers.iter().map(KeyHeader::as_str);
    let bearer = credentials.bearer.then(|| bearer.to_owned());
    let lines: Vec<String> = headers.map(header).chain(bearer).collect();
    lines.join(&format!("\n{indent}"))
}

/// The line of nginx's map that empties `Authorization`.
pub(super) fn nginx_bearer(credentials: &Credentials) -> String {
    let line = match credentials.bearer {
        true => r#"~*^bearer\b   "";"#,
        false => "# The settings do not accept keys as bearer tokens.",
    };
    line.to_owned()
}

/// Removes keys from nginx's requests to the backend.
pub(super) fn nginx_removed(credentials: &Credentials) -> String {
    let removed = |name: &str| format!("proxy_set_header {name} \"\";");
    let bearer = "proxy_set_header Authorization $postkey_authorization;";
    lines(credentials, "    ", removed, bearer)
}

/// Keeps keys out of Caddy's log; it hides `Authorization` itself.
pub(super) fn caddy_unlogged(credentials: &Credentials) -> String {
    let headers = credentials.headers.iter().map(KeyHeader::as_str);
    headers
        .map(|name| format!("\n\t\t\t\trequest>headers>{} delete", canonical(name)))
        .collect()
}

/// Removes keys from Caddy's requests to the backend.
pub(super) fn caddy_removed(credentials: &Credentials) -> String {
    let removed = |name: &str| format!("request_header -{}", canonical(name));
    let bearer = "@bearer header_regexp Authorization (?i)^bearer\\b\n\t\t\
                  request_header @bearer -Authorization";
    lines(credentials, "\t\t", removed, bearer)
}

/// The headers that Traefik passes to `serve`.
pub(super) fn traefik_headers(credentials: &Credentials) -> String {
    let asked = |name: &str| format!("- \"{name}\"");
    lines(credentials, "          ", asked, "- \"Authorization\"")
}

/// Removes keys from Traefik's requests to the backend: an empty value removes a header.
pub(super) fn traefik_removed(credentials: &Credentials) -> String {
    let removed = |name: &str| format!("{name}: \"\"");
    let bearer = "# Keys cannot be told apart from other tokens, so all are removed.\n          \
                  Authorization: \"\"";
    lines(credentials, "          ", removed, bearer)
}

/// The headers that HAProxy passes to `serve`, as a list in Lua.
pub(super) fn haproxy_headers(credentials: &Credentials) -> String {
    let quoted = |name: &str| format!("\"{name}\"");
    lines(credentials, "", quoted, "\"authorization\"").replace('\n', ", ")
}

/// Removes keys from HAProxy's requests to the backend.
pub(super) fn haproxy_removed(credentials: &Credentials) -> String {
    let removed = |name: &str| format!("http-request del-header {name}");
    let bearer = "http-request del-header authorization if \
                  { req.hdr(authorization) -m reg -i ^bearer([^a-z0-9_]|$) }";
    lines(credentials, "  ", removed, bearer)
}

/// A header's name as Go writes it (`net/textproto`, `CanonicalMIMEHeaderKey`).
fn canonical(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_is_configured_with_every_header() {
        let named = |names: &[&str], bearer| Credentials {
            headers: names.iter().map(|name| name.parse().expect(name)).collect(),
            bearer,
        };
        let ways = [
            nginx_removed,
            caddy_removed,
            traefik_headers,
            traefik_removed,
            haproxy_headers,
            haproxy_removed,
        ];
        for way in ways {
            let both = way(&named(&["api-key", "x-token"], true)).to_lowercase();
            let has = |word| both.contains(word);
            assert!(
                has("api-key") && has("x-token") && has("authorization"),
                "{both}"
            );
            let own = way(&named(&["x-token"], false)).to_lowercase();
            assert!(own.contains("x-token"), "{own}");
            assert!(
                !own.contains("api-key") && !own.contains("authorization"),
                "{own}"
            );
            let bearer = way(&named(&[], true)).to_lowercase();
            assert!(
                bearer.contains("authorization") && !bearer.starts_with('\n'),
                "{bearer}"
            );
        }
        assert_eq!(caddy_unlogged(&named(&[], true)), "");
        assert_eq!(canonical("x-api-key"), "X-Api-Key");
    }
}
