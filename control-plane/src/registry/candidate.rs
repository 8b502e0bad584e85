//! What the resources would be, without a change to any.

use super::{Registry, RegistryError, Resources, Wish, check, check_shape, fulfil};
use crate::resource::{Kind, Resource};

impl Registry {
    /// The resources as they would be stored with `changed` in place and without those named in
    /// `removed`, checked as a change is.
    ///
    /// # Errors
    /// Where such a change would be refused.
    pub fn candidate(
        &self,
        changed: Vec<Resource>,
        removed: &[String],
    ) -> Result<Vec<Resource>, RegistryError> {
        overlay(Resources::clone(&self.current()), changed, removed)
    }

    /// The resources as they are.
    pub fn resources(&self) -> Vec<Resource> {
        self.current().values().cloned().collect()
    }
}

/// Resources that are stored nowhere, checked as if all were stored at once.
///
/// # Errors
/// Where such a change would be refused.
pub fn alone(resources: Vec<Resource>) -> Result<Vec<Resource>, RegistryError> {
    overlay(Resources::new(), resources, &[])
}

fn overlay(
    mut candidate: Resources,
    changed: Vec<Resource>,
    removed: &[String],
) -> Result<Vec<Resource>, RegistryError> {
    let mut wishes: Vec<_> = changed.into_iter().map(Wish::Apply).collect();
    for name in removed {
        let mut kinds = Kind::ALL.iter().copied();
        let kind = kinds.find(|kind| candidate.stored(*kind, name).is_some());
        let kind = kind.ok_or_else(|| RegistryError::NotFound { name: name.clone() })?;
        wishes.push(Wish::Delete {
            kind,
            name: name.clone(),
            etag: String::new(),
        });
    }
    check_shape(&wishes)?;
    let names: Vec<_> = wishes.iter().map(Wish::key).collect();
    for wish in wishes {
        fulfil(&mut candidate, wish, "")?;
    }
    check(&candidate, &names)?;
    Ok(candidate.values().cloned().collect())
}
