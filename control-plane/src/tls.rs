//! Listens with TLS 1.2 and 1.3, and reads certificates again when their files change.

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::config::TlsFiles;

/// A client that does not finish its handshake within this is let go.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Most handshakes at once: what strangers can make us hold.
const MAX_HANDSHAKES: usize = 256;

/// Where accepting fails, such as for want of descriptors, it is tried again after this.
const RETRY_ACCEPT_AFTER: Duration = Duration::from_millis(100);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file that cannot be read, or has not in it what it should.
    #[error("{}: {found}, expected {expected}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The certificate and the key do not fit together.
    #[error("{} and {}: {error}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

/// What a listener serves with at present.
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Current>,
}

struct Current {
    read: Contents,
    config: Arc<ServerConfig>,
}

/// The files' bytes, to see whether they have changed.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Where one of them is not what it should be.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let read = Contents::read(&files)?;
        let config = read.config(&files)?;
        let current = RwLock::new(Current { read, config });
        Ok(Self { files, current })
    }

    /// Reads the files again; new connections are served by what is in them now. True where that
    /// is something else than before.
    ///
    /// # Errors
    /// Where they are not what they should be. Everything stays as it was then.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let read = Contents::read(&self.files)?;
        if self.read_lock().read == read {
            return Ok(false);
        }
        let config = read.config(&self.files)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { read, config };
        Ok(true)
    }

    fn read_lock(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.read_lock().config).into()
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let bytes = |path: &Path| {
            fs::read(path).map_err(|error| TlsError::File {
                path: path.to_owned(),
                found: error.to_string(),
                expected: "a readable file in PEM",
            })
        };
        Ok(Self {
            certificate: bytes(&files.certificate)?,
            key: bytes(&files.key)?,
            client_ca: files.client_ca.as_deref().map(bytes).transpose()?,
        })
    }

    fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(&self.certificate, &files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| TlsError::File {
            path: files.key.clone(),
            found: error.to_string(),
            expected: "a private key in PEM",
        })?;
        let mismatch = |error| TlsError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            error,
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(mismatch)?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(bytes), Some(path)) => {
                builder.with_client_cert_verifier(verifier(bytes, path, provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(mismatch)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would not be held to the certificate's expiry, nor to a changed CA.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// Who shows a certificate must have it from this CA. Who shows none is a stranger, whom the layers
/// above let ask for health alone.
fn verifier(
    bytes: &[u8],
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let unfit = |found: String| TlsError::File {
        path: path.to_owned(),
        found,
        expected: "the certificates of CAs in PEM",
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bytes, path)? {
        roots
            .add(certificate)
            .map_err(|error| unfit(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| unfit(error.to_string()))
}

fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unfit = |found: String| TlsError::File {
        path: path.to_owned(),
        found,
        expected: "certificates in PEM",
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let read = read.map_err(|error| unfit(error.to_string()))?;
    if read.is_empty() {
        return Err(unfit("no certificate".to_owned()));
    }
    Ok(read)
}

/// A listener whose connections have finished their handshake.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    /// Accepts on a bound listener until this one is dropped.
    ///
    /// # Errors
    /// Where the listener has no address.
    pub fn new(listener: TcpListener, tls: Arc<Tls>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(MAX_HANDSHAKES);
        tokio::spawn(accept(listener, tls, sender));
        Ok(Self { address, accepted })
    }
}

async fn accept(
    listener: TcpListener,
    tls: Arc<Tls>,
    sender: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
            return;
        };
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            () = sender.closed() => return,
        };
        let (stream, address) = match connection {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(RETRY_ACCEPT_AFTER).await;
                continue;
            }
        };
        at_once(&stream);
        let (acceptor, sender) = (tls.acceptor(), sender.clone());
        tokio::spawn(async move {
            let handshake = acceptor.accept(stream);
            match tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await {
                // Nobody listens any more: the connection ends.
                Ok(Ok(stream)) => drop(sender.send((stream, address)).await),
                Ok(Err(error)) => tracing::info!(%address, %error, "a TLS handshake failed"),
                Err(_elapsed) => tracing::info!(%address, "a TLS handshake took too long"),
            }
            drop(permit);
        });
    }
}

/// Has what is written leave at once: a held call waits for an acknowledgement of a few bytes, which
/// Nagle's algorithm (RFC 896) would keep until the peer acknowledges what came before.
fn at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::warn!(%error, "a connection may answer late");
    }
}

/// A listener without TLS.
#[derive(Debug)]
pub struct PlainListener(TcpListener);

impl PlainListener {
    /// Accepts on a bound listener.
    pub fn new(listener: TcpListener) -> Self {
        Self(listener)
    }
}

impl axum::serve::Listener for PlainListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.0).await;
        at_once(&stream);
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The task that accepts ends with this listener and not before.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Who is at the other end of a connection, as far as the connection says.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address.
    pub source: IpAddr,
    /// The URI and DNS names of the certificate, which a CA of the listener signed. Absent: none
    /// was shown.
    pub certificate: Option<Arc<[String]>>,
}

impl Connected<IncomingStream<'_, PlainListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, PlainListener>) -> Self {
        Self {
            source: stream.remote_addr().ip(),
            certificate: None,
        }
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (_, connection) = stream.io().get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        Self {
            source: stream.remote_addr().ip(),
            certificate: shown.map(names),
        }
    }
}

/// The URI and DNS names of a certificate, URIs first.
fn names(certificate: &CertificateDer<'_>) -> Arc<[String]> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
        return Arc::default();
    };
    let uris = certificate.valid_uri_names();
    uris.chain(certificate.valid_dns_names())
        .map(str::to_owned)
        .collect()
}
