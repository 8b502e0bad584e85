//! From what was seen to what is approved: one server with more or fewer definitions, and what changes
//! beside it.

use chancery_engine::id::Hex;
use chancery_proto::{
    admin::v1::{Approval, DriftId, SeenDrift, Server, ToolDefinition},
    audit::v1::Drift,
    policy::v1::Pins,
};

use super::{
    pinned::{approves, pinned_now},
    unknown, what, wrong,
};
use crate::{
    registry::{Registry, RegistryError, Wish, state::check_reason},
    resource::{Kind, Resource, pins_of, whole},
    review::definitions::{add, remove},
};

/// What is to be approved of one server.
#[derive(Clone, Debug, Default)]
pub struct ApprovalWish {
    /// The server's resource name.
    pub server: String,
    /// The server's, as it was when it was looked at.
    pub etag: String,
    /// What.
    pub approvals: Vec<Approval>,
    /// Whether other versions of the same are not approved any more.
    pub replaces: bool,
    /// What changes with it.
    pub beside: Vec<Resource>,
    /// Why, where somebody says that.
    pub reason: String,
}

impl Registry {
    /// The wishes that approving comes to. Blocks on the store.
    ///
    /// # Errors
    /// Where something of it cannot be approved.
    pub fn approval(&self, wish: &ApprovalWish) -> Result<Vec<Wish>, RegistryError> {
        let ApprovalWish {
            server: name,
            etag,
            approvals,
            replaces,
            beside,
            reason,
        } = wish;
        if !reason.is_empty() {
            check_reason(reason)?;
        }
        let Resource::Server(mut server) = self.find(Kind::Server, name)? else {
            return Err(RegistryError::NotFound { name: name.clone() });
        };
        for (position, approval) in approvals.iter().enumerate() {
            self.write(&mut server, approval, *replaces, position)?;
        }
        let server = without_twins(server);
        let pins = pins_of(&server).map_err(|error| RegistryError::Invalid(vec![(0, error)]))?;
        let pins = pins.unwrap_or_default();
        for (position, approval) in approvals.iter().enumerate() {
            self.check_pin(&server, &pins, approval, position)?;
        }
        let server = Server {
            etag: etag.clone(),
            ..server
        };
        let update = Wish::Update(Resource::Server(server));
        let beside = beside.iter().cloned().map(Wish::Apply);
        Ok(std::iter::once(update).chain(beside).collect())
    }

    /// Writes what is approved into its server.
    fn write(
        &self,
        server: &mut Server,
        approval: &Approval,
        replaces: bool,
        position: usize,
    ) -> Result<(), RegistryError> {
        let Approval { id, definition } = approval;
        let id = id.clone().unwrap_or_default();
        let drift = self.store.drift(&server.name, &id)?;
        if drift.as_ref().map(SeenDrift::drift) == Some(Drift::Removed) {
            remove(server, &id);
            return Ok(());
        }
        let kept = drift
            .as_ref()
            .and_then(|drift| whole(drift.definition.as_ref()?));
        let given = Some(&**definition).filter(|text| !text.is_empty());
        let Some(text) = given.or(kept) else {
            return Err(not_whole(&field(position, "id"), &id, drift.as_ref()));
        };
        // What is gone has been taken out above.
        if id.seen.is_empty() {
            let found = format!("`{}`, which has no pin", what(&id));
            let expected = "a definition whose numbers all readers read alike: ask the server's owner \
                            to change it";
            return Err(wrong(field(position, "id"), found, expected));
        }
        if !add(server, &id, text, replaces) {
            let found = format!("`{}`, which is none", what(&id));
            let expected = "a definition as it stands in the server's lists";
            return Err(wrong(field(position, "definition"), found, expected));
        }
        Ok(())
    }

    /// Checks that what was written is what is to be approved.
    fn check_pin(
        &self,
        server: &Server,
        pins: &Pins,
        approval: &Approval,
        position: usize,
    ) -> Result<(), RegistryError> {
        let id = approval.id.clone().unwrap_or_default();
        let kept = self.store.drift(&server.name, &id)?;
        let kept = kept.and_then(|drift| drift.definition);
        let now = pinned_now(server, id.clone(), kept.as_ref());
        if id.seen.is_empty() || approves(pins, &now) {
            return Ok(());
        }
        let found = format!("a definition of `{}` with another pin", what(&id));
        let expected = format!("the one that has {}", Hex(&id.seen));
        Err(wrong(field(position, "definition"), found, &expected))
    }
}

/// The path of a field of what is to be approved.
fn field(position: usize, name: &str) -> String {
    format!("approvals[{position}].{name}")
}

/// A server without definitions that are there twice.
fn without_twins(mut server: Server) -> Server {
    let mut tools: Vec<ToolDefinition> = Vec::new();
    for tool in server.tools {
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    server.tools = tools;
    server
}

fn not_whole(field: &str, id: &DriftId, drift: Option<&SeenDrift>) -> RegistryError {
    let Some(content) = drift.and_then(|drift| drift.definition.as_ref()) else {
        return unknown(field, id);
    };
    let (kept, size) = (content.data.len(), content.size_bytes);
    let found = format!("{kept} of {size} bytes of `{}`", what(id));
    let expected = "all of it: give its definition, or write it into the server's document";
    wrong(field.to_owned(), found, expected)
}
