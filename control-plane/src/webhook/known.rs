//! What notifications say beside the record, as the registry has it.

use chancery_proto::admin::v1::{Block, Server};

use super::{Webhooks, notification::Known};
use crate::resource::{Kind, Resource};

impl Known for Webhooks {
    fn server(&self, name: &str) -> Option<Server> {
        match self.registry.find(Kind::Server, name) {
            Ok(Resource::Server(server)) => Some(server),
            Ok(_) | Err(_) => None,
        }
    }

    fn block(&self, name: &str) -> Option<Block> {
        self.registry.last_block(name)
    }

    fn serves(&self, node_id: &str, name: &str) -> bool {
        self.nodes.could_serve(node_id, name)
    }
}
