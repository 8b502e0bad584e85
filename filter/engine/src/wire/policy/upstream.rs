//! As whom servers are called.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    named,
};
use crate::server::{Upstream, UpstreamIdentity};

/// Headers that say what a message is, where it goes, or what it belongs to: no place for a
/// credential.
const RESERVED: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "origin",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// Beginnings of such headers.
const RESERVED_PREFIXES: [&str; 4] = ["content-", "mcp-", "x-chancery-", "x-envoy-"];

impl TryFrom<pb::Upstream> for Upstream {
    type Error = Invalid;

    fn try_from(message: pb::Upstream) -> Result<Self, Invalid> {
        let pb::Upstream {
            credential,
            identity,
            header,
        } = message;
        let credential = named(credential, ["organizations", "credentials"]).map_err(|error| {
            let field = "credential".to_owned();
            Invalid { field, ..error }
        })?;
        let identity = match pb::UpstreamIdentity::try_from(identity) {
            Ok(pb::UpstreamIdentity::Service) => UpstreamIdentity::Service,
            Ok(pb::UpstreamIdentity::Principal) => UpstreamIdentity::Principal,
            Ok(pb::UpstreamIdentity::Shared) => UpstreamIdentity::Shared,
            Ok(pb::UpstreamIdentity::Unspecified) | Err(_) => {
                let expected = "`service`, `principal` or `shared`";
                return Err(Invalid::new("identity", identity, expected));
            }
        };
        if !is_free(&header) {
            let expected = "the lower-case name of a header that has no other meaning, such as `authorization`";
            return Err(Invalid::new("header", shown(&header), expected));
        }
        Ok(Self {
            credential,
            identity,
            header: header.into(),
        })
    }
}

/// Whether a header has a name (RFC 9110 section 5.1), and one that means nothing else.
fn is_free(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(is_token)
        && !RESERVED.contains(&name)
        && !RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_a_header_of_its_own() {
        for (header, is_right) in [
            ("authorization", true),
            ("x-api-key", true),
            ("", false),
            ("X-Api-Key", false),
            ("x_api_key", false),
            ("x-api-key ", false),
            (":path", false),
            ("host", false),
            ("content-type", false),
            ("mcp-session-id", false),
            ("transfer-encoding", false),
        ] {
            let upstream = pb::Upstream {
                credential: "organizations/o/credentials/c".to_owned(),
                identity: pb::UpstreamIdentity::Service.into(),
                header: header.to_owned(),
            };
            let found = Upstream::try_from(upstream);
            assert_eq!(found.is_ok(), is_right, "{header}: {found:?}");
        }
    }
}
