//! filter/engine
