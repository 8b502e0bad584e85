//! No way around, on the way to the server.

use crate::{
    drive::{Answered, Sent, drive},
    panel,
    policy::allows,
};

/// What is forwarded is a use of nothing that is refused, whoever reads it.
pub fn request(data: &[u8]) {
    let answered = Answered::ok("application/json", b"");
    let Some(forwarded) = drive(&Sent::post(data), &answered).forwarded else {
        return;
    };
    for found in panel::uses(&forwarded) {
        assert!(
            allows(found.target()),
            "some reader sees {found:?} in {}",
            String::from_utf8_lossy(&forwarded)
        );
    }
}
