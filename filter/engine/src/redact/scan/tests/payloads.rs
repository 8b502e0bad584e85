//! Pieces of payloads as servers send them, of very different kinds.

use super::check;

#[test]
fn secrets_stand_where_people_and_programs_put_them() {
    check(
        "generic_secret",
        &[
            "The password for prod is «gr33nApple».",
            "Your temporary password is «Xk29!pQz». Change it after login.",
            "The API key is «9f8e7d6c5b4a3928» and the build is 2024.03.01.",
            "Ihr Passwort lautet «Geheim123!»",
            "La contraseña es «Gato#Negro7».",
            "**Password:** `«S3cret!Pw1»`",
            "ALTER USER 'root'@'localhost' IDENTIFIED BY '«Tr0ub4dor&3»';",
            "define('DB_PASSWORD', '«phpPw123»');",
            "os.environ.setdefault(\"API_TOKEN\", \"«a1b2c3d4e5»\")",
            "requirepass «r3disPw99»",
            "- name: DB_PASSWORD\n  value: \"«k8sS3cret!»\"\n- name: LOG_LEVEL\n  value: \"debug99\"",
            "<add key=\"ApiKey\" value=\"«9f8e7d6c5b4a39281706»\"/>",
            "<wsse:Password Type=\"http://x/#Text\">«Welcome#2024»</wsse:Password>",
            "password = '''«tomlPw12»'''",
            "password: |\n  «blockPw12»",
            "?X-Amz-Credential=«abc12345»&X-Amz-Signature=«fe5f80f77d5fa3be»&n=1",
            "psk=\"«hunter22wifi»\"",
            "{'user': 'bob', 'password': '«dictPw12»', 'token': None}",
            "\"password\"=>\"«railsPw1»\", \"password_confirmation\"=>\"[FILTERED]\"",
        ],
    );
    check(
        "db_url_password",
        &["DSN: app:«dsnPw12»@tcp(10.0.0.1:3306)/db"],
    );
}

#[test]
fn what_only_speaks_of_secrets_stays() {
    check(
        "",
        &[
            "password§Passwort",
            "password: String!",
            "password_file = \"/run/secrets/pw1\"",
            "let secret = Secret::new(vec![0u8; 32]);",
            "password: z.string().min(8),",
            "$password = $_POST['password1'];",
            "cfg.Password = *passwordFlag",
            "private String password;\npublic void setPassword(String password1) {",
            "new UsernamePasswordAuthenticationToken(username, password1);",
            "arn:aws:secretsmanager:us-east-1:1:secret:x-AbCdEf1",
            "prompt_tokens§123456789",
            "The password is required. Your password was changed on 2024-03-01.",
            "POST /oauth/token HTTP/1.1",
            "GET /?q=hello!pw HTTP/1.1",
            "| Field | Type |\n|---|---|\n| password | string |\n| api_key | string(32) |",
            "DEBUG hash A017422 size 649340 1632965582766",
            "41 42 43 44 45 46 47 48 49 4a 4b 4c 4d",
            "firstName§Vorname",
        ],
    );
}

#[test]
fn tables_are_read_by_their_headers() {
    check(
        "",
        &[
            "failed: order,phone,ssn\nZ5,«4155550132»,«402-83-4660»",
            " id | first_name | created\n----+------------+-----------\n  1 | «Ann» | 2024-01-01",
            "+----+-------+\n| id | phone |\n+----+-------+\n| 1 | «4155550132» |\n+----+-------+",
            "INSERT INTO t (id, first_name) VALUES\n(1, '«Ann»'),",
        ],
    );
}

#[test]
fn what_is_hidden_twice_is_read() {
    check(
        "email",
        &[
            "«%2561nn.lee%2540example.net»",
            "ann@x «ann.lee&amp;#64;example.net»",
            "email='«ann.lee@example.net»'",
            "«0x616e6e2e6c6565406578616d706c652e6e6574»",
        ],
    );
    check("phone", &["call «+91-9876543210» now", "«+1.4155550132»"]);
}
