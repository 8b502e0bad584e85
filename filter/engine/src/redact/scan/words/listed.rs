//! The words that say something of a value, in the languages that keys and labels are written in.
//! Lower case, Latin letters without marks; keys are split at humps and at what is no letter.

use super::Topics as T;

/// Each word once.
pub(super) const LISTED: &[(&str, T)] = &[
    (
        "phone ☎ 📞 phonenumber phonenumbers telephone tel telefon telefoon telefone telefono telefonnummer mobile mobilenumber mobilephone mobil movil celular handy handynummer cell cellphone cellular msisdn whatsapp fax sms landline portable dial telefoonnummer telefonszam telefonnr mobiltelefon rufnummer numtel homephone workphone 电话 手机 電話 携帯",
        T::PHONE,
    ),
    ("call calling ring", T::PHONE),
    (
        "card creditcard cardnumber cardno ccnum ccnumber ccn cc pan visa mastercard amex maestro discover kreditkarte kartennummer tarjeta cartao carta carte kaart debitcard 卡号",
        T::CARD,
    ),
    ("iban ibannumber bankaccount kontonummer", T::IBAN),
    ("ssn socialsecurity ssnumber", T::SSN),
    ("itin", T::ITIN),
    ("tin", T::ITIN.or(T::SSN)),
    ("nhs nhsnumber nhsno", T::NHS),
    ("nino ninumber", T::NINO),
    ("nif nie dni", T::NIF),
    ("cpf", T::CPF.or(T::TAX)),
    ("sin nas", T::SIN),
    ("aadhaar aadhar adhaar uidai aadhaarnumber", T::AADHAAR),
    (
        "passport passports passportnumber passportno passportnum reisepass reisepassnummer passnummer passnr pasaporte passeport passaporto passaporte paspoort paspoortnummer 护照",
        T::PASSPORT,
    ),
    (
        "driverlicense driverslicense driverlicence driverslicence drivinglicence drivinglicense fuhrerschein fuehrerschein rijbewijs cnh dl dlnumber",
        T::LICENCE,
    ),
    ("driver drivers driving conducir conduire guida", T::DRIVER),
    (
        "license licence licencia permis permiso patente carnet",
        T::LICENSE,
    ),
    (
        "dob birthdate birthday dateofbirth birthdt geburtsdatum geburtstag geb geboren geborene fechanacimiento nacimiento nacido nacida naissance nascimento nascido nascita nato ne nee born geboortedatum urodzenia urodzony urodzona fodd fodelsedatum fodelsdag fodselsdato birthdaydate bday doby datanascimento datenaissance 生日 出生日期 生年月日",
        T::DOB,
    ),
    ("birth", T::BIRTH),
    (
        "firstname lastname surname surnames forename forenames fullname familyname givenname givennames middlename maidenname vorname nachname familienname prenom prenoms apellido apellidos cognome sobrenome fname lname mname cardholdername contactname customername patientname employeename clientname beneficiaryname recipientname sendername displayname legalname nomcomplet nombrecompleto voornaam achternaam fornamn efternamn fornavn etternavn efternavn etunimi sukunimi jmeno prijmeni imie imię nazwisko realname kundenname patientenname tussenvoegsel apellidopaterno apellidomaterno primeiro 姓名 氏名",
        T::PERSON,
    ),
    (
        "cardholder accountholder policyholder",
        T::HOLDER.or(T::PERSON),
    ),
    (
        "holder inhaber titular titulaire kontoinhaber karteninhaber",
        T::HOLDER.or(T::WHO),
    ),
    (
        "name names nom nombre nome naam nombres",
        T::NAME.or(T::META),
    ),
    (
        "first last given real ultimo family middle maiden preferred famille paterno materno",
        T::GIVEN,
    ),
    ("full legal completo complet", T::GIVEN.or(T::WHOLE)),
    (
        "patient customer registrant beneficiary recipient employee applicant payee payer passenger insured cliente kunde client paciente empfanger beneficiario beneficiaire guest",
        T::WHO,
    ),
    (
        "person people user billing shipping guardian spouse empleado mitarbeiter signatory subscriber attendee resident traveler traveller member candidate student shipper consignee remitter nominee heir occupant owner manager emergency persona personne sender assignee reporter requester requestor author committer doctor physician contactperson ansprechpartner contacto",
        T::LOGIN,
    ),
    ("contact kontakt", T::CONTACT),
    (
        "host hostname domain product company org organization organisation event branch table tool app application service class package module project repo repository model country city state street brand group team role plan policy region category topic bucket queue stream database db schema index image container cluster node device machine tag label env business vendor store merchant bank school site server resource namespace campaign segment currency language font color job task workflow pipeline step stage layer dataset metric feature login nick nickname screen username",
        T::THING,
    ),
    (
        "national nationale nacional identity identification identitat identidad nationality personal personnummer",
        T::NATIONAL,
    ),
    ("social soziale seguridad sociale", T::SOCIAL),
    ("security", T::SECURITY),
    ("insurance", T::INSURANCE),
    (
        "tax steuer fiscal taxpayer taxid steuernummer steuerid",
        T::TAX,
    ),
    ("number no num nr nummer numero nº", T::NUMBER),
    (
        "ip ips ipaddr ipaddress clientip remoteaddr sourceip srcip dstip ipv address addr inet peer remote",
        T::IP,
    ),
    (
        "lease dhcp arp mac macaddr macaddress hwaddr ether bssid",
        T::MAC,
    ),
    (
        "wallet wallets bitcoin btc eth ethereum crypto payout",
        T::WALLET,
    ),
    (
        "passe password passwords passwd pwd passphrase passcode pass passwort kennwort contrasena clave senha mdp motdepasse parola wachtwoord losenord пароль 密码 パスワード pgpassword dbpassword dbpass userpassword adminpassword rootpassword mysqlpwd sshpass passw psw userpass heslo hasło salasana psk requirepass masterauth pw",
        T::PASSWORD,
    ),
    (
        "secret secrets clientsecret secretkey appsecret sharedsecret credential credentials creds secretaccesskey signingsecret webhooksecret jwtsecret geheimnis secreto",
        T::SECRET,
    ),
    (
        "token accesstoken refreshtoken authtoken idtoken bearertoken apitoken sessiontoken usertoken jwt apikey apikeys accesskey privatekey authkey secrettoken masterkey encryptionkey signingkey accountkey sharedaccesskey sharedkey subscriptionkey functionskey licensekey xapikey apisecret bottoken personaltoken pat sastoken csrftoken xsrftoken sig",
        T::TOKEN,
    ),
    ("key keys signature", T::KEY),
    (
        "api amz access private auth master encryption signing encrypt crypt deploy ssh gpg hmac storage shared admin root ingest write webhook",
        T::ACCESS,
    ),
    ("account konto", T::ACCOUNT),
    ("authorization authentication authorisation", T::AUTH),
    ("bearer", T::BEARER),
    (
        "cookie cookies phpsessid jsessionid sessid sessionid",
        T::COOKIE,
    ),
    (
        "version versions ver fw firmware release build rev revision bios sdk bump bumped upgrade upgraded upgrading kernel runtime chrome section chapter clause oid semver dep dependency toolchain compiler",
        T::VERSION,
    ),
    (
        "tx txid txhash hash sha commit digest checksum blob transaction block etag fingerprint contract",
        T::HASH,
    ),
    (
        "order orders invoice tracking serial isbn sku ean imei upc epoch timestamp ts trace span shipment parcel ticket case reference ref po barcode asin article artikel bestellung pedido commande rechnung quantity amount price total balance nanos millis created updated",
        T::OTHER_NUMBER,
    ),
    ("aws", T::AWS),
    ("azure", T::AZURE),
    (
        "page next prev previous progress cursor continuation pagination sync cache sort public primary foreign partition idempotency dedupe routing shard row lookup map translation i18n csp object",
        T::PAGE,
    ),
    (
        "count max min limit length size type types expires expiry expiration expired ttl reset changed required strength hint format prompt placeholder age rotation arn prefix suffix regex pattern enabled status valid validation uri url path place issued verified endpoint used remaining usage budget counts algorithm alg",
        T::META,
    ),
    (
        "file filename function method variable column field",
        T::THING.or(T::META),
    ),
    ("at", T::META),
    ("email mail emailaddress correo courriel", T::EMAIL),
    ("id ids identifier", T::ID.or(T::META)),
    ("date fecha datum data", T::DATE),
    ("geburtsort birthplace lieu lugar", T::META),
];
