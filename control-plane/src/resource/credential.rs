//! Credentials: what filters get of them, and the secrets, which nobody gets.

use chancery_engine::{secret::Secret, wire::Invalid};
use chancery_proto::{
    admin::v1::{self as admin, credential::Kind},
    policy::v1 as policy,
};
use prost_types::{Duration, Timestamp};
use url::Url;

use super::{invalid, name};
use crate::webhook::signature::SigningKey;

/// The header where none is named.
const DEFAULT_HEADER: &str = "authorization";

/// Longest that an assertion is valid.
const MAX_ASSERTION_SECONDS: i64 = 15 * 60;

/// Farthest that the end of an exception may be from when it was last agreed to.
const MAX_EXCEPTION_SECONDS: i64 = 90 * 24 * 60 * 60;

/// The field that holds a credential's secret, if it is of a kind that has one.
fn secret_field(credential: &mut admin::Credential) -> Option<(&'static str, &mut String)> {
    match credential.kind.as_mut()? {
        Kind::ClientCredentials(kind) => {
            Some(("client_credentials.client_secret", &mut kind.client_secret))
        }
        Kind::TokenExchange(kind) => {
            Some(("token_exchange.client_secret", &mut kind.client_secret))
        }
        Kind::StaticHeader(kind) => Some(("static_header.value", &mut kind.value)),
        Kind::SigningSecret(kind) => Some(("signing_secret.secret", &mut kind.secret)),
        Kind::Assertion(_) => None,
    }
}

/// Which kind of secret it has; a credential of another kind needs a new one.
fn secret_kind(credential: &admin::Credential) -> Option<std::mem::Discriminant<Kind>> {
    credential.kind.as_ref().map(std::mem::discriminant)
}

/// What of a credential changes to whom its secret, or what is had with it, is sent. Whoever changes
/// that has to know the secret.
fn sent_elsewhere(before: &admin::Credential, after: &admin::Credential) -> Option<&'static str> {
    let is_new = |server: &String| !before.servers.contains(server);
    if after.servers.iter().any(is_new) {
        return Some("servers");
    }
    let is_new = |host: &String| !before.scan_hosts.contains(host);
    if after.scan_hosts.iter().any(is_new) {
        return Some("scan_hosts");
    }
    let differing = |pairs: &[(&'static str, &str, &str)]| {
        let mut pairs = pairs.iter();
        let found = pairs.find(|(_, before, after)| before != after);
        found.map(|(field, ..)| *field)
    };
    match (before.kind.as_ref()?, after.kind.as_ref()?) {
        (Kind::ClientCredentials(a), Kind::ClientCredentials(b)) => differing(&[
            ("token_uri", &a.token_uri, &b.token_uri),
            ("client_id", &a.client_id, &b.client_id),
            ("resource", &a.resource, &b.resource),
        ]),
        (Kind::TokenExchange(a), Kind::TokenExchange(b)) => differing(&[
            ("token_uri", &a.token_uri, &b.token_uri),
            ("client_id", &a.client_id, &b.client_id),
            ("audience", &a.audience, &b.audience),
            ("resource", &a.resource, &b.resource),
        ]),
        (Kind::StaticHeader(a), Kind::StaticHeader(b)) => {
            differing(&[("header", &a.header, &b.header)])
        }
        // Of different kinds none is kept, an assertion has no secret that was given, and one that signs is
        // sent to nobody.
        (
            Kind::ClientCredentials(_)
            | Kind::TokenExchange(_)
            | Kind::StaticHeader(_)
            | Kind::SigningSecret(_)
            | Kind::Assertion(_),
            _,
        ) => None,
    }
}

/// Takes the secret out of a credential that is to be stored, and says when its secret was last
/// replaced: now, where it brings one, else when the stored one's was.
///
/// # Errors
/// Where it needs a secret, brings none, and none is stored.
pub fn take_secret(
    credential: &mut admin::Credential,
    stored: Option<&admin::Credential>,
    now: Timestamp,
) -> Result<Option<Secret>, Invalid> {
    let kept = stored.filter(|stored| secret_kind(stored) == secret_kind(credential));
    let kept_time = kept.and_then(|stored| stored.rotate_time);
    credential.rotate_time = None;
    let Some((field, secret)) = secret_field(credential) else {
        // The key of an assertion is made here.
        credential.rotate_time = kept_time;
        return Ok(None);
    };
    let secret = std::mem::take(secret);
    if secret.is_empty() {
        let Some(kept) = kept else {
            let expected = "a secret, as none of this kind is stored yet";
            return Err(invalid(field, "nothing", expected));
        };
        if let Some(what) = sent_elsewhere(kept, credential) {
            let found = format!("nothing, while `{what}` changes");
            let expected = "the secret again, as it would be used for more than when it was given";
            return Err(invalid(field, found, expected));
        }
        credential.rotate_time = kept_time;
        return Ok(None);
    }
    let secret = Secret::new(secret);
    check_secret(credential, field, &secret)?;
    credential.rotate_time = Some(now);
    Ok(Some(secret))
}

/// Checks a secret that somebody gives for a credential.
///
/// # Errors
/// Where it is not one that this kind of credential can have. What was found is not shown.
pub fn check_secret(
    credential: &admin::Credential,
    field: &str,
    secret: &Secret,
) -> Result<(), Invalid> {
    let signs = matches!(credential.kind, Some(Kind::SigningSecret(_)));
    match signs.then(|| SigningKey::read(secret)) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(unfit)) => Err(invalid(field, unfit.to_string(), SigningKey::EXPECTED)),
    }
}

/// As whom the servers of a credential are called: their ids, and what filters are told. `None`: it is for
/// no server.
pub(crate) fn to_policy(
    credential: &admin::Credential,
) -> Result<Option<(Vec<String>, policy::Upstream)>, Invalid> {
    let admin::Credential {
        name,
        etag: _,
        create_time: _,
        update_time,
        description: _,
        servers,
        kind,
        rotate_time: _,
        scan_hosts,
    } = credential;
    name::check(name, &["organizations", "credentials"])?;
    let Some(kind) = kind else {
        let expected = "`client_credentials`, `token_exchange`, `assertion`, `static_header` or \
                        `signing_secret`";
        return Err(invalid("kind", "nothing", expected));
    };
    check_servers(kind, servers)?;
    check_scan_hosts(kind, scan_hosts)?;
    for (position, server) in servers.iter().enumerate() {
        name::check_id(&format!("servers[{position}]"), server)?;
    }
    let (identity, header) = match kind {
        Kind::ClientCredentials(kind) => {
            check_client("client_credentials", &kind.token_uri, &kind.client_id)?;
            (policy::UpstreamIdentity::Service, DEFAULT_HEADER)
        }
        Kind::TokenExchange(kind) => {
            check_client("token_exchange", &kind.token_uri, &kind.client_id)?;
            (policy::UpstreamIdentity::Principal, DEFAULT_HEADER)
        }
        Kind::Assertion(kind) => {
            check_assertion(kind)?;
            (policy::UpstreamIdentity::Principal, DEFAULT_HEADER)
        }
        Kind::StaticHeader(kind) => {
            check_static_header(kind, update_time.as_ref())?;
            let header = Some(&*kind.header).filter(|header| !header.is_empty());
            (
                policy::UpstreamIdentity::Shared,
                header.unwrap_or(DEFAULT_HEADER),
            )
        }
        Kind::SigningSecret(_) => return Ok(None),
    };
    let upstream = policy::Upstream {
        credential: name.clone(),
        identity: identity.into(),
        header: header.to_owned(),
    };
    Ok(Some((servers.clone(), upstream)))
}

fn check_servers(kind: &Kind, servers: &[String]) -> Result<(), Invalid> {
    let signs = matches!(kind, Kind::SigningSecret(_));
    match servers.first() {
        Some(server) if signs => {
            let expected = "none, as a signing secret is for webhooks";
            Err(invalid("servers[0]", format!("`{server}`"), expected))
        }
        None if !signs => Err(invalid("servers", "none", "the id of at least one server")),
        Some(_) | None => Ok(()),
    }
}

/// A scan is made for nobody, so it can only show what stands for the gateway.
fn check_scan_hosts(kind: &Kind, hosts: &[String]) -> Result<(), Invalid> {
    let Some(first) = hosts.first() else {
        return Ok(());
    };
    match kind {
        Kind::ClientCredentials(_) | Kind::StaticHeader(_) => {}
        Kind::TokenExchange(_) | Kind::Assertion(_) | Kind::SigningSecret(_) => {
            let expected = "none: only client credentials and static headers stand for nobody";
            return Err(invalid("scan_hosts[0]", format!("`{first}`"), expected));
        }
    }
    for (position, host) in hosts.iter().enumerate() {
        // What a URL makes of it is what it is compared with.
        let url = Url::parse(&format!("https://{host}/"));
        let is_host = url.is_ok_and(|url| host_of(&url).as_deref() == Some(host));
        if !is_host {
            let expected = "a host in lower case, with its port where that is not 443";
            let field = format!("scan_hosts[{position}]");
            return Err(invalid(field, format!("`{host}`"), expected));
        }
    }
    Ok(())
}

/// The host of a URL, with its port where that is not the scheme's own: as credentials name it.
pub(crate) fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn check_client(kind: &str, token_uri: &str, client_id: &str) -> Result<(), Invalid> {
    let is_uri = ["https://", "http://"]
        .iter()
        .filter_map(|scheme| token_uri.strip_prefix(scheme))
        .any(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if !is_uri {
        let expected = "the URL of a token endpoint, such as `https://idp.example.com/token`";
        let field = format!("{kind}.token_uri");
        return Err(invalid(field, format!("`{token_uri}`"), expected));
    }
    if client_id.is_empty() {
        let field = format!("{kind}.client_id");
        return Err(invalid(field, "nothing", "the id of the gateway's client"));
    }
    Ok(())
}

fn check_assertion(assertion: &admin::Assertion) -> Result<(), Invalid> {
    if assertion.audience.is_empty() {
        let expected = "the `aud` that the server looks for";
        return Err(invalid("assertion.audience", "nothing", expected));
    }
    match assertion.lifetime {
        None => Ok(()),
        Some(Duration { seconds, nanos: 0 }) if (1..=MAX_ASSERTION_SECONDS).contains(&seconds) => {
            Ok(())
        }
        Some(Duration { seconds, nanos: _ }) => {
            let expected = format!("1 to {MAX_ASSERTION_SECONDS} whole seconds");
            Err(invalid(
                "assertion.lifetime",
                format!("{seconds} s"),
                expected,
            ))
        }
    }
}

/// The end of an exception is measured from when it was agreed to, so that it stays valid later.
fn check_static_header(
    header: &admin::StaticHeader,
    agreed: Option<&Timestamp>,
) -> Result<(), Invalid> {
    let is_token = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    if !header.header.bytes().all(is_token) {
        let found = format!("`{}`", header.header);
        let expected = "the name of a header in lower case";
        return Err(invalid("static_header.header", found, expected));
    }
    for (field, value, expected) in [
        (
            "static_header.approver",
            &header.approver,
            "who agreed to it",
        ),
        (
            "static_header.reason",
            &header.reason,
            "why there is no better way",
        ),
    ] {
        if value.is_empty() {
            return Err(invalid(field, "nothing", expected));
        }
    }
    let expected = "when the exception ends, at most 90 days ahead";
    let Some(end) = &header.expire_time else {
        return Err(invalid("static_header.expire_time", "nothing", expected));
    };
    let lasts_seconds = agreed.map_or(1, |agreed| end.seconds.saturating_sub(agreed.seconds));
    if !(1..=MAX_EXCEPTION_SECONDS).contains(&lasts_seconds) {
        let found = format!("`{end}`");
        return Err(invalid("static_header.expire_time", found, expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
