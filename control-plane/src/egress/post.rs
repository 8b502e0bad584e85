//! Messages that are posted for their receiver alone.

use http::{
    HeaderMap, Request, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use http_body_util::Full;
use hyper::body::Bytes;

use super::{ANSWER_WITHIN, Egress, EgressError, root_cause};

impl Egress {
    /// Posts JSON and gives the status of the answer, whatever it is. No redirect is followed, and nothing
    /// of the answer's body is read.
    ///
    /// # Errors
    /// Where the place is not to be asked, or does not answer.
    pub(crate) async fn post_json(
        &self,
        text: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<StatusCode, EgressError> {
        let json = HeaderValue::from_static("application/json");
        self.post(text, (json, headers), body).await
    }

    /// As [`Self::post_json`], whatever it is.
    ///
    /// # Errors
    /// Where the place is not to be asked, or does not answer.
    pub(crate) async fn post(
        &self,
        text: &str,
        (content_type, mut headers): (HeaderValue, HeaderMap),
        body: Vec<u8>,
    ) -> Result<StatusCode, EgressError> {
        let url = self.url(text)?;
        let request = Request::post(url.as_str()).body(Full::new(Bytes::from(body)));
        let mut request = request.map_err(|_invalid| EgressError::Url {
            url: text.to_owned(),
            why: "is no URL",
        })?;
        let agent = concat!("chancery/", env!("CARGO_PKG_VERSION"));
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        *request.headers_mut() = headers;
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.client.request(request)).await;
        let answered = answered.map_err(|_elapsed| EgressError::TooSlow)?;
        let answered = answered.map_err(|error| EgressError::Unreachable(root_cause(&error)))?;
        Ok(answered.status())
    }
}
