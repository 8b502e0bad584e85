#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chancery_laws::redact(data));
