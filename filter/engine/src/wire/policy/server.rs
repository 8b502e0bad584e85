//! Registered servers and where they are reached.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    dispatcher::dispatchers as dispatchers_of,
    each, is_id, named, not_yet,
};
use crate::server::{Authentication, Endpoint, OnDenied, Server, Upstream, normalise};

impl TryFrom<pb::Server> for Server {
    type Error = Invalid;

    fn try_from(message: pb::Server) -> Result<Self, Invalid> {
        let pb::Server {
            name,
            endpoints,
            authentication,
            on_denied,
            origins,
            environment,
            dispatchers,
            scopes,
            upstream,
        } = message;
        not_yet("scopes", scopes.is_empty())?;
        let name = named(name, ["organizations", "workspaces", "servers"])?;
        if endpoints.is_empty() {
            return Err(Invalid::new("endpoints", "none", "at least one endpoint"));
        }
        let authentication = match pb::Authentication::try_from(authentication) {
            Ok(pb::Authentication::Required) => Authentication::Required,
            Ok(pb::Authentication::Optional) => Authentication::Optional,
            Ok(pb::Authentication::Unspecified) | Err(_) => {
                return Err(Invalid::new(
                    "authentication",
                    authentication,
                    "`required` or `optional`",
                ));
            }
        };
        let on_denied = match pb::OnDenied::try_from(on_denied) {
            Ok(pb::OnDenied::Reveal) => OnDenied::Reveal,
            Ok(pb::OnDenied::Hide) => OnDenied::Hide,
            Ok(pb::OnDenied::Unspecified) | Err(_) => {
                return Err(Invalid::new("on_denied", on_denied, "`reveal` or `hide`"));
            }
        };
        let endpoints = each("endpoints", endpoints, Endpoint::try_from)?;
        let upstream = upstream.map(|upstream| called_as(&name, upstream));
        let upstream = upstream.transpose()?;
        Ok(Self {
            name,
            endpoints,
            authentication,
            on_denied,
            origins: each("origins", origins, origin)?,
            environment: environment_of(environment)?,
            dispatchers: dispatchers_of(dispatchers)?,
            upstream,
        })
    }
}

/// A credential is of the server's own organization.
fn called_as(server: &str, upstream: pb::Upstream) -> Result<Upstream, Invalid> {
    let upstream = Upstream::try_from(upstream).map_err(|error| error.within("upstream"))?;
    let organization = server.split("/workspaces/").next().unwrap_or_default();
    let collection = format!("{organization}/credentials/");
    if upstream.credential.starts_with(&collection) {
        return Ok(upstream);
    }
    let expected = format!("`{collection}ID`");
    let field = "upstream.credential";
    Err(Invalid::new(field, shown(&upstream.credential), expected))
}

fn environment_of(name: String) -> Result<Option<Box<str>>, Invalid> {
    if name.is_empty() {
        return Ok(None);
    }
    if is_id(&name) {
        return Ok(Some(name.into()));
    }
    let expected = "an environment of 1 to 63 of `a-z`, `0-9`, `-`, or nothing";
    Err(Invalid::new("environment", shown(&name), expected))
}

/// An origin as browsers send it (RFC 6454 section 6.1).
fn origin(text: String) -> Result<Box<str>, Invalid> {
    let place = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_host =
        |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/?#@\\*".contains(&b);
    if place.is_some_and(|place| !place.is_empty() && place.bytes().all(is_host)) {
        return Ok(text.into());
    }
    let expected =
        "`https://` or `http://` and a lower-case host, with `:port` where it is not the default";
    Err(Invalid::new("", shown(&text), expected))
}

impl TryFrom<pb::Endpoint> for Endpoint {
    type Error = Invalid;

    fn try_from(message: pb::Endpoint) -> Result<Self, Invalid> {
        let pb::Endpoint {
            cluster,
            host,
            path,
            workspace,
            audiences,
            resource,
        } = message;
        not_yet("workspace", workspace.is_empty())?;
        not_yet("audiences", audiences.is_empty())?;
        not_yet("resource", resource.is_empty())?;
        if cluster.is_empty() {
            return Err(Invalid::new(
                "cluster",
                "nothing",
                "the name of an Envoy cluster",
            ));
        }
        match normalise(&host, &path) {
            Some((_, normal)) if normal == path => {}
            Some(_) | None => {
                let expected = "an absolute path without query, `//`, `.`, `..` or escapes of them";
                return Err(Invalid::new("path", shown(&path), expected));
            }
        }
        let is_host = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\*".contains(&byte);
        if !host.bytes().all(is_host) || host != host.to_ascii_lowercase() {
            let expected =
                "a lower-case host, with `:port` where clients dial one, or nothing for any";
            return Err(Invalid::new("host", shown(&host), expected));
        }
        let host = if host.is_empty() {
            None
        } else {
            Some(host.into())
        };
        Ok(Self {
            path: path.into(),
            host,
            cluster: cluster.into(),
        })
    }
}
