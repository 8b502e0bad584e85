use super::check;

fn spelled(parts: &[&str]) -> String {
    parts.concat()
}

const LONG: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

fn clouds() -> Vec<(&'static str, String)> {
    let long = LONG;
    vec![
        ("aws_access_key", spelled(&["AKIA", "V4GSEDWGX3VMJTSI"])),
        ("aws_access_key", spelled(&["ASIA", "ABCDEFGHIJKLMNOP"])),
        (
            "gcp_api_key",
            spelled(&["AIza", "w9XsHKIaQrto7E76ZWiaONY-MHgwwv6u86a"]),
        ),
        ("github_token", spelled(&["ghp", "_", long])),
        (
            "github_token",
            spelled(&["github", "_pat_", &"a1B2_".repeat(13)]),
        ),
        ("gitlab_token", spelled(&["glpat", "-o94ZJ9JRUQQvOMTm22Hb"])),
        (
            "slack_token",
            spelled(&[
                "xoxb",
                "-468282493939-3708425040362-4kB9ZkUgRnle9k6i5MHrPw5U",
            ]),
        ),
        (
            "slack_token",
            spelled(&["xapp", "-1-AM2HVG9PESL-6424205838593-ea945db5dbb2c0cb"]),
        ),
        (
            "stripe_key",
            spelled(&["sk", "_live_", "6xQqZogTG62M3j5RSWnb5wZW"]),
        ),
        (
            "stripe_key",
            spelled(&["rk", "_test_", "6xQqZogTG62M3j5RSWnb5wZW"]),
        ),
        (
            "openai_key",
            spelled(&["sk", "-proj-", "ZUH1DNI1vejrBJZ3gARue5SApb49tX9KJqNL"]),
        ),
        (
            "openai_key",
            spelled(&[
                "sk",
                "-",
                "P4kYAoShTVbLJFoE5spbT3BlbkFJje3JhPdphKMXjiQ562xY",
            ]),
        ),
        (
            "anthropic_key",
            spelled(&[
                "sk",
                "-ant-api03-",
                "i2pq9xfgeNOF6SLxrUwqvCTgHyIvjHguiDcBidAU2XDRJ0HwG",
            ]),
        ),
    ]
}

fn services() -> Vec<(&'static str, String)> {
    let long = LONG;
    vec![
        ("npm_token", spelled(&["npm", "_", long])),
        (
            "vendor_token",
            spelled(&["hf", "_", "GbHUDlK5ZYza457L8q8wkNzpIRqTJ1zLwy"]),
        ),
        (
            "vendor_token",
            spelled(&[
                "SG",
                ".MOHp6uLkJ8gKF7O7IuEEHs.BBaL1Z--Zl6O-9eZqvnNQJ7tafs_B0u7i9AHJjpzIc6",
            ]),
        ),
        (
            "vendor_token",
            spelled(&["dop", "_v1_", &"0a1b2c3d".repeat(8)]),
        ),
        (
            "vendor_token",
            spelled(&["shpat", "_", &"0a1b2c3d".repeat(4)]),
        ),
        (
            "vendor_token",
            spelled(&["pypi", "-AgEIcHlwaS5vcmcCJGE4", long]),
        ),
        ("vendor_token", spelled(&["dapi", &"0a1b2c3d".repeat(4)])),
        (
            "vendor_token",
            spelled(&["glsa", "_", &"0a1B2c3D".repeat(5)]),
        ),
        ("vendor_token", spelled(&["SK", &"0a1b2c3d".repeat(4)])),
        (
            "azure_key",
            spelled(&["qUb5", "Q~", "oSQpjL71pW04nzkwXUp6aMtoZ7OTQ3FMZT"]),
        ),
        (
            "jwt",
            spelled(&[
                "eyJ",
                "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            ]),
        ),
        (
            "private_key",
            spelled(&[
                "-----BEGIN RSA ",
                "PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
            ]),
        ),
        (
            "private_key",
            spelled(&["-----BEGIN PGP ", "PRIVATE KEY BLOCK-----\nxx"]),
        ),
    ]
}

#[test]
fn tokens_by_prefix() {
    let cases = clouds().into_iter().chain(services());
    for (id, token) in cases {
        for around in [
            "«»",
            "token «», ok",
            "\"«»\"",
            "KEY=«»\n",
            "(«»)",
            "url?k=«»&b=1",
            "\\\"«»\\\"",
        ] {
            if token.contains("BLOCK") && around != "«»" {
                continue;
            }
            check(id, &[&around.replace("«»", &format!("«{token}»"))]);
        }
        if !token.starts_with('-') {
            check("", &[&format!("x{token}")]);
        }
    }
}

#[test]
fn generic_secret() {
    check(
        "generic_secret",
        &[
            "password = \"«gviU8c8nN8o2IvIPQQc$»\"",
            "DB_PASSWORD=«W2YXzX1_m!b-1dF»\nX=1",
            "    password: «tiger!92919Qz»\n",
            "password§«hunter2!»",
            "api_key§«0a1b2c3d4e5f6a7b»",
            "client_secret: '«abc123def456»'",
            "{\"password\":\"«s3cr3t-x»\"",
            "{\\\"password\\\":\\\"«s3cr3t-x»\\\"",
            "?access_token=«abc123DEF456»&x=1",
            "--password «hunter2x»",
            "docker login -u ci -p «gsu1uFrX33f1uwvqx6i9wLrv» registry",
            "curl -u admin:«s3cr3tpw» https://x.io",
            "X-Api-Key: «0a1b2c3d4e5f6a7b»",
            "Server=db;Password=«s3cr3t!x»;User=sa",
            "<password>«s3cr3t-x»</password>",
            "contraseña: «s3cr3t-x»",
            "Passwort=«s3cr3t-x»",
            "secretKey§«abc123DEF456ghi»",
            "auth_token§«abc123DEF456ghi»",
            "password is «Tr0ub4dor»",
            "passphrase§«correct horse 9 staple»",
            "os.environ[\"TOKEN\"] = \"«abc123DEF456»\"",
            "pwd=«Abcdef12»",
            "api-key=«abc123DEF456»",
        ],
    );
}

#[test]
fn what_is_no_secret() {
    check(
        "generic_secret",
        &[
            "password = os.environ[\"X\"]",
            "API_KEY=<YOUR_API_KEY>",
            "API_KEY=${DB_PASSWORD}",
            "API_KEY={{ vault.secret }}",
            "API_KEY=********",
            "API_KEY=REDACTED",
            "API_KEY=process.env.STRIPE_KEY",
            "TOKEN = os.environ[\"TOKEN\"]",
            "CACHE_KEY = \"user:profile:8367\"",
            "Please reset your password in the portal.",
            "password: string",
            "next_token§eyJvIjogNjY2MywgInMiOiAidHMifQ==",
            "nextToken§abc123DEF456ghi",
            "page_token§abc123DEF456ghi",
            "max_tokens§4096",
            "sort_key§created_at",
            "password_reset_url§https://x.io/r1",
            "token_type§bearer",
            "password = get_password()",
            "progressToken§abc123DEF456",
            "secret_name§prod/db1",
            "public_key§abc123DEF456ghi",
            "password§[redacted:generic_secret]",
            "nextCursor§abc123DEF456ghi",
            "token: str = None",
            "key§abc123DEF456ghi",
            "primary_key§abc123DEF",
        ],
    );
}

#[test]
fn named_secrets() {
    check(
        "slack_token",
        &["https://hooks.slack.com/services/«T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX»"],
    );
    check(
        "aws_secret_key",
        &[
            "AWS_SECRET_ACCESS_KEY=«4ycOAw3sI7qijLYLsGhkcfSVOnh/LGu48qclNx+Q»\n",
            "aws_secret_access_key§«/GgizCXEnUEdAKDL4Ah4FGBOtB1mpQUUCqTVfK8m»",
        ],
    );
    check(
        "azure_key",
        &[
            "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=«Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRg==»;EndpointSuffix=core",
        ],
    );
    check(
        "auth_header",
        &[
            "Authorization: Bearer «UMoXK2ftmoJPaadUbylqh4QODxfSSKclFcZD7G5m»\n",
            "authorization§Basic «YXRraW5zOjdHcVo1Sm95UFNQbw==»",
            "-H \"Authorization: Bearer «c3df4e36ba71d673»\"",
            "Authorization§«abc123DEF456»",
            "> Authorization: Basic «amFja3NvbjpPdEt»",
            "'Authorization': 'token «abc123DEF456»'",
            "Bearer «abc123DEF456ghi»",
            "the bearer of this",
            "Bearer <token>",
            "Authorization: Bearer ${TOKEN}",
        ],
    );
    check(
        "session_cookie",
        &[
            "Set-Cookie: sid=«abc123DEF456ghi»; Path=/; HttpOnly",
            "Cookie: theme=dark; session=«abc123DEF456ghi»",
            "PHPSESSID=«abc123def456ghi789»",
            "JSESSIONID§«abc123def456ghi789»",
        ],
    );
    check(
        "db_url_password",
        &[
            "postgres://u:«s3cr3t»@db/x",
            "mongodb+srv://root:«e6EotxdPpwNx»@localhost/crm",
            "https://user:«p@ss»@host/",
            "redis://:«s3cr3t»@h:1",
            "https://host/x",
            "http://localhost:8080/@x",
            "postgres://u@db/x",
            "postgres://u:${PW}@db/x",
        ],
    );
}

#[test]
fn encoded() {
    check(
        "email",
        &[
            "contact «john%40example.com»",
            "«john&#64;example.com»",
            "«john&#x40;example.com»",
            "«john&commat;example.com»",
            "«john\\u0040example.com»",
            "«jo\u{200b}hn@exam\u{ad}ple.com»",
            "«ｊｏｈｎ＠example.com»",
            "data «am9obi5kb2VAZXhhbXBsZS5jb20=» end",
            "«6a6f686e2e646f65406578616d706c652e636f6d»",
            "c=eyJvIjogNjY2MywgInMiOiAidHMifQ==",
            "ba5e396a9d70aa5d98c7976d7539f5ae2d7c9cb4d3906f4017a3ce24a7a6e1c5",
        ],
    );
}

#[test]
fn tables() {
    check(
        "person",
        &[
            "id,first_name,city\n1,«Ann»,Rome\n2,«Bob»,Oslo",
            "| id | last_name |\n|---|---|\n| 1 | «Parry» |\n| 2 | «Holt» |\n\nBye",
            "id\tsurname\n1\t«Lee»",
            "Rows:\n\nname;vorname\nx;«Ann»",
            "Well, first,\nname, of all",
        ],
    );
    check("phone", &["id,phone\n1,«0612345678»\n2,«0612345679»"]);
    check("date_of_birth", &["id,dob\n1,«1980-01-02»"]);
}
