//! What goes to hosts that nobody registered.

use chancery_proto::audit::v1 as pb;

use super::{principal_at, text, verified};
use crate::{
    entry::{ShadowEvent, ShadowKind},
    message::Method,
};

pub(super) fn sighting(event: ShadowEvent) -> pb::ShadowSighting {
    let ShadowEvent {
        kind,
        host,
        path,
        method,
        principal,
        workload,
        source,
        cluster,
        count,
    } = event;
    let kind = match kind {
        ShadowKind::Mcp => pb::ShadowKind::Mcp,
        ShadowKind::Tunnel => pb::ShadowKind::Tunnel,
    };
    pb::ShadowSighting {
        kind: kind.into(),
        host: host.into(),
        path: path.into(),
        method: method.map_or("", Method::as_str).to_owned(),
        principal: Some(pb::Principal {
            source: Some(verified(source.as_deref())),
            ..principal_at(&principal, None, "", "")
        }),
        workload: text(workload),
        cluster: cluster.into(),
        count,
    }
}
