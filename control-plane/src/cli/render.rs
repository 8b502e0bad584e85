//! Messages as JSON for programs: the names of the `.proto` files, times in RFC 3339, ids in
//! hexadecimal digits, enum values as their words.
//!
//! It reads the contract's own descriptors, so that a field that is new in the contract is shown
//! without a change here. Texts, bytes, lists and messages that are empty are left out, as the
//! contract says that empty is not there; numbers and booleans always are there. A word that this
//! program does not know is shown as its number.

use std::sync::LazyLock;

use chancery_proto::{DESCRIPTORS, audit::v1::PositionedRecord};
use prost::{Message, Name as _};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, Kind, ReflectMessage as _, Value,
};
use prost_types::{Duration, Timestamp};
use serde_json::{Map, Value as Json};

use super::exit::Failure;

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok());

/// Any message of the contract.
pub(crate) fn message<M: Message>(full_name: &str, message: &M) -> Result<Json, Failure> {
    decode(full_name, &message.encode_to_vec())
        .map(Json::Object)
        .map_err(|error| Failure::rendering(format!("{full_name}: {error}")))
}

/// A record, with what its entry says in place of the entry's bytes. One that cannot be read, as
/// this program is too old for it, is shown as its bytes.
pub(crate) fn record(positioned: &PositionedRecord) -> Result<Json, Failure> {
    let PositionedRecord { position, record } = positioned;
    let record = record.clone().unwrap_or_default();
    let mut shown = Map::new();
    shown.insert("position".to_owned(), (*position).into());
    if let Json::Object(fields) = message("chancery.audit.v1.Record", &record)? {
        shown.extend(fields);
    }
    shown.shift_remove("entry");
    match decode("chancery.audit.v1.Entry", &record.entry) {
        Ok(entry) => shown.insert("entry".to_owned(), entry.into()),
        Err(error) => {
            shown.insert("entry_bytes".to_owned(), hex(&record.entry).into());
            shown.insert("entry_error".to_owned(), error.into())
        }
    };
    Ok(shown.into())
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .flatten()
        .collect()
}

fn decode(full_name: &str, bytes: &[u8]) -> Result<Map<String, Json>, String> {
    let pool = POOL
        .as_ref()
        .ok_or("this program's contract cannot be read")?;
    let descriptor = pool
        .get_message_by_name(full_name)
        .ok_or("no such message")?;
    let message = DynamicMessage::decode(descriptor, bytes).map_err(|error| error.to_string())?;
    Ok(fields(&message))
}

fn fields(message: &DynamicMessage) -> Map<String, Json> {
    let is_content = message.descriptor().full_name() == "chancery.audit.v1.Content";
    let mut fields = Map::new();
    for field in message.descriptor().fields() {
        let in_oneof = field.containing_oneof().is_some();
        if (in_oneof || field.kind().as_message().is_some()) && !message.has_field(&field) {
            continue;
        }
        let value = message.get_field(&field);
        if is_content && field.name() == "data" {
            let truncated = message.get_field_by_name("truncated");
            let truncated = truncated.is_some_and(|truncated| truncated.as_bool() == Some(true));
            fields.extend(content(&value, truncated));
        } else if !is_absent(&value) {
            fields.insert(field.name().to_owned(), shown(&field.kind(), &value));
        }
    }
    fields
}

/// Whether the contract says that a value like this is not there.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::EnumNumber(number) => *number == 0,
        Value::Bool(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U32(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::Message(_) => false,
    }
}

fn shown(kind: &Kind, value: &Value) -> Json {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::I32(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::U32(value) => (*value).into(),
        Value::U64(value) => (*value).into(),
        Value::F32(value) => (*value).into(),
        Value::F64(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::EnumNumber(number) => match kind.as_enum() {
            Some(names) => word(names, *number),
            None => (*number).into(),
        },
        Value::Message(message) => known_message(message),
        Value::List(items) => items.iter().map(|item| shown(kind, item)).collect(),
        // The contract's only map is a node's labels, which no answer shows.
        Value::Map(_) => Json::Null,
    }
}

/// `VERDICT_REQUIRE_APPROVAL` is `require_approval`.
fn word(names: &EnumDescriptor, number: i32) -> Json {
    let Some(value) = names.get_value(number) else {
        return number.into();
    };
    let unspecified = names.get_value(0);
    let prefix = unspecified
        .as_ref()
        .and_then(|zero| zero.name().strip_suffix("UNSPECIFIED"));
    let name = value.name();
    name.strip_prefix(prefix.unwrap_or_default())
        .unwrap_or(name)
        .to_lowercase()
        .into()
}

fn known_message(message: &DynamicMessage) -> Json {
    let name = message.descriptor();
    if name.full_name() == Timestamp::full_name()
        && let Ok(time) = message.transcode_to::<Timestamp>()
    {
        return time.to_string().into();
    }
    if name.full_name() == Duration::full_name()
        && let Ok(length) = message.transcode_to::<Duration>()
    {
        return length.to_string().into();
    }
    fields(message).into()
}

/// Text where it is text; where it was cut inside a character, up to there.
fn content(data: &Value, truncated: bool) -> Option<(String, Json)> {
    let bytes = data.as_bytes()?;
    if bytes.is_empty() {
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if truncated && error.error_len().is_none() => bytes
            .get(..error.valid_up_to())
            .and_then(|whole| std::str::from_utf8(whole).ok()),
        Err(_) => None,
    };
    Some(match text {
        Some(text) => ("data".to_owned(), text.into()),
        None => ("data_bytes".to_owned(), hex(bytes).into()),
    })
}

#[cfg(test)]
mod tests;
