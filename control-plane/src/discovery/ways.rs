//! Where servers that are asked may be, and which way leads there.

use std::time::Duration;

use chancery_engine::glob::Glob;
use http::{Request, Response, uri::Authority};
use hyper::body::{Bytes, Incoming};
use url::Url;

use super::{ANSWER_WITHIN, DiscoveryError};
use crate::egress::{Egress, EgressError, Proxy};

/// What the operator says of the control plane's own questions to servers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// The forward proxy that all of them go through.
    pub proxy: Option<Authority>,
    /// The hosts that may be asked. None: with a proxy any that it lets through, else none.
    pub hosts: Vec<Glob>,
    /// How often a server is looked at whose entry does not say that. `None`: [`Self::INTERVAL`].
    pub scan_interval: Option<Duration>,
}

impl Settings {
    /// How often a server is looked at where nothing else is said.
    pub const INTERVAL: Duration = Duration::from_mins(15);

    /// These, and what they leave open from others.
    #[must_use]
    pub fn over(mut self, mut others: Self) -> Self {
        self.hosts.append(&mut others.hosts);
        Self {
            proxy: self.proxy.or(others.proxy),
            hosts: self.hosts,
            scan_interval: self.scan_interval.or(others.scan_interval),
        }
    }
}

/// The ways that lead to servers.
#[derive(Clone, Debug)]
pub struct Ways {
    egress: Egress,
    proxy: Option<Proxy>,
    hosts: Box<[Glob]>,
    /// How often a server is looked at whose entry does not say that.
    pub(super) scan_interval: Duration,
    /// Where loopback may be asked without being named.
    is_development: bool,
}

impl Ways {
    /// Those that settings leave open.
    ///
    /// # Errors
    /// Where there are no CA certificates to verify servers with.
    pub fn new(
        egress: Egress,
        settings: &Settings,
        is_development: bool,
    ) -> Result<Self, EgressError> {
        let proxy = settings.proxy.clone().map(Proxy::new).transpose()?;
        Ok(Self {
            egress,
            proxy,
            hosts: settings.hosts.clone().into(),
            scan_interval: settings.scan_interval.unwrap_or(Settings::INTERVAL),
            is_development,
        })
    }

    /// Reads the URL of a server that may be asked.
    ///
    /// # Errors
    /// Where it is none, or may not.
    pub fn url(&self, text: &str) -> Result<Url, DiscoveryError> {
        let url = self.egress.url_through(self.proxy.as_ref(), text)?;
        let host = url.host_str().unwrap_or_default();
        // Addresses of IPv6 stand in brackets.
        let bare = host.trim_matches(['[', ']']);
        let is_named = self.hosts.iter().any(|glob| glob.matches(bare));
        let is_free = self.hosts.is_empty() && self.proxy.is_some();
        let is_here = bare == "localhost"
            || bare
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if is_named || is_free || (self.is_development && is_here) {
            return Ok(url);
        }
        Err(DiscoveryError::Host {
            host: host.to_owned(),
        })
    }

    /// Sends a request to a server, and waits for the head of its answer.
    pub(super) async fn exchange(
        &self,
        url: &str,
        request: &Request<Bytes>,
    ) -> Result<Response<Incoming>, DiscoveryError> {
        let url = self.url(url)?;
        let answered = self.egress.exchange(self.proxy.as_ref(), url, request);
        let answered = tokio::time::timeout(ANSWER_WITHIN, answered).await;
        let answered = answered.map_err(|_elapsed| DiscoveryError::Silent)?;
        Ok(answered?)
    }
}
