//! Replacing the secret of a credential.

use chancery_proto::admin::v1 as admin;
use tonic::Status;

use super::{
    ControlPlane,
    error::{self, Naming, invalid_argument},
};
use crate::{
    registry::Wish,
    resource::{Kind, Resource, credential},
};

impl ControlPlane {
    /// Stores the credential as it is, with another secret.
    pub(super) async fn rotate(
        &self,
        request: admin::RotateCredentialRequest,
    ) -> Result<admin::RotateCredentialResponse, Status> {
        let admin::RotateCredentialRequest {
            name,
            secret,
            overlap,
            etag,
        } = request;
        if overlap.is_some() {
            let expected = "nothing: not supported yet";
            return Err(invalid_argument("overlap", "a length of time", expected));
        }
        let found = self.registry.find(Kind::Credential, &name);
        let mut found = found.map_err(|error| error::registry(&error, Naming::Single("")))?;
        if let Resource::Credential(message) = &mut found {
            message.etag = etag;
            if secret.is_empty() || !credential::set_secret(message, secret) {
                let expected = "a new secret, for a credential of a kind that has one";
                return Err(invalid_argument("secret", "nothing that fits", expected));
            }
        }
        let wish = Wish::Update(found);
        let done = self
            .change_one("RotateCredentialRequest", wish, false, "credential")
            .await?;
        let credential = done.as_ref().and_then(Resource::as_credential).cloned();
        Ok(admin::RotateCredentialResponse { credential })
    }
}
