use super::check;

#[test]
fn email() {
    check(
        "email",
        &[
            "«a@example.com»",
            "Ann <«ann.lee+x@mail.example.co.uk»>, hi",
            "(«bob@ex-ample.org»).",
            "mailto:«joe@x.io»?subject=hi",
            "email=«joe@x.io»&b=1",
            "user:«joe@x.io»",
            "'«o'neil@x.ie»'",
            "\"«josé.garcía@correo.es»\"",
            "«JOHN_DOE@EXAMPLE.ORG»;«b@c.de»,«d@e.fr»",
            "at «x@y.museum».",
            "icon@2x.png",
            "git@github.com:o/r.git",
            "ssh git@host.example.com",
            "lodash@4.17.21",
            "actions/checkout@v4",
            "@handle",
            "user@localhost",
            "getty@tty1.service",
            "https://user@host.example.com/x",
            "@app.route(\"/health\")",
            "npm i @types/node@20.1.0",
        ],
    );
}

#[test]
fn phone() {
    check(
        "phone",
        &[
            "Call «+1 415 555 0132» now",
            "«+49 30 901820»",
            "«+44 20 7946 0958».",
            "«+33 6 12 34 56 78»,",
            "tel:«+4915123215549»",
            "«+1-415-555-0132»",
            "«+1 (415) 555-0132»",
            "«+44 (0)20 7946 0958»",
            "«(415) 555-0132»",
            "«415-555-0132»",
            "«415.555.0132»",
            "«1-415-555-0132»",
            "phone: «415 555 0132»",
            "phone§«0612345678»",
            "mobile_number§«06 12 34 56 78»",
            "Tel. «030 901820»",
            "telefon§«0171/1234567»",
            "contact number «020 7946 0958»",
            "\"phoneNumber\": \"«4155550132»\"",
            "whatsapp «612 34 56 78»",
            "fax=«0301234567»",
            "id=2427969502",
            "txn_3061107580",
            "case 048-70395",
            "6587/0084/35",
            "build 88900532.10",
            "order 4155550132",
            "2024-02-21T11:46:45.123456+00:00",
            "28/Jan/2022:02:01:05 +0000",
            "1710085973",
            "58.384813, 76.173023",
            "0x1c90acac",
            "978-3-16-148410-0",
            "ORD-2026-758428",
            "version 415.222",
            "$648,168,158.39",
            "+2024-01-02 added",
        ],
    );
}

#[test]
fn payment_card() {
    check(
        "payment_card",
        &[
            "«4111 1111 1111 1111»",
            "card «4111-1111-1111-1111», ok",
            "«378282246310005»",
            "«3782 822463 10005»",
            "«2223003122003222»",
            "«6011111111111117»",
            "«3530111333300000»",
            "«30569309025904»",
            "«5555555555554444».",
            "pan=«4012888888881881»;",
            "card_number§«4222222222222»",
            "«4111.1111.1111.1111»",
            "«4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1»",
            "«4111  1111  1111  1111»",
            "Refund of 72 to card «4111 1111 1111 1111».",
            "«4111\u{a0}1111\u{a0}1111\u{a0}1111»",
            "«４１１１１１１１１１１１１１１１»",
            "«4111\u{200b}1111\u{200b}1111\u{200b}1111»",
            "4111 1111 1111 1112",
            "41111111111111111111111",
            "order 1234567890123456",
            "0000000000000000",
            "9780306406157",
            "x4111111111111111",
            "4111111111111111x",
            "1710085973533",
            "2020, 2021, 2022, 2023",
            "trace 4111111111111111aaaa",
        ],
    );
}

#[test]
fn iban() {
    check(
        "iban",
        &[
            "«DE89370400440532013000»",
            "«DE89 3704 0044 0532 0130 00».",
            "IBAN: «GB82 WEST 1234 5698 7654 32», x",
            "«FR1420041010050500013M02606»",
            "«NO9386011117947»",
            "«nl91abna0417164300»",
            "«CH93-0076-2011-6238-5295-7»",
            "a,«BE68539007547034»,b",
            "DE88370400440532013000",
            "DE8937040044053201300",
            "XX89370400440532013000",
            "RR018867066DE",
            "JD0125347011035646",
        ],
    );
}

#[test]
fn us_ssn() {
    check(
        "us_ssn",
        &[
            "«536-50-6131»",
            "SSN: «123 45 6789»",
            "ssn§«536506131»",
            "social security number «536506131»",
            "national id «592-58-2434»",
            "000-12-3456",
            "666-12-3456",
            "123-00-4567",
            "123-45-0000",
            "536506131",
            "1536-50-6131",
            "536-50-61312",
        ],
    );
}

#[test]
fn us_itin() {
    check(
        "us_itin",
        &[
            "«912-70-1234»",
            "itin§«912701234»",
            "Tax ID: «912 70 1234»",
            "912-47-1234",
            "912701234",
        ],
    );
}

#[test]
fn uk_nhs() {
    check(
        "uk_nhs",
        &[
            "NHS number: «943 476 5919»",
            "nhs_number§«9434765919»",
            "nhsNumber§«943-476-5919»",
            "943 476 5919",
            "NHS number: 943 476 5918",
        ],
    );
}

#[test]
fn uk_nino() {
    check(
        "uk_nino",
        &[
            "«JZ911554C»",
            "«JZ 91 15 54 C»",
            "NINO «AB123456C»",
            "nino§«ab123456c»",
            "«JZ-91-15-54-C»",
            "«JZ 911554 C»",
            "BG123456A",
            "DA123456A",
            "AB123456E",
            "ab123456c",
        ],
    );
}

#[test]
fn es_nif() {
    check(
        "es_nif",
        &[
            "«12345678Z»",
            "DNI «12345678-Z»",
            "«X1234567L»",
            "nif§«12345678z»",
            "«12.345.678-Z»",
            "12345678A",
            "1234567Z",
        ],
    );
}

#[test]
fn br_cpf() {
    check(
        "br_cpf",
        &[
            "«529.982.247-25»",
            "cpf§«52998224725»",
            "CPF: «52998224725»",
            "529.982.247-24",
            "52998224725",
        ],
    );
}

#[test]
fn ca_sin() {
    check(
        "ca_sin",
        &[
            "«046-454-286»",
            "SIN: «046 454 286»",
            "sin§«046454286»",
            "social insurance number «046454286»",
            "046-454-287",
            "046454286",
            "648 168 158 EUR",
        ],
    );
}

#[test]
fn in_aadhaar() {
    check(
        "in_aadhaar",
        &[
            "«2341 2341 2346»",
            "aadhaar§«234123412346»",
            "Aadhaar no: «234123412346»",
            "2341 2341 2345",
            "234123412346",
        ],
    );
}

#[test]
fn documents() {
    check(
        "passport",
        &[
            "passport no. «698961813».",
            "passport_number§«XH90XGVWR»",
            "Passport: «C01X00T47»",
            "Reisepass: «C01X00T47»",
            "passportNo§«N17197619»",
            "\"passport\": \"«961774305»\"",
            "pasaporte «AAA123456»",
            "{\"passport_number\": \"«YPYGT51H6»\"",
            "passport country§US",
            "passport expires 2030",
        ],
    );
    check(
        "driver_license",
        &[
            "driver_license§«R735-4914-9180»",
            "Driver's License: «D1234567»",
            "driving licence «MORGA657054SM9IJ»",
            "DL# «S4868197»",
            "driverLicenseNumber§«34964397»",
            "Führerschein: «B072RRE2I55»",
            "license§MIT",
            "License: Apache-2.0",
            "driver§nvidia-535.104.05",
            "driver version 535104",
        ],
    );
    check(
        "date_of_birth",
        &[
            "dob§«1985-04-20»",
            "date_of_birth§«June 23, 2003»",
            "birthDate§«02 November 1967»",
            "born on «5 May 1980» in",
            "Born: «April 20th, 1985»",
            "born «5th May 1980»",
            "DOB: «01/08/1987»",
            "Date of birth: «23.01.1951»",
            "geboren am «23.01.1951»",
            "née le «14/07/1980»",
            "fecha de nacimiento: «3 de junio de 1975»",
            "geburtsdatum§«1. Mai 1980»",
            "dob§«1985-04-20T00:00:00Z»",
            "\"birthday\": \"«1990/12/31»\"",
            "2021-05-19",
            "January 22, 2019",
            "created 2020-01-30",
            "birth_place§Paris",
            "date§1985-04-20",
        ],
    );
}

#[test]
fn person() {
    check(
        "person",
        &[
            "first_name§«Rémy»",
            "lastName§«Parry»",
            "full_name§«Carolyn Brown»",
            "surname§«O'Neil»",
            "Vorname§«Hans-Hermann»",
            "nachname§«Müller»",
            "apellidos§«García López»",
            "prénom§«Zoé»",
            "customer_name§«Jane Doe»",
            "accountHolder§«John Q. Public»",
            "cardholder§«JOHN PUBLIC»",
            "contactName§«Ann Lee»",
            "patient§«Sharon Jones»",
            "customer§«Acme Doe»",
            "first_name: «Rachel»\nx: 1",
            "\"firstName\": \"«Rémy»\"",
            "<lastName>«Parry»</lastName>",
            "first_name=«Ann»&x=1",
            "姓名§«王小明»",
            "name§Widget Pro",
            "file_name§a b",
            "full_name§acme/app",
            "customer§Acme",
            "first_name§",
            "hostname§web one",
            "display_name§[redacted:person]",
            "customer_id§Ab Cd",
            "name§John Smith",
        ],
    );
}

#[test]
fn network() {
    check(
        "ip_address",
        &[
            "client=«80.28.111.95»",
            "from «203.0.113.7».",
            "http://«93.184.216.34»:80/",
            "«2001:db8:85a3::8a2e:370:7334»",
            "[«2a00:1450:4009:80b::200e»]:443",
            "«::ffff:93.184.216.34»",
            "ip§«8.8.8.8»",
            "dns «8.8.8.8»",
            "host§«151.101.1.69»",
            "«93.184.216.34»/32",
            "version 4.17.28.18",
            "fw§3.7.16.20",
            "Chrome/119.0.0.0",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.0",
            "10.0.19081.3299",
            "1.2.3.4.5",
            "256.1.1.1",
            "::1",
            "12:34:56",
            "std::vec::Vec",
            "abc::def",
            "4.17.28.18",
            "bump to 3.20.6.2",
            "a::b::c",
        ],
    );
    check(
        "mac_address",
        &[
            "«78:cc:cf:fb:10:35»",
            "«E0-96-2B-F9-CA-04»",
            "lease «183d.f80a.79dc» ->",
            "«AB-CD-EF-AB-CD-EF»",
            "mac§«001122aabbcc»",
            "«ab:cd:ef:ab:cd:ef».",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "78:cc:cf:fb:10",
            "78:cc:cf:fb:10:35:99",
            "001122aabbcc",
        ],
    );
    check(
        "crypto_wallet",
        &[
            "«1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa»",
            "wallet «bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq» x",
            "«3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy»",
            "to «0x011e0e927d3ef6fd3a9c8e5b0491a44c08467d77»",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx",
            "tx 0x011e0e927d3ef6fd3a9c8e5b0491a44c08467d77",
            "tx_hash§0x011e0e927d3ef6fd3a9c8e5b0491a44c08467d77",
        ],
    );
}
