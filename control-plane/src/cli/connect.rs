//! Reaches the control plane.

use std::{
    error::Error,
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::parser::ValueSource;
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{self, Certificate, ClientTlsConfig, Endpoint, Identity},
};

use super::exit::Failure;

/// Nobody who is there takes longer to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Nobody who is well takes longer to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer with a page of records and all their content is smaller.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Where the control plane is, and who says so.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    url: String,
    setting: Setting,
    login: Login,
}

/// As whom the control plane is called, and by whose word it is believed to be it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// Certificates of CAs; the system's where absent.
    pub(crate) ca: Option<PathBuf>,
    /// The caller's certificate and key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// A file with the caller's token.
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
enum Setting {
    Flag,
    Environment,
    Default,
}

impl Address {
    pub(crate) fn new(url: String, source: Option<ValueSource>, login: Login) -> Self {
        let setting = match source {
            Some(ValueSource::CommandLine) => Setting::Flag,
            Some(ValueSource::EnvVariable) => Setting::Environment,
            _ => Setting::Default,
        };
        Self {
            url,
            setting,
            login,
        }
    }

    /// Whether somebody said where it is.
    pub(crate) fn is_given(&self) -> bool {
        match self.setting {
            Setting::Flag | Setting::Environment => true,
            Setting::Default => false,
        }
    }

    /// What to do where nobody answers, or not as it should.
    pub(crate) fn advice(&self, reason: &str) -> &'static str {
        let is_secure = self.url.starts_with("https://");
        let says = |words: &[&str]| is_secure && words.iter().any(|word| reason.contains(word));
        if says(&["unknownissuer", "selfsigned", "caused as endentity"]) {
            return "Its certificate is from a CA that is not known here: give that with --ca FILE or \
                    CHANCERY_CA.";
        }
        if says(&["notvalidforname", "not valid for name"]) {
            return "Its certificate is for another name: say --server as the certificate does.";
        }
        if says(&["invalid peer certificate"]) {
            return "Its certificate cannot be trusted: ask its operator.";
        }
        if self.login.identity.is_some() && says(&["alert", "closed", "reset", "broken pipe"]) {
            return "It may not accept your certificate: is that still valid, and from the CA that it \
                    asks for? Check --cert and --key.";
        }
        if says(&["corrupt", "invalid content type", "invalidcontenttype"]) {
            return "It does not speak TLS there: is --server meant to be http://HOST:PORT?";
        }
        match self.setting {
            Setting::Flag => "Is it running there? Check --server.",
            Setting::Environment => "Is it running there? Check CHANCERY_SERVER.",
            Setting::Default => {
                "Start one with `chancery serve`, or say where it is with --server URL or \
                 CHANCERY_SERVER."
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = match self.setting {
            Setting::Flag => "from --server",
            Setting::Environment => "from CHANCERY_SERVER",
            Setting::Default => "the default",
        };
        write!(f, "{} ({setting})", self.url)
    }
}

/// A channel that shows the caller's token.
pub(crate) type Channel = InterceptedService<transport::Channel, Bearer>;

/// Puts the caller's token, where there is one, beside every request. Secret.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bearer").field(&self.0.is_some()).finish()
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Login {
    /// Reads the token's file.
    fn bearer(&self) -> Result<Bearer, Failure> {
        let Some(path) = &self.token_file else {
            return Ok(Bearer(None));
        };
        let text = read("--token-file", path, "a file with a token")?;
        let text = String::from_utf8_lossy(&text);
        let header = format!("Bearer {}", text.trim());
        // A token that is no header value must not be shown.
        let mut value: MetadataValue<Ascii> = header.parse().map_err(|_invalid| {
            Failure::Usage(format!(
                "--token-file {}: found what cannot be a token, expected one line of ASCII",
                path.display()
            ))
        })?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca {
            Some(path) => {
                let pem = read("--ca", path, "certificates of CAs in PEM")?;
                tls.ca_certificate(Certificate::from_pem(pem))
            }
            None => tls.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            let certificate = read("--cert", certificate, "a certificate in PEM")?;
            let key = read("--key", key, "a private key in PEM")?;
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        Ok(tls)
    }
}

fn read(flag: &str, path: &Path, expected: &str) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let path = path.display();
        Failure::Usage(format!("{flag} {path}: {error}, expected {expected}"))
    })
}

/// Whether what is sent to a plain address stays on this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("http://");
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        host.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// A connection to the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    address: Address,
}

impl Connection {
    pub(crate) async fn open(address: &Address) -> Result<Self, Failure> {
        let unusable =
            |reason: &str| Failure::Usage(format!("cannot use the address {address}: {reason}"));
        let is_plain = address.url.starts_with("http://");
        if !is_plain && !address.url.starts_with("https://") {
            return Err(unusable(
                "expected https://HOST:PORT, or http://HOST:PORT in development (an MCP server of \
                 the registry is meant by --mcp-server)",
            ));
        }
        let login = &address.login;
        if is_plain && login.token_file.is_some() && !is_loopback(&address.url) {
            return Err(unusable(
                "a token would be readable on the way: use https://HOST:PORT",
            ));
        }
        if is_plain && login.identity.is_some() {
            return Err(unusable("--cert and --key need TLS: use https://HOST:PORT"));
        }
        let bearer = login.bearer()?;
        let mut endpoint = Endpoint::from_shared(address.url.clone())
            .map_err(|error| unusable(&root_cause(&error)))?
            .connect_timeout(CONNECT_TIMEOUT);
        if !is_plain {
            endpoint = endpoint
                .tls_config(login.tls()?)
                .map_err(|error| unusable(&root_cause(&error)))?;
        }
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| Failure::Unreachable {
                address: Box::new(address.clone()),
                reason: root_cause(&error),
            })?;
        Ok(Self {
            channel: InterceptedService::new(channel, bearer),
            address: address.clone(),
        })
    }

    /// Waits for the answer to a call; `action` completes "cannot …".
    pub(crate) async fn answer<T>(
        &self,
        action: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.refused(action, status)),
            Err(_) => Err(Failure::TooSlow(format!(
                "cannot {action}: the control plane at {} did not answer within {} s",
                self.address,
                ANSWER_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Tells a refusal from a lost connection.
    pub(crate) fn refused(&self, action: &str, status: Status) -> Failure {
        let can_be_lost = [Code::Unavailable, Code::Cancelled, Code::Unknown];
        if can_be_lost.contains(&status.code()) && status.source().is_some() {
            return Failure::Unreachable {
                address: Box::new(self.address.clone()),
                reason: root_cause(&status),
            };
        }
        Failure::Refused {
            action: action.to_owned(),
            status: Box::new(status),
        }
    }
}

/// The innermost cause, which alone says what happened.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let message = cause.to_string();
    // "Connection refused (os error 111)"
    message
        .split_once(" (os error")
        .map_or(message.as_str(), |(message, _)| message)
        .to_lowercase()
}
