//! Headers that go no further, in either direction.

use super::{HeaderEdit, Headers};

/// Whole names that never reach a server: credentials that were meant for the gateway, the wish
/// for encodings that could not be judged, and what would have the server read another request.
const REQUEST: &[&str] = &[
    "accept-encoding",
    "authorization",
    "cf-connecting-ip",
    "forwarded",
    "proxy-authorization",
    "remote-user",
    "true-client-ip",
    "x-access-token",
    "x-client-cert",
    "x-client-ip",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-http-method",
    "x-http-method-override",
    "x-id-token",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-user",
    "x-userinfo",
];

/// Beginnings of names that never reach a server: identities that gateways set and servers trust,
/// Envoy's own steering (a client near enough could have a call made many times), and our own.
const REQUEST_PREFIXES: &[&str] = &[
    "cf-access-",
    "ssl-client-",
    "tailscale-user-",
    "x-amzn-oidc-",
    "x-auth-",
    "x-authenticated-",
    "x-chancery-",
    "x-consumer-",
    "x-envoy-hedge-",
    "x-envoy-max-retries",
    "x-envoy-original-",
    "x-envoy-retr",
    "x-envoy-upstream-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-jwt-",
    "x-ms-client-principal",
    "x-remote-",
    "x-ssl-client-",
    "x-user-",
    "x-webauth-",
];

/// Headers that the protocol gives a meaning, by their beginnings.
const PROTOCOL_PREFIXES: &[&str] = &["content-", "last-event-", "mcp-", "transfer-"];

/// Names that never reach a client: whatever would lead it around the gateway.
const RESPONSE: &[&str] = &[
    "alt-svc",
    "content-location",
    "link",
    "location",
    "proxy-authenticate",
    "refresh",
    "www-authenticate",
];

fn is_stripped_request(name: &str) -> bool {
    let is_listed = |name: &str| {
        REQUEST.binary_search(&name).is_ok() || begins_with_one_of(name, REQUEST_PREFIXES)
    };
    if !name.contains('_') {
        return is_listed(name);
    }
    // Servers behind CGI-like interfaces read `x_user` as `x-user`.
    let dashed = name.replace('_', "-");
    is_listed(&dashed) || begins_with_one_of(&dashed, PROTOCOL_PREFIXES)
}

/// Only the last prefix that does not come after a name can be one of it, since none begins with
/// another.
fn begins_with_one_of(name: &str, sorted: &[&str]) -> bool {
    let after = sorted.partition_point(|prefix| *prefix <= name);
    let candidate = after.checked_sub(1).and_then(|index| sorted.get(index));
    candidate.is_some_and(|prefix| name.starts_with(prefix))
}

/// The edits that remove from a request what must not reach the server.
pub(super) fn request(headers: Headers<'_>) -> Vec<HeaderEdit> {
    removed(headers, is_stripped_request)
}

/// The edits that remove from a response what must not reach the client.
pub(super) fn response(headers: Headers<'_>) -> Vec<HeaderEdit> {
    removed(headers, |name| {
        RESPONSE.contains(&name) || name.starts_with("x-chancery-")
    })
}

fn removed(headers: Headers<'_>, is_stripped: impl Fn(&str) -> bool) -> Vec<HeaderEdit> {
    let names = headers.names().filter(|name| is_stripped(name));
    names
        .map(|name| HeaderEdit::Remove(name.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_no_prefix_begins_with_another() {
        for table in [REQUEST, REQUEST_PREFIXES, PROTOCOL_PREFIXES] {
            assert!(table.is_sorted());
        }
        for prefixes in [REQUEST_PREFIXES, PROTOCOL_PREFIXES] {
            let nested = prefixes
                .windows(2)
                .find(|pair| pair[1].starts_with(pair[0]));
            assert_eq!(nested, None);
        }
    }

    #[test]
    fn strips_identities_in_every_spelling_and_nothing_else() {
        for name in [
            "authorization",
            "x-user-id",
            "x_forwarded_user",
            "x-auth-request-email",
            "x-envoy-retry-on",
            "mcp_name",
            "content_type",
        ] {
            assert!(is_stripped_request(name), "{name}");
        }
        for name in [
            "accept",
            "content-type",
            "cookie",
            "mcp-name",
            "mcp-param-user",
            "traceparent",
            "x-api-key",
            "x-forwarded-for",
            "x-request-id",
            "x_custom",
        ] {
            assert!(!is_stripped_request(name), "{name}");
        }
    }
}
