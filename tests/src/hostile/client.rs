//! A user with a token, who sends one request at a time as rows do.

use super::{
    http1::{Answer, Connection},
    sent::Sent,
    spell::bytes,
    stage::{Stage, StageError},
    table,
};

/// A user on a stage.
#[derive(Debug)]
pub struct Client<'s> {
    stage: &'s Stage,
    /// The bearer token.
    pub token: String,
}

/// The `traceparent` of a client's request by its number.
pub fn trace(number: usize) -> String {
    const FIRST_TRACE: usize = 1 << 28;
    table::trace(FIRST_TRACE + number)
}

impl<'s> Client<'s> {
    /// Logs a user in.
    ///
    /// # Errors
    /// Where no token can be made.
    pub fn new(stage: &'s Stage, user: &str, groups: &[&str]) -> Result<Self, StageError> {
        let token = stage.provider.token(user, groups)?;
        Ok(Self { stage, token })
    }

    /// A request with this number, its head changed by lines.
    pub fn request(&self, number: usize, head: &[&str], body: &str) -> Vec<u8> {
        let body = bytes(body);
        let head: Vec<_> = head.iter().map(|line| (*line).to_owned()).collect();
        let sent = Sent {
            token: &self.token,
            body: &body,
        };
        sent.http1(&head, &trace(number))
    }

    /// Sends a request over a connection of its own.
    ///
    /// # Errors
    /// Where Envoy does not accept it.
    pub async fn begin(
        &self,
        number: usize,
        head: &[&str],
        body: &str,
    ) -> Result<Connection, StageError> {
        let mut connection = self.stage.connect().await?;
        connection.send(&self.request(number, head, body)).await;
        Ok(connection)
    }

    /// The same, and the answer to it.
    ///
    /// # Errors
    /// Where none comes in time.
    pub async fn ask(
        &self,
        number: usize,
        head: &[&str],
        body: &str,
    ) -> Result<Answer, StageError> {
        let mut connection = self.begin(number, head, body).await?;
        Ok(connection.answer().await?.unwrap_or_default())
    }
}
