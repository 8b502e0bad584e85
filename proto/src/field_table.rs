//! The table of the record's fields in the README, held against the contract.

use prost::Message as _;
use prost_types::FileDescriptorSet;

#[test]
fn every_field_of_the_record_is_in_the_table() {
    let table = include_str!("../README.md");
    let set = FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap();
    let files = set.file.iter();
    let mut files = files.filter(|file| file.name().ends_with("audit/v1/entry.proto"));
    let record = files.next().expect("the record has a contract");
    let mut fields = 0;
    for message in &record.message_type {
        for field in &message.field {
            let row = format!("| `{}.{}` | ", message.name(), field.name());
            assert!(
                table.contains(&row),
                "no row of the table begins with {row}"
            );
            fields += 1;
        }
    }
    let rows = table.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows, fields,
        "a row of the table is of a field that is not there"
    );
}
