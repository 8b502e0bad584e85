//! What clients read before they have a token: who issues tokens for an endpoint (RFC 9728).
//!
//! No message is judged here and nothing of it is recorded: it is public, and whoever asks for it
//! often must not fill the record.

use super::{Exchange, RequestHead, Unmatched};
use crate::{
    json::escape_into,
    order,
    policy::{Arrival, Policy},
    reason::Reason,
    refusal::Reply,
    server::{METADATA_PATH, Server},
};

/// How long clients may keep the metadata of an endpoint.
const CACHE_CONTROL: &str = "public, max-age=300";

/// What clients look for at a resource that says nothing of its authorization server, and must not
/// find at a server behind the gateway: its tokens are no good here.
const AUTHORIZATION_SERVER_PATHS: [&str; 2] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

impl Exchange {
    /// The metadata of an endpoint, if that is what is asked for.
    pub(super) fn discover(
        &self,
        policy: &Policy,
        head: &RequestHead<'_>,
        path: &str,
    ) -> Option<Reply> {
        let resource_path = below(path, METADATA_PATH)?;
        let arrival = match resource_path {
            "" | "/" => policy
                .endpoint_known_as(&self.host, "")
                .or_else(|| policy.only_endpoint_at(&self.host)),
            path => policy.endpoint_known_as(&self.host, path),
        }?;
        let document = self.metadata(policy, arrival)?;
        let anyone = ("access-control-allow-origin", "*".to_owned());
        Some(match head.method {
            b"GET" | b"HEAD" => Reply {
                status: 200,
                headers: vec![
                    ("content-type", "application/json".to_owned()),
                    ("cache-control", CACHE_CONTROL.to_owned()),
                    anyone,
                ],
                body: document,
            },
            // A page that sends `MCP-Protocol-Version` asks first.
            b"OPTIONS" => Reply {
                status: 204,
                headers: vec![
                    anyone,
                    ("access-control-allow-methods", "GET".to_owned()),
                    ("access-control-allow-headers", "*".to_owned()),
                ],
                body: String::new(),
            },
            _ => Reply {
                status: 405,
                headers: vec![("allow", "GET, HEAD, OPTIONS".to_owned()), anyone],
                body: String::new(),
            },
        })
    }

    /// RFC 9728 section 2; `None` where nobody issues tokens for the endpoint.
    fn metadata(&self, policy: &Policy, arrival: Arrival) -> Option<String> {
        let (server, endpoint) = (policy.server(arrival.server)?, policy.endpoint(arrival)?);
        let vouchers = policy.vouchers(server.organization())?;
        let has_audiences = !endpoint.audiences.is_empty();
        let mut issuers = vouchers.authorization_servers(has_audiences).peekable();
        issuers.peek()?;
        let mut json = String::from("{\"resource\":\"");
        escape_into(&mut json, endpoint.resource_url(&self.host)?.as_str());
        json.push_str("\",\"authorization_servers\":");
        write_texts(issuers, &mut json);
        let mut scopes = scopes_of(server).into_iter().peekable();
        if scopes.peek().is_some() {
            json.push_str(",\"scopes_supported\":");
            write_texts(scopes, &mut json);
        }
        json.push_str(",\"bearer_methods_supported\":[\"header\"]}");
        Some(json)
    }
}

/// What a client needs to begin with; for more it is challenged (MCP, scope selection).
fn scopes_of(server: &Server) -> Vec<&str> {
    let scopes: Vec<_> = server.general_scopes().collect();
    let order = order::by_key(scopes.iter().map(|scope| scope.as_bytes()));
    let mut scopes = order::rearranged(scopes, &order);
    scopes.dedup();
    scopes
}

fn write_texts(texts: impl Iterator<Item: AsRef<str>>, json: &mut String) {
    json.push('[');
    for (position, text) in texts.enumerate() {
        if position > 0 {
            json.push(',');
        }
        json.push('"');
        escape_into(json, text.as_ref());
        json.push('"');
    }
    json.push(']');
}

/// What becomes of a request that no endpoint matches. `None`: it goes through.
///
/// Whatever leads to a registered server is never other traffic, however its path is spelt: the
/// server may read an endpoint's in it, or have another way in beside it.
pub(super) fn unmatched(
    mode: Unmatched,
    policy: &Policy,
    head: &RequestHead<'_>,
    path: Option<&str>,
) -> Option<Reason> {
    let asks_for_authorization = path.is_some_and(|path| {
        let is_below = |root: &&str| below(path, root).is_some();
        AUTHORIZATION_SERVER_PATHS.iter().any(is_below)
            || below(path, METADATA_PATH).is_some()
            || (path == "/register" && head.method == b"POST")
    });
    let is_governed = head.route_server.is_some() || policy.has_cluster(head.cluster);
    match mode {
        Unmatched::Pass | Unmatched::Observe if !is_governed => None,
        Unmatched::Pass | Unmatched::Observe | Unmatched::Refuse if asks_for_authorization => {
            Some(Reason::NoAuthorizationServer)
        }
        Unmatched::Pass | Unmatched::Observe | Unmatched::Refuse => Some(Reason::UnknownServer),
    }
}

/// What of a path comes after a root, if it is below it.
fn below<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    path.strip_prefix(root)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
