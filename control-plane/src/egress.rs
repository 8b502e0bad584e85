//! Requests that the control plane makes of others: bounded, encrypted, and never to an address
//! inside unless the operator says so.
//!
//! Whoever may write an identity provider says where these go, so they must not reach what only
//! this machine can (server-side request forgery). Addresses are judged after their names are
//! resolved, and exactly those are connected to. Proxies of the environment are not used.

mod exchange;
mod form;
mod post;

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{ACCEPT, AGE, CACHE_CONTROL, LOCATION, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use ipnet::IpNet;
use tower_service::Service;
use url::{Host, Url};

pub use self::exchange::Proxy;

/// Most bytes of an answer.
pub const MAX_ANSWER_BYTES: usize = 256 << 10;

/// How long a request may take, with everything that belongs to it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Most redirects that are followed, all to the same place.
const MAX_REDIRECTS: usize = 3;

/// Where development may go beside the public internet: this machine and its own networks, but not
/// the link, where clouds keep credentials.
const DEVELOPMENT_NETWORKS: [&str; 6] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// Not a URL that is asked.
    #[error("`{url}` {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An address that is not public.
    #[error(
        "{address} is not a public address; allow its network with `--allow-network` if it is meant"
    )]
    Address {
        /// Which.
        address: IpAddr,
    },
    /// A redirect to elsewhere.
    #[error("it redirects to `{to}`, which is another place")]
    Redirect {
        /// Where to.
        to: String,
    },
    /// Another answer than wanted.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// Too much of an answer, or one that broke off.
    #[error("its answer cannot be read, or is longer than {MAX_ANSWER_BYTES} bytes: {0}")]
    Body(Box<dyn StdError + Send + Sync>),
    /// No answer.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("it did not answer within {} s", ANSWER_WITHIN.as_secs())]
    TooSlow,
    /// The system's certificates.
    #[error("the system's CA certificates cannot be read: {0}")]
    Roots(#[from] io::Error),
}

/// A good answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Its body.
    pub body: Vec<u8>,
    /// For how long it stays good, if it says so (RFC 9111).
    pub fresh_for: Option<Duration>,
}

type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// Makes requests.
#[derive(Clone, Debug)]
pub struct Egress {
    client: Client<Connector, Full<Bytes>>,
    allowed: Allowed,
    is_development: bool,
}

impl Egress {
    /// One that may also reach these networks. In development it may reach this machine and its own
    /// networks, and speak plain HTTP on loopback.
    ///
    /// # Errors
    /// Where there are no CA certificates to verify servers with.
    pub fn new(is_development: bool, mut networks: Vec<IpNet>) -> Result<Self, EgressError> {
        if is_development {
            let known = DEVELOPMENT_NETWORKS.iter();
            networks.extend(known.filter_map(|network| network.parse::<IpNet>().ok()));
        }
        let allowed = Allowed(networks.into());
        let mut connector = HttpConnector::new_with_resolver(Resolver(allowed.clone()));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            allowed,
            is_development,
        })
    }

    /// Reads a URL that may be asked.
    ///
    /// # Errors
    /// Where it is none, or may not.
    pub fn url(&self, text: &str) -> Result<Url, EgressError> {
        self.place(text, false)
    }

    /// Reads a URL that may be asked, without encryption too where somebody else sees to that.
    fn place(&self, text: &str, may_be_plain: bool) -> Result<Url, EgressError> {
        let (url, literal) = read(text, |is_here| {
            may_be_plain || (self.is_development && is_here)
        })?;
        // Names are judged when they are resolved; these are not resolved.
        match literal {
            Some(address) if !self.allowed.includes(address) => {
                Err(EgressError::Address { address })
            }
            Some(_) | None => Ok(url),
        }
    }

    /// Reads what is at a URL.
    ///
    /// # Errors
    /// Where it is not to be asked, or does not answer well.
    pub async fn get(&self, text: &str) -> Result<Answer, EgressError> {
        let url = self.url(text)?;
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.follow(url)).await;
        answered.map_err(|_elapsed| EgressError::TooSlow)?
    }

    async fn follow(&self, mut url: Url) -> Result<Answer, EgressError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url).await?;
            if response.status().is_redirection() {
                url = redirected(&url, response.headers())?;
                continue;
            }
            if !response.status().is_success() {
                return Err(EgressError::Status(response.status()));
            }
            let fresh_for = fresh_for(response.headers());
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
            let body = body.collect().await.map_err(EgressError::Body)?;
            return Ok(Answer {
                body: body.to_bytes().to_vec(),
                fresh_for,
            });
        }
        Err(EgressError::Redirect {
            to: url.to_string(),
        })
    }

    async fn send(&self, url: &Url) -> Result<Response<Incoming>, EgressError> {
        let request = Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .body(Full::default());
        let request = request.map_err(|_invalid| EgressError::Url {
            url: url.to_string(),
            why: "is no URL",
        })?;
        let sent = self.client.request(request).await;
        sent.map_err(|error| EgressError::Unreachable(root_cause(&error)))
    }
}

/// Checks a URL as far as that can be done without knowing where it may lead: `http` is for this machine,
/// in development.
///
/// # Errors
/// Where it can be asked nowhere.
pub(crate) fn check_url(text: &str) -> Result<(), EgressError> {
    read(text, |is_here| is_here).map(drop)
}

/// Reads a URL, and the address in it where it names no host. Without encryption it may be asked where
/// `may_be_plain` says so, which is told whether it is on this machine.
fn read(
    text: &str,
    may_be_plain: impl FnOnce(bool) -> bool,
) -> Result<(Url, Option<IpAddr>), EgressError> {
    let refused = |why| EgressError::Url {
        url: text.to_owned(),
        why,
    };
    let url = Url::parse(text).map_err(|_not_a_url| refused("is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refused("has a user or a fragment in it"));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err(refused("names no host")),
    };
    let is_here = literal.map_or_else(
        || url.domain() == Some("localhost"),
        |address| address.is_loopback(),
    );
    match url.scheme() {
        "https" => Ok((url, literal)),
        "http" if may_be_plain(is_here) => Ok((url, literal)),
        _ => Err(refused("is not `https`")),
    }
}

/// Where a redirect leads, if that is the same host, port and scheme.
fn redirected(from: &Url, headers: &HeaderMap) -> Result<Url, EgressError> {
    let location = headers.get(LOCATION).and_then(|it| it.to_str().ok());
    let to = location.and_then(|location| from.join(location).ok());
    match to {
        Some(to) if to.origin() == from.origin() => Ok(to),
        Some(_) | None => Err(EgressError::Redirect {
            to: location.unwrap_or_default().to_owned(),
        }),
    }
}

/// `max-age` less `Age`; none at all where it must be asked again at once.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let control = text(CACHE_CONTROL)?.to_ascii_lowercase();
    let mut directives = control.split(',').map(str::trim);
    if directives
        .clone()
        .any(|it| it == "no-store" || it == "no-cache")
    {
        return Some(Duration::ZERO);
    }
    let max_age = directives.find_map(|it| it.strip_prefix("max-age="));
    let seconds: u64 = max_age?.trim_matches('"').parse().ok()?;
    let age: u64 = text(AGE).and_then(|age| age.parse().ok()).unwrap_or(0);
    Some(Duration::from_secs(seconds.saturating_sub(age)))
}

/// The innermost cause, which alone says what happened.
fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Networks beside the public internet.
#[derive(Clone, Debug)]
struct Allowed(Arc<[IpNet]>);

impl Allowed {
    fn includes(&self, address: IpAddr) -> bool {
        let address = embedded(address);
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }
}

/// The IPv4 address that an IPv6 one stands for (RFC 4291 section 2.5.5, RFC 6052, RFC 3056).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let from = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if high != 0 => from(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => from(high, low),
        _ => address,
    }
}

/// Whether anyone on the internet could reach it (IANA's special-purpose address registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        [0 | 10 | 127 | 240..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 168, ..]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        _ => false,
    };
    !special && !address.is_multicast()
}

/// Global unicast (`2000::/3`) without what is set apart of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Resolves names to addresses that may be reached, and to no others.
#[derive(Clone, Debug)]
struct Resolver(Allowed);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = self.0.clone();
        Box::pin(async move {
            let resolved: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (reachable, others): (Vec<_>, Vec<_>) = resolved
                .into_iter()
                .partition(|address| allowed.includes(address.ip()));
            match others.first() {
                Some(other) if reachable.is_empty() => {
                    let address = other.ip();
                    Err(io::Error::other(
                        EgressError::Address { address }.to_string(),
                    ))
                }
                Some(_) | None => Ok(reachable.into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
