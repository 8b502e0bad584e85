//! Certificates for tests: CAs for administrators and for nodes, servers, and clients good and bad.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use tempfile::TempDir;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A certificate cannot be made.
    #[error("a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file cannot be written.
    #[error("the certificates' folder: {0}")]
    Files(#[from] io::Error),
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// The key, in PEM.
    pub key: PathBuf,
}

/// Which CA signs a client's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Authority {
    /// The administrators'.
    Admins,
    /// The nodes'.
    Nodes,
    /// One that nobody trusts.
    Strangers,
}

/// CAs and what they signed.
#[derive(Debug)]
pub struct Pki {
    admins: CertifiedIssuer<'static, KeyPair>,
    nodes: CertifiedIssuer<'static, KeyPair>,
    strangers: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Pki {
    /// Makes the CAs, and writes those that are trusted.
    pub fn new() -> Result<Self, PkiError> {
        let folder = tempfile::Builder::new().prefix("chancery-pki-").tempdir()?;
        let pki = Self {
            admins: authority("admins")?,
            nodes: authority("nodes")?,
            strangers: authority("strangers")?,
            folder,
        };
        fs::write(pki.ca(Authority::Admins), pki.admins.pem())?;
        fs::write(pki.ca(Authority::Nodes), pki.nodes.pem())?;
        Ok(pki)
    }

    /// The certificate of a CA.
    pub fn ca(&self, authority: Authority) -> PathBuf {
        self.folder.path().join(match authority {
            Authority::Admins => "admins-ca.pem",
            Authority::Nodes => "nodes-ca.pem",
            Authority::Strangers => "strangers-ca.pem",
        })
    }

    /// The certificate of a server on 127.0.0.1, signed by the administrators' CA. Written anew with
    /// every call.
    pub fn server(&self) -> Result<Identity, PkiError> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names)?;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign("server", &parameters, Authority::Admins)
    }

    /// A client's certificate with this URI as its name.
    pub fn client(&self, authority: Authority, uri: &str) -> Result<Identity, PkiError> {
        let name = format!("{authority:?}-{}", file_name(uri));
        self.sign(&name, &client(uri)?, authority)
    }

    /// The same, no longer valid.
    pub fn expired(&self, authority: Authority, uri: &str) -> Result<Identity, PkiError> {
        let mut parameters = client(uri)?;
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2021, 1, 1);
        let name = format!("{authority:?}-{}-expired", file_name(uri));
        self.sign(&name, &parameters, authority)
    }

    fn sign(
        &self,
        name: &str,
        parameters: &CertificateParams,
        authority: Authority,
    ) -> Result<Identity, PkiError> {
        let issuer = match authority {
            Authority::Admins => &self.admins,
            Authority::Nodes => &self.nodes,
            Authority::Strangers => &self.strangers,
        };
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, issuer)?;
        let identity = Identity {
            certificate: self.folder.path().join(format!("{name}.pem")),
            key: self.folder.path().join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, certificate.pem())?;
        fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }

    /// The folder that everything is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    parameters
        .distinguished_name
        .push(DnType::CommonName, name.to_owned());
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)
}

fn client(uri: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(parameters)
}

fn file_name(uri: &str) -> String {
    uri.replace([':', '/'], "-")
}
