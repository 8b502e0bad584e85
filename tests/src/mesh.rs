//! A service mesh for tests: workloads with certificates that name them, and a listener that asks
//! for them.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, string::Ia5String,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The name that listeners have in their certificate.
const GATEWAY: &str = "gateway.test";

/// Why there is no certificate, or no answer.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// A certificate.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The connection.
    #[error("the connection: {0}")]
    Connection(#[from] std::io::Error),
    /// What came back.
    #[error("no HTTP answer: {0}")]
    Answer(String),
}

/// A certificate authority.
#[derive(Debug)]
pub struct Mesh {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Workload {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Mesh {
    /// Makes one.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn generate() -> Result<Self, MeshError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// A certificate with this URI as its name.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn workload(&self, uri: &str) -> Result<Workload, MeshError> {
        self.issue(SanType::URI(Ia5String::try_from(uri)?))
    }

    fn issue(&self, name: SanType) -> Result<Workload, MeshError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        // A certificate whose subject is its issuer's counts as signed by itself.
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "workload");
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Workload { certificate, key })
    }

    /// Envoy's `transport_socket` for listeners that take, but do not need, a certificate of this
    /// mesh.
    ///
    /// # Errors
    /// Where the listener's own certificate cannot be made.
    pub fn transport_socket(&self) -> Result<Value, MeshError> {
        let own = self.issue(SanType::DnsName(Ia5String::try_from(GATEWAY)?))?;
        let text = |pem: String| json!({ "inline_string": pem });
        Ok(json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": text(own.certificate.pem()),
                        "private_key": text(own.key.serialize_pem()),
                    }],
                    "validation_context": { "trusted_ca": text(self.issuer.pem()) },
                },
            },
        }))
    }

    /// Posts a body as a workload, or as nobody, and gives the status and the answer's body.
    ///
    /// # Errors
    /// Where there is no connection or no answer.
    pub async fn post(
        &self,
        address: SocketAddr,
        workload: Option<&Workload>,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(u16, String), MeshError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match workload {
            None => config.with_no_client_auth(),
            Some(Workload { certificate, key }) => {
                let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                config.with_client_auth_cert(chain, key)?
            }
        };
        let name = ServerName::try_from(GATEWAY);
        let name = name.map_err(|error| MeshError::Answer(error.to_string()))?;
        let stream = TcpStream::connect(address).await?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await?;
        let length = body.len();
        let mut request = format!(
            "POST /mcp HTTP/1.1\r\nhost: notes.test\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
        match status.zip(answer.split_once("\r\n\r\n")) {
            Some((status, (_, body))) => Ok((status, body.to_owned())),
            None => Err(MeshError::Answer(format!("{answer:?}, then {end:?}"))),
        }
    }
}
