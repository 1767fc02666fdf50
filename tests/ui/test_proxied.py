"""A server with a certificate behind a proxy that is trusted, and all that it writes and answers."""

import base64
import datetime
import ipaddress
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from footnote.ui.tokens import Scope, Tokens, hash_password
from tests.conftest import footnote_command, started
from tests.ui.serving import Served, made_index, served, wait_for_page

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"  # noqa: S105
KEY = "sk-nobody-may-read-this"
NAME = "papers.example.org"
QUESTION = {"question": "What does Alpha keep?"}


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxied")


@pytest.fixture(scope="module")
def token(folder: Path) -> str:
    return Tokens(folder / "index").new("a program", Scope.WRITE)


@pytest.fixture(scope="module")
def proxied(folder: Path, token: str) -> Iterator[Served]:
    certificate, key = write_certificate(folder)
    web = {
        "CERTIFICATE": str(certificate),
        "KEY": str(key),
        "ROOT_PATH": "/papers",
        "HOSTS": json.dumps([NAME]),
        "TRUSTED_PROXIES": '["127.0.0.1"]',
        "USERS": json.dumps({"ada": hash_password(PASSWORD)}),
    }
    # A model that nobody serves: quotes take its place, and why is written down.
    llm = {"BACKEND": "openai-compatible", "BASE_URL": "http://127.0.0.1:9/v1", "MODEL": "m"}
    variables = {f"FOOTNOTE_WEB__{name}": value for name, value in web.items()}
    variables |= {f"FOOTNOTE_LLM__{name}": value for name, value in llm.items()}
    config = made_index(folder)
    with served(config, folder / "log", "--debug", FOOTNOTE_LLM__API_KEY=KEY, **variables) as one:
        wait_for_page(f"{one.url}/", ("ada", PASSWORD))
        yield one


@pytest.fixture(scope="module")
def client(proxied: Served, folder: Path) -> Iterator[httpx.Client]:
    trusts = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    headers = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    with httpx.Client(base_url=proxied.url, verify=trusts, headers=headers, timeout=60) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/papers"], ids=["stripped", "kept"])
def test_it_is_reached_below_its_folder_whether_the_proxy_strips_that_or_not(
    client: httpx.Client, token: str, prefix: str
):
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get(f"{prefix}/v1/papers").json()["total"] == 3
    assert client.get("/papers/v1/papers").json()["total"] == 3
    page = client.get(f"{prefix}/", headers={"Origin": f"https://{NAME}"})
    assert page.status_code == 200
    root = client.get(f"{prefix}/config").json()["root"]
    assert root == f"https://{NAME}/papers"
    described = client.get(f"{prefix}/openapi.json").json()
    assert described["servers"] == [{"url": "/papers"}]
    assert "/papers/openapi.json" in client.get(f"{prefix}/docs").text
    assert client.get(f"{prefix}/docs/files/swagger-ui-bundle.js").status_code == 200
    job = client.post(f"{prefix}/v1/ingest", json={"queries": ["x"]})
    assert job.status_code == 422
    assert client.get(f"{prefix}/gradio_api/proxy=http://127.0.0.1/").status_code == 404
    assert client.get(f"{prefix}/gradio_api/file=http://127.0.0.1/").status_code == 404


def test_the_proxy_says_who_calls_so_that_one_who_guesses_holds_up_nobody_else(
    client: httpx.Client,
):
    def guess(address: str) -> int:
        headers = {"X-Forwarded-For": address, "Authorization": basic("ada", "wrong")}
        return client.get("/", headers=headers).status_code

    assert 429 in [guess("192.0.2.1") for _ in range(20)]
    assert guess("192.0.2.2") == 401
    headers = {"X-Forwarded-For": "192.0.2.3", "Authorization": basic("ada", PASSWORD)}
    assert client.get("/", headers=headers).status_code == 200


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def test_nothing_secret_is_in_what_is_answered_or_written(
    client: httpx.Client, proxied: Served, folder: Path, token: str
):
    """As the last of the module: it ends the server, so that all that it wrote is there."""
    let_in = {"Authorization": basic("ada", PASSWORD)}
    wrong = {"Authorization": f"Bearer {token}x"}
    answers = [
        client.get(path, headers=headers, params=params)
        for path in ("/", "/config", "/docs", "/openapi.json", "/metrics", "/v1/nothing", "/ready")
        for headers in (let_in, wrong)
        for params in (None, {"token": token, "password": PASSWORD})
    ]
    bodies = (
        {"json": QUESTION},
        {"json": {"question": "x", "token": token}},
        {"content": f'{{"question": "{token}'},
    )
    answers += [
        client.post(path, headers=headers, **body)  # type: ignore[arg-type]
        for path in ("/v1/ask", "/v1/chat/completions", "/v1/ingest", "/gradio_api/run/predict")
        for headers in (let_in, wrong)
        for body in bodies
    ]
    assert {200, 401, 404, 422} <= {answer.status_code for answer in answers}
    assert proxied.ended() == 0
    log = proxied.log.read_text()
    assert "Traceback" not in log
    assert "Deprecat" not in log
    told = [log, (folder / "index.tokens.json").read_text()]
    told += [answer.text + str(answer.headers) for answer in answers]
    hidden = [PASSWORD, KEY, token, basic("ada", PASSWORD).partition(" ")[2], "scrypt:"]
    hidden.append((folder / "key.pem").read_text().splitlines()[1])
    for text in told:
        for secret in hidden:
            assert secret not in text, text[:300]


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_a_certificate_that_cannot_be_used_is_told(folder: Path, tmp_path: Path, broken: str):
    certificate, key = write_certificate(tmp_path)
    (tmp_path / f"{broken}.pem").write_text("nothing")
    command = footnote_command("serve", "--port", "0", "--index", folder / "index")
    variables = {
        "FOOTNOTE_EMBEDDER__NAME": "tests.hashing:HashEmbedding",
        "FOOTNOTE_WEB__CERTIFICATE": str(certificate),
        "FOOTNOTE_WEB__KEY": str(key),
    }
    with started(command, **variables) as process:
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert f"`web.certificate` {certificate} cannot be used" in said
    assert "Traceback" not in said
