//! Calls any RPC by its descriptor, with a request that names resources of one organization.

use chancery_proto::DESCRIPTORS;
use prost::bytes::{Buf as _, BufMut as _};
use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor,
    Value,
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
    transport::Channel,
};

/// Every RPC of every service of Chancery.
pub fn all() -> Result<Vec<Rpc>, DescriptorError> {
    let pool = DescriptorPool::decode(DESCRIPTORS)?;
    let services: Vec<_> = pool.services().collect();
    let methods = services.iter().flat_map(|service| {
        let service_name = service.name().to_owned();
        service.methods().map(move |method| Rpc {
            service: service_name.clone(),
            method,
        })
    });
    Ok(methods.collect())
}

/// One RPC.
#[derive(Clone, Debug)]
pub struct Rpc {
    service: String,
    method: MethodDescriptor,
}

impl Rpc {
    /// The service's name, without its package.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The method's name.
    pub fn method(&self) -> &str {
        self.method.name()
    }

    /// `package.Service/Method`.
    pub fn path(&self) -> String {
        format!(
            "{}/{}",
            self.method.parent_service().full_name(),
            self.method()
        )
    }

    /// Calls it about resources of `organization`, with a token where one is given. The answer is
    /// not read: what counts is whether there is one.
    pub async fn call(
        &self,
        channel: &Channel,
        token: Option<&str>,
        organization: &str,
    ) -> Result<(), Status> {
        let mut client = Grpc::new(channel.clone());
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let message = self.request(organization);
        let mut request = Request::new(tokio_stream::once(message));
        if let Some(token) = token {
            let header = MetadataValue::try_from(format!("Bearer {token}"));
            let header =
                header.map_err(|_invalid| Status::internal("the token is no header value"))?;
            request.metadata_mut().insert("authorization", header);
        }
        let path = PathAndQuery::try_from(format!("/{}", self.path()));
        let path = path.map_err(|_invalid| Status::internal("the RPC has no path"))?;
        let answer = client.streaming(request, path, Raw).await?;
        drop(answer);
        Ok(())
    }

    /// A request whose every name is of the organization.
    fn request(&self, organization: &str) -> Vec<u8> {
        let subject = match self.service.trim_end_matches("Service") {
            // It is about servers.
            "Registry" | "Review" => "Server",
            subject => subject,
        };
        prost::Message::encode_to_vec(&filled(&self.method.input(), subject, organization))
    }
}

/// A message whose names are of the organization; what is about `subject` has that kind's name.
fn filled(descriptor: &MessageDescriptor, subject: &str, organization: &str) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let value = match (field.name(), field.kind()) {
            ("name", Kind::String) => name(subject, organization),
            ("parent", Kind::String) => match subject {
                "Server" => Some(format!("organizations/{organization}/workspaces/w")),
                "Organization" => None,
                _ => Some(format!("organizations/{organization}")),
            },
            ("server", Kind::String) => name("Server", organization),
            (_, Kind::Message(inner)) if name(inner.name(), organization).is_some() => {
                let inner = filled(&inner, inner.name(), organization);
                message.set_field(&field, Value::Message(inner));
                continue;
            }
            ("resources", Kind::Message(inner)) if field.is_list() => {
                let mut resource = DynamicMessage::new(inner.clone());
                if let Some(rule) = inner.get_field_by_name("rule")
                    && let Kind::Message(descriptor) = rule.kind()
                {
                    let inner = filled(&descriptor, "Rule", organization);
                    resource.set_field(&rule, Value::Message(inner));
                }
                message.set_field(&field, Value::List(vec![Value::Message(resource)]));
                continue;
            }
            _ => continue,
        };
        if let Some(value) = value {
            message.set_field(&field, Value::String(value));
        }
    }
    message
}

/// A name of a kind of resource.
fn name(kind: &str, organization: &str) -> Option<String> {
    let collection = match kind {
        "Allowlist" => "allowlists",
        "Binding" => "bindings",
        "Block" => "blocks",
        "Credential" => "credentials",
        "Detector" => "detectors",
        "IdentityProvider" => "identityProviders",
        "Offer" => "offers",
        "Proposal" => "proposals",
        "Quota" => "quotas",
        "RedactionProfile" => "redactionProfiles",
        "Role" => "roles",
        "Rule" => "rules",
        "Organization" => return Some(format!("organizations/{organization}")),
        "Webhook" => "webhooks",
        "Server" => {
            return Some(format!(
                "organizations/{organization}/workspaces/w/servers/sample"
            ));
        }
        _ => return None,
    };
    Some(format!("organizations/{organization}/{collection}/sample"))
}

/// Messages as they are.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}
