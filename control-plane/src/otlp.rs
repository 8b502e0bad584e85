//! The record as OTLP logs.

mod log;
mod sender;

pub use self::{
    log::request,
    sender::{OtlpConfig, OtlpError, Sender},
};
