//! Events that a server keeps, for clients that come back for what they missed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::transport::streamable_http_server::session::{
    EventId, EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use tonic::async_trait;

/// All events of a server, in the order of their ids, each with its stream.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Vec<(String, ServerSseMessage)>>);

impl Replays {
    fn events(&self) -> MutexGuard<'_, Vec<(String, ServerSseMessage)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventStore for Replays {
    async fn store_event(
        &self,
        stream_id: &str,
        event: &ServerSseMessage,
    ) -> Result<EventId, EventStoreError> {
        let mut events = self.events();
        let id = events.len().to_string();
        let mut event = event.clone();
        event.event_id = Some(id.clone());
        events.push((stream_id.to_owned(), event));
        Ok(id)
    }

    async fn replay_events_after(
        &self,
        last_event_id: &str,
    ) -> Result<EventStream, EventStoreError> {
        let at: usize = last_event_id.parse()?;
        let events = self.events();
        let Some((stream, _)) = events.get(at) else {
            return Err(format!("there is no event {last_event_id}").into());
        };
        let later = events.iter().skip(at).skip(1);
        let later = later.filter(|(other, _)| other == stream);
        let later: Vec<_> = later.map(|(_, event)| event.clone()).collect();
        Ok(Box::pin(tokio_stream::iter(later)))
    }
}
