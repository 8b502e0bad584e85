//! Forms that are posted, as token endpoints want them.

use http::{
    Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, Limited};
use url::form_urlencoded;

use super::{ANSWER_WITHIN, Egress, EgressError, MAX_ANSWER_BYTES, root_cause};

/// What was answered to a form, whatever it says.
#[derive(Debug)]
pub(crate) struct FormAnswer {
    /// The status.
    pub(crate) status: http::StatusCode,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Egress {
    /// Posts a form, and follows no redirect: what it carries is for this place alone.
    ///
    /// # Errors
    /// Where the place is not to be asked, or does not answer.
    pub(crate) async fn post_form(
        &self,
        text: &str,
        authorization: HeaderValue,
        fields: &[(&str, &str)],
    ) -> Result<FormAnswer, EgressError> {
        let url = self.url(text)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(url.as_str())
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(USER_AGENT, concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(form));
        let request = request.map_err(|_invalid| EgressError::Url {
            url: text.to_owned(),
            why: "is no URL",
        })?;
        let answered = async {
            let sent = self.client.request(request).await;
            let response = sent.map_err(|error| EgressError::Unreachable(root_cause(&error)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
            let body = body.collect().await.map_err(EgressError::Body)?;
            let body = body.to_bytes().to_vec();
            Ok(FormAnswer { status, body })
        };
        let answered = tokio::time::timeout(ANSWER_WITHIN, answered).await;
        answered.map_err(|_elapsed| EgressError::TooSlow)?
    }
}
