//! Who did something, and from where.

use chancery_proto::audit::v1::{Attribute, Entry, Principal, Record, Session, entry::Event};
use serde_json::{Map, Value as Json, json};

/// Who acted, as far as the entry says; the control plane itself is an application.
pub(super) fn actor(entry: &Entry, record: &Record) -> Json {
    let (principal, session) = parties(entry);
    let mut actor = Map::new();
    let of = |field: fn(&Principal) -> &Option<Attribute>| {
        principal
            .and_then(|principal| field(principal).as_ref())
            .map_or("", |it| &*it.value)
    };
    let user = of(|principal| &principal.user);
    if let Some(principal) = principal.filter(|_| !user.is_empty()) {
        let groups: Vec<_> = principal
            .groups
            .iter()
            .map(|name| json!({"name": name}))
            .collect();
        let mut described = json!({"uid": user, "name": user});
        put(&mut described, "groups", json!(groups), !groups.is_empty());
        let organization = of(|principal| &principal.organization);
        put(
            &mut described,
            "org",
            json!({"uid": organization}),
            !organization.is_empty(),
        );
        actor.insert("user".to_owned(), described);
    }
    let issuer = of(|principal| &principal.issuer);
    if !issuer.is_empty() {
        actor.insert("idp".to_owned(), json!({"name": issuer, "uid": issuer}));
    }
    let application = [
        of(|principal| &principal.agent),
        of(|principal| &principal.client),
    ];
    if let Some(name) = application.into_iter().find(|name| !name.is_empty()) {
        actor.insert("app_name".to_owned(), json!(name));
    }
    if let Some(session) = session.filter(|session| !session.id.is_empty()) {
        actor.insert("session".to_owned(), json!({"uid": session.id}));
    }
    if user.is_empty() {
        // OCSF asks for somebody.
        let by = if record.node_id.is_empty() {
            "chancery"
        } else {
            "unknown"
        };
        actor.insert("invoked_by".to_owned(), json!(by));
    }
    Json::Object(actor)
}

/// Where it came from: the peer's address, else the node.
pub(super) fn source(entry: &Entry, record: &Record) -> Json {
    let (principal, _) = parties(entry);
    let address = principal.and_then(|principal| principal.source.as_ref());
    let address = address.map_or("", |address| &*address.value);
    // Envoy may say the port, too.
    let socket = address.parse::<std::net::SocketAddr>();
    let ip = socket
        .map(|socket| socket.ip())
        .or_else(|_| address.parse());
    match (ip, &*record.node_id) {
        (Ok(ip), _) => json!({"ip": ip.to_string()}),
        (Err(_), "") => json!({"name": "chancery"}),
        (Err(_), node) => json!({"name": node, "type": "proxy"}),
    }
}

fn parties(entry: &Entry) -> (Option<&Principal>, Option<&Session>) {
    match &entry.event {
        Some(Event::Decision(it)) => (it.principal.as_ref(), it.session.as_ref()),
        Some(Event::Drift(it)) => (it.principal.as_ref(), None),
        Some(Event::Shadow(it)) => (it.principal.as_ref(), None),
        Some(Event::AdminChange(it)) => (it.principal.as_ref(), None),
        Some(Event::Review(it)) => (it.principal.as_ref(), None),
        Some(Event::RecordAccess(it)) => (it.principal.as_ref(), None),
        Some(
            Event::Outcome(_)
            | Event::Gap(_)
            | Event::Tombstone(_)
            | Event::Restoration(_)
            | Event::InstanceEnd(_),
        )
        | None => (None, None),
    }
}

fn put(object: &mut Json, field: &str, value: Json, is_there: bool) {
    if let Some(fields) = object.as_object_mut().filter(|_| is_there) {
        fields.insert(field.to_owned(), value);
    }
}
