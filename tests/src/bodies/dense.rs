//! What is full of what must not leave. All of it is made up; numbers have the check digits they need.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Random;

const GIVEN: [&str; 8] = [
    "Alice", "Bruno", "Chandra", "Dmitri", "Elif", "Femi", "Greta", "Hiro",
];
const FAMILY: [&str; 8] = [
    "Moreau",
    "Okafor",
    "Lindqvist",
    "Petrov",
    "Tanaka",
    "Silva",
    "Novak",
    "Keller",
];
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// So many rows of a table of customers.
pub(super) fn customers(random: &mut Random, count: usize) -> Value {
    let row = |_| {
        let (given, family) = (random.pick(&GIVEN), random.pick(&FAMILY));
        json!({
            "customer": random.between(1_000, 99_999),
            "first_name": given,
            "last_name": family,
            "email": email(random, given, family),
            "phone": phone(random),
            "card": card(random),
            "iban": iban(random),
            "ssn": ssn(random),
            "last_ip": ip(random),
            "created_at": random.date(),
            "total_cents": random.between(500, 900_000),
        })
    };
    (0..count).map(row).collect()
}

/// So many letters to support.
pub(super) fn letter(random: &mut Random, count: usize) -> String {
    let mut text = String::new();
    for _ in 0..count {
        let (given, family) = (random.pick(&GIVEN), random.pick(&FAMILY));
        let _ = write!(
            text,
            "Hello, order ORD-{} was charged twice to {}. Call me at {} or write to {}. My IBAN is {}.\n\
             Thanks, {given} {family}\n\n",
            random.between(10_000, 99_999),
            card(random),
            phone(random),
            email(random, given, family),
            iban(random),
        );
    }
    text
}

/// So many environments of a service.
pub(super) fn deployment(random: &mut Random, count: usize) -> String {
    let mut text = String::new();
    for _ in 0..count {
        let _ = write!(
            text,
            "REGION=eu-central-1\nAWS_ACCESS_KEY_ID=AKIA{}\nAWS_SECRET_ACCESS_KEY={}\n\
             DATABASE_URL=postgres://app:{}@db.internal:5432/orders\nGITHUB_TOKEN=ghp_{}\n\
             Authorization: Bearer eyJ{}.eyJ{}.{}\n",
            random.text(UPPER, 16),
            random.text(LETTERS, 40),
            random.text(LETTERS, 14),
            random.text(LETTERS, 36),
            random.text(LETTERS, 33),
            random.text(LETTERS, 90),
            random.text(LETTERS, 43),
        );
    }
    text
}

fn email(random: &mut Random, given: &str, family: &str) -> String {
    let host = random.pick(&["corvid-freight.com", "mailbox.halden.io", "lumen.co.uk"]);
    format!("{given}.{family}@{host}").to_lowercase()
}

fn phone(random: &mut Random) -> String {
    let area = random.pick(&["212", "303", "404", "617", "702"]);
    format!(
        "+1 {area} {}{} {}",
        random.between(2, 10),
        random.digits(2),
        random.digits(4)
    )
}

fn ip(random: &mut Random) -> String {
    let mut octet = || random.between(11, 224);
    format!("{}.{}.{}.{}", octet(), octet(), octet(), octet())
}

fn ssn(random: &mut Random) -> String {
    format!(
        "{}-{}-{}",
        random.between(100, 666),
        random.between(10, 99),
        random.between(1_000, 9_999)
    )
}

/// A Visa number, by Luhn.
fn card(random: &mut Random) -> String {
    let digits = format!("4{}", random.digits(14));
    let doubled = |(index, digit): (usize, u32)| match (index % 2, digit * 2) {
        (0, twice @ 10..) => twice - 9,
        (0, twice) => twice,
        _ => digit,
    };
    let sum: u32 = digits
        .chars()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(doubled)
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A German account, by ISO 7064.
fn iban(random: &mut Random) -> String {
    let account = random.digits(18);
    // `DE00` as digits, after the account.
    let remainder = format!("{account}131400")
        .chars()
        .filter_map(|c| c.to_digit(10))
        .fold(0, |rest, digit| (rest * 10 + digit) % 97);
    format!("DE{:02}{account}", 98 - remainder)
}
