//! Exchanges with a method, headers and a body of their own, answered as it comes; directly or through
//! the operator's forward proxy.

use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{HOST, USER_AGENT},
    uri::{Authority, PathAndQuery},
};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::{Egress, EgressError, MAX_REDIRECTS, redirected, root_cause};

/// A forward proxy: `CONNECT` for what is encrypted, whole URLs for what is not (RFC 9110 section
/// 9.3.6, RFC 9112 section 3.2.2). Where it is the operator says, so its address is not judged.
#[derive(Clone, Debug)]
pub struct Proxy {
    authority: Authority,
    tunnel: Client<HttpsConnector<Tunnel<HttpConnector>>, Full<Bytes>>,
}

impl Proxy {
    /// The one at `HOST:PORT`.
    ///
    /// # Errors
    /// Where there are no CA certificates to verify servers with.
    pub fn new(authority: Authority) -> Result<Self, EgressError> {
        let at = Uri::builder()
            .scheme("http")
            .authority(authority.clone())
            .path_and_query(PathAndQuery::from_static("/"));
        let at = at.build().map_err(|_invalid| EgressError::Url {
            url: authority.to_string(),
            why: "is no proxy's `HOST:PORT`",
        })?;
        let tunnel = Tunnel::new(at, HttpConnector::new());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            .https_only()
            .enable_http1()
            .wrap_connector(tunnel);
        Ok(Self {
            authority,
            tunnel: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, EgressError> {
        if request.uri().scheme_str() == Some("https") {
            let sent = self.tunnel.request(request).await;
            return sent.map_err(|error| EgressError::Unreachable(root_cause(&error)));
        }
        let unreachable = |error: &dyn std::error::Error| {
            EgressError::Unreachable(format!(
                "the proxy {}: {}",
                self.authority,
                root_cause(error)
            ))
        };
        let (host, port) = (
            self.authority.host(),
            self.authority.port_u16().unwrap_or(80),
        );
        let host = host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, port)).await;
        let stream = TokioIo::new(stream.map_err(|error| unreachable(&error))?);
        let (mut sender, connection) = http1::handshake(stream)
            .await
            .map_err(|error| unreachable(&error))?;
        // It ends with the answer, or when whoever reads that is gone.
        tokio::spawn(async move { drop(connection.await) });
        let sent = sender.send_request(request).await;
        sent.map_err(|error| unreachable(&error))
    }
}

impl Egress {
    /// Reads a URL that may be asked directly or, where there is one, through a proxy, which may be
    /// asked for what is not encrypted too.
    ///
    /// # Errors
    /// Where it is none, or may not.
    pub(crate) fn url_through(
        &self,
        proxy: Option<&Proxy>,
        text: &str,
    ) -> Result<Url, EgressError> {
        self.place(text, proxy.is_some())
    }

    /// Sends a request to where [`Self::url_through`] lets it go, and the same again where that
    /// redirects it, within one host, port and scheme. How long it may take is for the caller to say.
    ///
    /// # Errors
    /// Where it is not to be asked, or does not answer.
    pub(crate) async fn exchange(
        &self,
        proxy: Option<&Proxy>,
        mut url: Url,
        request: &Request<Bytes>,
    ) -> Result<Response<Incoming>, EgressError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = match proxy {
                None => {
                    let sent = self.client.request(addressed(&url, request)?).await;
                    sent.map_err(|error| EgressError::Unreachable(root_cause(&error)))?
                }
                Some(proxy) => {
                    self.judge_where_known(&url).await?;
                    proxy.send(addressed(&url, request)?).await?
                }
            };
            match response.status() {
                // Only these keep the method and the body (RFC 9110 sections 15.4.8 and 15.4.9).
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    url = redirected(&url, response.headers())?;
                }
                status if status.is_redirection() => {
                    let to = redirected(&url, response.headers())?.to_string();
                    return Err(EgressError::Redirect { to });
                }
                _ => return Ok(response),
            }
        }
        Err(EgressError::Redirect {
            to: url.to_string(),
        })
    }

    /// A proxy resolves names itself. Where they are known here too and lead inside, it is not asked.
    async fn judge_where_known(&self, url: &Url) -> Result<(), EgressError> {
        let Some(Host::Domain(name)) = url.host() else {
            // `place` judged addresses.
            return Ok(());
        };
        let Ok(addresses) = tokio::net::lookup_host((name, 0)).await else {
            return Ok(());
        };
        let inside = addresses
            .map(|address| address.ip())
            .find(|address| !self.allowed.includes(*address));
        match inside {
            Some(address) => Err(EgressError::Address { address }),
            None => Ok(()),
        }
    }
}

fn addressed(url: &Url, request: &Request<Bytes>) -> Result<Request<Full<Bytes>>, EgressError> {
    let invalid = || EgressError::Url {
        url: url.to_string(),
        why: "is no URL",
    };
    let (mut parts, body) = request.clone().into_parts();
    parts.uri = url.as_str().parse().map_err(|_invalid| invalid())?;
    let authority = parts.uri.authority().map(Authority::as_str);
    let host = HeaderValue::from_str(authority.unwrap_or_default());
    parts
        .headers
        .insert(HOST, host.map_err(|_invalid| invalid())?);
    let agent = concat!("chancery/", env!("CARGO_PKG_VERSION"));
    parts
        .headers
        .insert(USER_AGENT, HeaderValue::from_static(agent));
    Ok(Request::from_parts(parts, Full::new(body)))
}
