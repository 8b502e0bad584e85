//! Detectors: a shape each, and what must hold beyond the shape.

/// What can be looked for. Ids are stable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detector {
    /// An e-mail address (RFC 5321, the part that is in use).
    Email,
    /// A telephone number (ITU-T E.164, or national).
    Phone,
    /// A payment card number: issuer range, length and Luhn sum (ISO/IEC 7812).
    PaymentCard,
    /// An international bank account number (ISO 13616).
    Iban,
    /// A social security number of the United States.
    UsSsn,
    /// A taxpayer number of the United States for who has no social security number.
    UsItin,
    /// A number of the National Health Service of the United Kingdom.
    UkNhs,
    /// A national insurance number of the United Kingdom.
    UkNino,
    /// A tax number of Spain.
    EsNif,
    /// A taxpayer number of Brazil.
    BrCpf,
    /// A social insurance number of Canada.
    CaSin,
    /// An Aadhaar number of India.
    InAadhaar,
    /// A passport number, where a word before it or its field says so.
    Passport,
    /// A driving licence number, where a word before it or its field says so.
    DriverLicense,
    /// A date of birth, where a word before it or its field says so.
    DateOfBirth,
    /// A person's name, where its field says so.
    Person,
    /// An address of the Internet Protocol, of version 4 or 6.
    IpAddress,
    /// A hardware address (IEEE 802).
    MacAddress,
    /// An address of Bitcoin or Ethereum.
    CryptoWallet,
    /// The id of an AWS access key.
    AwsAccessKey,
    /// The secret of an AWS access key.
    AwsSecretKey,
    /// An API key of Google Cloud.
    GcpApiKey,
    /// A key or client secret of Azure.
    AzureKey,
    /// A GitHub token of any kind.
    GithubToken,
    /// A GitLab token.
    GitlabToken,
    /// A Slack token or webhook.
    SlackToken,
    /// A Stripe key.
    StripeKey,
    /// A key of `OpenAI`.
    OpenaiKey,
    /// An Anthropic key.
    AnthropicKey,
    /// An npm token.
    NpmToken,
    /// A token of another vendor that its prefix gives away.
    VendorToken,
    /// A JSON Web Token (RFC 7519).
    Jwt,
    /// A private key in PEM (RFC 7468).
    PrivateKey,
    /// The password in a URL.
    DbUrlPassword,
    /// The credentials of an `Authorization` header (RFC 9110).
    AuthHeader,
    /// The value of a session's cookie.
    SessionCookie,
    /// Whatever stands in a field or assignment that is named like a secret.
    GenericSecret,
}

/// What kind of thing a detector finds; a profile can choose a whole group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DetectorGroup {
    /// What is about a person.
    Personal,
    /// What gives access.
    Secrets,
}

impl DetectorGroup {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Personal, Self::Secrets];

    /// The stable id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Secrets => "secrets",
        }
    }
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 37] = [
        Self::Email,
        Self::Phone,
        Self::PaymentCard,
        Self::Iban,
        Self::UsSsn,
        Self::UsItin,
        Self::UkNhs,
        Self::UkNino,
        Self::EsNif,
        Self::BrCpf,
        Self::CaSin,
        Self::InAadhaar,
        Self::Passport,
        Self::DriverLicense,
        Self::DateOfBirth,
        Self::Person,
        Self::IpAddress,
        Self::MacAddress,
        Self::CryptoWallet,
        Self::AwsAccessKey,
        Self::AwsSecretKey,
        Self::GcpApiKey,
        Self::AzureKey,
        Self::GithubToken,
        Self::GitlabToken,
        Self::SlackToken,
        Self::StripeKey,
        Self::OpenaiKey,
        Self::AnthropicKey,
        Self::NpmToken,
        Self::VendorToken,
        Self::Jwt,
        Self::PrivateKey,
        Self::DbUrlPassword,
        Self::AuthHeader,
        Self::SessionCookie,
        Self::GenericSecret,
    ];

    /// The stable id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::PaymentCard => "payment_card",
            Self::Iban => "iban",
            Self::UsSsn => "us_ssn",
            Self::UsItin => "us_itin",
            Self::UkNhs => "uk_nhs",
            Self::UkNino => "uk_nino",
            Self::EsNif => "es_nif",
            Self::BrCpf => "br_cpf",
            Self::CaSin => "ca_sin",
            Self::InAadhaar => "in_aadhaar",
            Self::Passport => "passport",
            Self::DriverLicense => "driver_license",
            Self::DateOfBirth => "date_of_birth",
            Self::Person => "person",
            Self::IpAddress => "ip_address",
            Self::MacAddress => "mac_address",
            Self::CryptoWallet => "crypto_wallet",
            Self::AwsAccessKey => "aws_access_key",
            Self::AwsSecretKey => "aws_secret_key",
            Self::GcpApiKey => "gcp_api_key",
            Self::AzureKey => "azure_key",
            Self::GithubToken => "github_token",
            Self::GitlabToken => "gitlab_token",
            Self::SlackToken => "slack_token",
            Self::StripeKey => "stripe_key",
            Self::OpenaiKey => "openai_key",
            Self::AnthropicKey => "anthropic_key",
            Self::NpmToken => "npm_token",
            Self::VendorToken => "vendor_token",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::DbUrlPassword => "db_url_password",
            Self::AuthHeader => "auth_header",
            Self::SessionCookie => "session_cookie",
            Self::GenericSecret => "generic_secret",
        }
    }

    /// The version of its rules; grows when it finds more or less than before.
    pub fn version(self) -> u32 {
        2
    }

    /// What kind of thing it finds.
    pub fn group(self) -> DetectorGroup {
        match self {
            Self::Email
            | Self::Phone
            | Self::PaymentCard
            | Self::Iban
            | Self::UsSsn
            | Self::UsItin
            | Self::UkNhs
            | Self::UkNino
            | Self::EsNif
            | Self::BrCpf
            | Self::CaSin
            | Self::InAadhaar
            | Self::Passport
            | Self::DriverLicense
            | Self::DateOfBirth
            | Self::Person
            | Self::IpAddress
            | Self::MacAddress
            | Self::CryptoWallet => DetectorGroup::Personal,
            Self::AwsAccessKey
            | Self::AwsSecretKey
            | Self::GcpApiKey
            | Self::AzureKey
            | Self::GithubToken
            | Self::GitlabToken
            | Self::SlackToken
            | Self::StripeKey
            | Self::OpenaiKey
            | Self::AnthropicKey
            | Self::NpmToken
            | Self::VendorToken
            | Self::Jwt
            | Self::PrivateKey
            | Self::DbUrlPassword
            | Self::AuthHeader
            | Self::SessionCookie
            | Self::GenericSecret => DetectorGroup::Secrets,
        }
    }

    /// The detector with this id.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|detector| detector.as_str() == id)
    }

    /// Its position in [`Self::ALL`].
    pub(super) fn position(self) -> usize {
        self as usize
    }

    pub(super) fn bit(self) -> u64 {
        1 << (self as u64)
    }
}
