//! The secrets of credentials: sealed before anything else looks at the resource.

use super::{RegistryError, Resources, Wish, now};
use crate::{
    resource::{Kind, Resource, credential},
    secrets::{Place, Purpose, Sealed, Secrets},
};

/// Takes the secrets out of all credentials and seals those that are new.
pub(super) fn seal(
    secrets: &Secrets,
    stored: &Resources,
    wishes: &mut [Wish],
) -> Result<Vec<Sealed>, RegistryError> {
    let (mut sealed, mut problems) = (Vec::new(), Vec::new());
    for (position, wish) in wishes.iter_mut().enumerate() {
        let (Wish::Apply(Resource::Credential(credential))
        | Wish::Create(Resource::Credential(credential))
        | Wish::Update(Resource::Credential(credential))) = wish
        else {
            continue;
        };
        let name = credential.name.clone();
        let before = stored.get(&(Kind::Credential, name.clone()));
        let before = before.and_then(Resource::as_credential);
        let now = now();
        match credential::take_secret(credential, before, now) {
            Err(invalid) => problems.push((position, invalid)),
            Ok(None) => {}
            Ok(Some(secret)) => {
                let kept = secrets.read(Purpose::Credential, &name)?;
                let is_kept = kept.first().is_some_and(|(_, newest)| *newest == secret);
                if let (true, Some(before)) = (is_kept, before) {
                    // The same again is no rotation.
                    credential.rotate_time = before.rotate_time;
                    continue;
                }
                let place = Place {
                    purpose: Purpose::Credential,
                    name,
                    create_seconds: now.seconds.unsigned_abs(),
                };
                sealed.push(secrets.seal(place, &secret)?);
            }
        }
    }
    if problems.is_empty() {
        Ok(sealed)
    } else {
        Err(RegistryError::Invalid(problems))
    }
}
