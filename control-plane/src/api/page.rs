//! Pagination (AIP-158): a size that is coerced, an opaque token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tonic::Status;

use super::error::invalid_argument;

const DEFAULT_SIZE: usize = 100;
const MAX_SIZE: usize = 1_000;

/// How many items a page has.
pub(super) fn size(requested: i32) -> Result<usize, Status> {
    match usize::try_from(requested) {
        Err(_) => Err(invalid_argument(
            "page_size",
            &requested.to_string(),
            "0 or more",
        )),
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
    }
}

/// The token for what comes after a key.
pub(super) fn token(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

/// The key that a token stands for.
pub(super) fn read_token(token: &str) -> Result<String, Status> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(unknown_token)
}

/// A token that stands for nothing.
pub(super) fn unknown_token() -> Status {
    invalid_argument(
        "page_token",
        "an unknown token",
        "the token of the page before",
    )
}

/// The page of a list that is in some other order: a token says how many came before.
pub(super) fn slice<T>(
    items: Vec<T>,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<T>, String), Status> {
    let skipped = match &*read_token(page_token)? {
        "" => 0,
        text => text.parse().map_err(|_not_a_number| {
            let expected = "the token of the page before";
            invalid_argument("page_token", "an unknown token", expected)
        })?,
    };
    let size = size(page_size)?;
    let mut rest = items.into_iter().skip(skipped);
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let next = rest
        .next()
        .map(|_| token(&skipped.saturating_add(size).to_string()));
    Ok((page, next.unwrap_or_default()))
}

/// The page of a sorted list after a token, and the token of the next.
pub(super) fn cut<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<T>, String), Status> {
    let after = read_token(page_token)?;
    let size = size(page_size)?;
    let mut rest = items
        .into_iter()
        .filter(|item| after.is_empty() || key(item) > after);
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let next = if rest.next().is_some() {
        page.last().map(|last| token(&key(last)))
    } else {
        None
    };
    Ok((page, next.unwrap_or_default()))
}
