//! Who may call the control plane, and who an Envoy is to it.

#![cfg(test)]

mod callers;
mod listeners;
mod nodes;
mod second_person;
mod site;
mod tokens;
