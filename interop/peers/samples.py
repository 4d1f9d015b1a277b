"""Texts with known answers, a JSON object a line: {"group", "text", "value"}; a null value: nothing is to be found.

The same seed gives the same texts. People, cards, addresses and dates are Faker's, phone numbers the examples that
phonenumbers has for every country, IBANs schwifty's, national identifiers Faker's as far as stdnum finds their check
digits right. Secrets are made by the published forms of each service.
"""

import json
import random
import string
import sys
import base64

import phonenumbers
from faker import Faker
from schwifty import IBAN
from stdnum import luhn
import stdnum

SEED, EACH = 20261128, int(sys.argv[1]) if len(sys.argv) > 1 else 300
rng = random.Random(SEED)
Faker.seed(SEED)
random.seed(SEED)
LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE", "fi_FI", "ja_JP"]
fakers = {name: Faker(name) for name in LOCALES}
en = fakers["en_US"]

SENTENCES = [
    "Please send it to {} by Friday.", "{}", "The customer gave {} as an answer.", "user={}; status=ok",
    '{{"customer": {{"note": "{}"}}}}', "We have {}, is that right?", "- {}\n- done", "Found in the file: {}.",
]


def emit(group, text, value=None):
    print(json.dumps({"group": group, "text": text, "value": value}, ensure_ascii=False))


def around(value, labels=()):
    sentence = rng.choice(SENTENCES).format("{}")
    label = rng.choice(labels) if labels else ""
    return sentence.replace("{}", label + value)


def positives(group, make, labels=(), each=None):
    for _ in range(each or EACH):
        value = make()
        emit(group, around(value, labels), value)


def digits(count):
    return "".join(rng.choice(string.digits) for _ in range(count))


def chars(alphabet, count):
    return "".join(rng.choice(alphabet) for _ in range(count))


ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


# ─── Nothing personal: what looks like it ────────────────────────────────────────────────────────

def no_luhn():
    while True:
        number = "4" + digits(15)
        if not luhn.is_valid(number):
            return number


def uuid():
    return en.uuid4()


LOOKALIKES = [
    lambda: f"order {digits(8)} of line {digits(3)}", lambda: f"request {uuid()} took {digits(3)} ms",
    lambda: f"commit {chars(HEX, 40)} by the robot", lambda: f"version {rng.randint(1,9)}.{rng.randint(0,40)}.{rng.randint(0,99)} is out",
    lambda: f"at {en.iso8601()} it began", lambda: f"total {digits(4)}.{digits(2)} EUR, tax {digits(2)}.{digits(2)}",
    lambda: f"reference {no_luhn()} is no card", lambda: f"ISBN 978-{digits(1)}-{digits(4)}-{digits(4)}-{digits(1)}",
    lambda: f"tracking number 1Z{chars(string.ascii_uppercase + string.digits, 16)}", lambda: f"epoch {rng.randint(1500000000, 1900000000)} in seconds",
    lambda: f"see https://docs.example/{en.slug()}?page={digits(3)}", lambda: f"import {{a}} from '@scope/{en.word()}';",
    lambda: f"size {digits(3)}x{digits(3)}, at {digits(2)}.{digits(6)}, {digits(2)}.{digits(6)}", lambda: en.paragraph(nb_sentences=4),
    lambda: f"SELECT * FROM t WHERE id IN ({digits(5)}, {digits(5)}, {digits(6)})", lambda: f"sha256 {chars(HEX, 64)}",
    lambda: f"Section {rng.randint(1,9)}.{rng.randint(1,9)}.{rng.randint(1,9)} on page {digits(3)}", lambda: f"build #{digits(6)} of {en.word()}@{rng.randint(1,9)}.{rng.randint(0,9)}.0",
    lambda: f"parts {digits(3)}-{digits(4)}-{digits(3)} and {digits(5)}-{digits(2)}", lambda: f"mac {':'.join(chars(HEX, 2) for _ in range(6))}",
]


def negatives(group, made, each=None):
    for i in range(each or EACH):
        emit(group, made[i % len(made)]())


negatives("plain", LOOKALIKES, EACH * 2)


# ─── Personal data ───────────────────────────────────────────────────────────────────────────────

def email():
    person = fakers[rng.choice(LOCALES)]
    kind = rng.randrange(4)
    if kind == 0:
        return person.ascii_email()
    if kind == 1:
        return f"{en.first_name()}.{en.last_name()}+{en.word()}@{en.domain_name(levels=2)}"
    if kind == 2:
        return f"{en.user_name()}_{digits(2)}@{en.domain_word()}.{rng.choice(['io', 'museum', 'co.uk', 'com.br'])}"
    return en.company_email()


def card():
    # Of JCB's range Faker makes numbers that nobody was given.
    number = en.credit_card_number(rng.choice(["visa", "mastercard", "amex", "discover", "diners"]))
    groups = [number[i:i + 4] for i in range(0, len(number), 4)]
    return rng.choice(["", " ", "-"]).join(groups)


def iban():
    value = str(IBAN.random(random=rng))
    return value if rng.random() < 0.5 else " ".join(value[i:i + 4] for i in range(0, len(value), 4))


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def phone(form):
    def make():
        while True:
            kind = rng.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
            number = phonenumbers.example_number_for_type(rng.choice(REGIONS), kind)
            if number is not None and phonenumbers.is_valid_number(number):
                return phonenumbers.format_number(number, form)
    return make


def us_phone():
    area = rng.choice(["212", "415", "617", "312", "202", "303"])
    line = f"{rng.randint(200, 999)}-{digits(4)}"
    return rng.choice([f"({area}) {line}", f"{area}-{line}", f"+1 {area}-{line}"])


def ssn():
    return en.ssn()


CHECKED = {"es_ES": "es.nif", "it_IT": "it.codicefiscale", "nl_NL": "nl.bsn", "pl_PL": "pl.pesel", "pt_BR": "br.cpf", "sv_SE": "se.personnummer", "fi_FI": "fi.hetu"}
NAMES = {"es_ES": "DNI ", "it_IT": "codice fiscale ", "nl_NL": "BSN ", "pl_PL": "PESEL ", "pt_BR": "CPF ", "sv_SE": "personnummer ", "fi_FI": "henkilötunnus "}


def national(locale):
    module = __import__(f"stdnum.{CHECKED[locale]}", fromlist=["x"])
    for _ in range(500):
        value = fakers[locale].ssn()
        if module.is_valid(value):
            return value
    return None


def birth():
    return en.date_of_birth(minimum_age=18, maximum_age=90).strftime(rng.choice(["%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y", "%d %B %Y"]))


positives("email", email)
positives("credit_card", card)
positives("iban", iban)
positives("phone, as in the USA", us_phone)
positives("phone, +E.164, every country", phone(phonenumbers.PhoneNumberFormat.E164))
positives("phone, international form, every country", phone(phonenumbers.PhoneNumberFormat.INTERNATIONAL))
positives("ssn", ssn)
for locale in CHECKED:
    sample = national(locale)
    if sample is not None:
        positives(f"national id {locale[-2:]}", lambda: national(locale) or sample, [NAMES[locale]], max(20, EACH // 7))
positives("ip, version 4", lambda: en.ipv4())
positives("ip, version 6", lambda: rng.choice([en.ipv6(), "2001:db8::" + chars(HEX, 4), "fe80::" + chars(HEX, 4) + ":1"]))
positives("date_of_birth, with a label", birth, ["DOB: ", "date of birth: ", "born on ", "Birthday: "])
positives("passport, with a label", lambda: chars(string.ascii_uppercase, 2) + digits(7), ["Passport: ", "passport number ", "Passport No. "])
positives("driver_license, with a label", lambda: chars(string.ascii_uppercase, 1) + digits(7), ["DL: ", "Driver's License: ", "driver license number "])
positives("bank_account, with a label", lambda: digits(rng.randint(9, 14)), ["account number: ", "Acct: ", "Bank account "])
positives("medical_record, with a label", lambda: digits(8), ["MRN: ", "medical record number "])

# ─── Secrets ─────────────────────────────────────────────────────────────────────────────────────

B64 = ALNUM + "+/"
UP = string.ascii_uppercase + "234567"


def segment(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt():
    return f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment({'sub': digits(10), 'name': en.name()})}.{chars(ALNUM + '-_', 43)}"


def pem():
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    body = "\n".join(chars(B64, 64) for _ in range(6))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


SECRETS = {
    "aws_access_key_id": (lambda: rng.choice(["AKIA", "ASIA"]) + chars(UP, 16), ["", "aws_access_key_id = "]),
    "aws_secret_access_key": (lambda: chars(B64, 40), ["aws_secret_access_key = ", "AWS_SECRET_ACCESS_KEY=", "aws_secret_access_key: "]),
    "google_api_key": (lambda: "AIza" + chars(ALNUM + "-_", 35), ["", "key="]),
    "github_token": (lambda: rng.choice(["ghp_", "gho_", "ghs_", "ghu_"]) + chars(ALNUM, 36), ["", "token: "]),
    "github_token, fine-grained": (lambda: "github_pat_" + chars(ALNUM, 22) + "_" + chars(ALNUM, 59), [""]),
    "stripe_secret_key": (lambda: rng.choice(["sk_live_", "rk_live_"]) + chars(ALNUM, 24), ["", "stripe: "]),
    "slack_token": (lambda: f"xoxb-{digits(12)}-{digits(12)}-{chars(ALNUM, 24)}", ["", "token "]),
    "private_key_block": (pem, [""]),
    "jwt_like": (jwt, ["", "Bearer "]),
    "generic_api_key_assignment": (lambda: chars(ALNUM, 32), ["api_key = ", "apikey: ", "API_KEY="]),
    "npm": (lambda: "npm_" + chars(ALNUM, 36), [""]),
    "pypi": (lambda: "pypi-AgEIcHlwaS5vcmc" + chars(ALNUM + "-_", 120), [""]),
    "sendgrid": (lambda: f"SG.{chars(ALNUM + '-_', 22)}.{chars(ALNUM + '-_', 43)}", [""]),
    "gitlab": (lambda: "glpat-" + chars(ALNUM + "-_", 20), [""]),
    "anthropic": (lambda: "sk-ant-api03-" + chars(ALNUM + "-_", 93) + "AA", [""]),
    "openai": (lambda: f"sk-proj-{chars(ALNUM, 74)}T3BlbkFJ{chars(ALNUM, 74)}", [""]),
    "a password in the URL of a database": (lambda: chars(ALNUM, 20), ["postgres://app:"]),
}
for group, (make, labels) in SECRETS.items():
    for _ in range(EACH // 3):
        value, label = make(), rng.choice(labels)
        after = "@db.internal.example:5432/app" if label.startswith("postgres") else ""
        emit(f"secret {group}", f"config {label}{value}{after}\nend", value)
negatives("secret plain", LOOKALIKES + [
    lambda: f"class-{chars(string.ascii_lowercase, 12)} token_count={digits(5)}", lambda: f"etag \"{chars(HEX, 32)}\"", lambda: f"integrity sha512-{chars(B64, 86)}==",
    lambda: f"data:image/png;base64,{chars(B64, 400)}", lambda: "api_key = os.environ['API_KEY']", lambda: "password: ${DB_PASSWORD}", lambda: f"ssh-ed25519 {chars(B64, 68)} {en.user_name()}",
], EACH)

# ─── Encoded on the way out ──────────────────────────────────────────────────────────────────────

ENCODERS = {
    "base64": lambda b: base64.b64encode(b).decode(), "base64url": lambda b: base64.urlsafe_b64encode(b).decode().rstrip("="),
    "hex": lambda b: b.hex(), "percent_encoding": lambda b: "".join(f"%{x:02X}" for x in b),
    "escaped_hex": lambda b: "".join(f"\\x{x:02x}" for x in b), "base64, twice": lambda b: base64.b64encode(base64.b64encode(b)).decode(),
}
STOLEN = [
    lambda: f"password={en.password(length=14)} for {en.user_name()}", lambda: f"authorization: Bearer {chars(ALNUM, 30)}",
    lambda: f"secret token {chars(HEX, 24)} of {en.name()}", lambda: f"-----BEGIN PRIVATE KEY----- {chars(B64, 60)}",
    lambda: f"user {en.user_name()} api_key {chars(ALNUM, 28)}",
]
for name, encode in ENCODERS.items():
    for i in range(EACH // 3):
        value = encode(STOLEN[i % len(STOLEN)]().encode())
        emit(f"exfil {name}", around(value), value)
negatives("exfil plain", LOOKALIKES + [lambda: f"integrity sha512-{chars(B64, 86)}==", lambda: f"key id {chars(HEX, 32)}", lambda: f"q={en.word()}%20{en.word()}", jwt], EACH)

# ─── SQL ─────────────────────────────────────────────────────────────────────────────────────────

T = lambda: rng.choice(["users", "orders", "public.items", '"Log"', "`t`"])  # noqa: E731
RISKY = [
    lambda: f"DROP TABLE {T()}", lambda: f"drop\n/* x */ table {T()}", lambda: f"DELETE FROM {T()}", lambda: f"delete from {T()} -- where id = 1",
    lambda: f"UPDATE {T()} SET a = {digits(2)}", lambda: f"update {T()} set note = 'where'", lambda: f"SELECT 1; TRUNCATE {T()}", lambda: f"GRANT ALL ON {T()} TO bob",
    lambda: f"UPDATE {T()} SET a = 1; SELECT 1 WHERE 2 = 2", lambda: f"ALTER TABLE {T()} ADD x int", lambda: f"WITH x AS (SELECT 1) DELETE FROM {T()}",
    lambda: f"DELETE/**/FROM {T()}", lambda: f"SELECT $$a$$; DROP TABLE {T()}", lambda: f"DELETE FROM {T()} RETURNING (SELECT 1 WHERE true)",
]
SAFE = [
    lambda: f"SELECT * FROM {T()} WHERE id = {digits(3)}", lambda: f"SELECT 'drop table x' AS a FROM {T()}", lambda: f"DELETE FROM {T()} WHERE id = {digits(3)}",
    lambda: f"UPDATE {T()} SET a = 1 WHERE b = 'x; y'", lambda: f"SELECT \"drop\", updated FROM {T()}", lambda: f"INSERT INTO {T()} VALUES ('it''s; DELETE FROM x')",
    lambda: f"SELECT dropped_at, alter_ego FROM {T()}", lambda: f"SELECT 1 /* GRANT */ FROM {T()}", lambda: f"SELECT $$drop table a$$ FROM {T()}",
]
for i in range(EACH):
    emit("sql risky", RISKY[i % len(RISKY)](), "block")
    emit("sql plain", SAFE[i % len(SAFE)]())

# ─── Addresses of a blocked domain, as they may be written ───────────────────────────────────────

BAD = "malicious.example.com"
HIDDEN = [
    lambda: f"https://{BAD}/{en.slug()}", lambda: f"https://{en.domain_word()}.{BAD}/", lambda: f"https://{BAD.upper()}/", lambda: f"https://{BAD}./a",
    lambda: f"https://{BAD}:8443/", lambda: f"https://user:pw@{BAD}/", lambda: f"https://good.example@{BAD}/", lambda: "https://malicious%2Eexample%2Ecom/",
    lambda: "https://ｍalicious.example.com/", lambda: "https://malicious。example。com/", lambda: f"https:\\\\{BAD}\\a", lambda: f"https:/{BAD}/", lambda: f" https://{BAD}/\t",
]
FINE = [
    lambda: f"https://{en.domain_name()}/{en.slug()}", lambda: f"https://not{BAD}/", lambda: f"https://{BAD}.{en.domain_word()}.org/", lambda: f"https://{en.domain_name()}/?to={BAD}",
    lambda: f"https://{en.domain_name()}/{BAD}", lambda: f"https://{BAD}@{en.domain_name()}/",
]
for i in range(EACH):
    emit("url blocked", HIDDEN[i % len(HIDDEN)](), "block")
    emit("url plain", FINE[i % len(FINE)]())
