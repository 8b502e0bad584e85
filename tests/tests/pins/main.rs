//! A server that turns coat: what it offers is hidden from real clients until somebody approves it.

#![cfg(test)]

mod race;
mod replay;
mod reviewing;
mod scene;
mod turning;
