"""Builds with the real engine: what they give, how they fail, how they stop, and that they keep no secret."""

import gzip
import io
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pip
import pytest

from builder.console import Console
from builder.engine import Engine, ImageFacts, buildx
from builder.errors import BuildError
from builder.paths import IMAGES
from builder.sources import Sources, private_folder
from builder.sources.apt import AptConfiguration, AptSource
from builder.sources.apt_access import Login
from builder.sources.pip import PipConfiguration
from tests.fakes.index import Certificate, FakeIndex
from tests.fakes.wheels import make_wheel

pytestmark = pytest.mark.engine


def context(folder: Path, dockerfile: str, base: ImageFacts | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    text = dockerfile.replace("BASE", base.tags[0]) if base else dockerfile
    (folder / "Dockerfile").write_text(text, encoding="utf-8")
    return folder


def test_an_image_is_built_and_tells_its_steps(
    *, tmp_path: Path, engine: Engine, console: Console, screen: io.StringIO, base_image: ImageFacts, tag: str
) -> None:
    made = context(
        tmp_path / "c",
        "FROM BASE AS make\nRUN echo hello > /made\nFROM scratch\nCOPY --from=make /made /\n",
        base_image,
    )
    result = buildx.build(made, tag, console=console, labels={"gfxpack.image": "test"}, no_cache=True)
    facts = engine.image(tag)
    assert facts is not None
    assert facts.id == result.image_id
    assert facts.labels["gfxpack.image"] == "test"
    assert facts.size == len("hello\n")
    lines = screen.getvalue().splitlines()
    assert lines[0] == f"==> build {tag}"
    assert any(line.startswith("  make 2/2 RUN echo hello > /made  ") for line in lines)
    assert lines[-1].startswith(f"ok build {tag}  2 steps")


def test_the_second_time_everything_is_cached(
    tmp_path: Path, console: Console, screen: io.StringIO, base_image: ImageFacts, tag: str
) -> None:
    made = context(tmp_path / "c", "FROM BASE\nRUN echo cached > /made\n", base_image)
    buildx.build(made, tag, console=console)
    screen.truncate(0)
    result = buildx.build(made, tag, console=console)
    assert result.cached == result.steps
    assert "RUN echo cached > /made  cached" in screen.getvalue()


def test_an_output_folder_gets_the_files_and_the_engine_no_image(
    tmp_path: Path, engine: Engine, console: Console, tag: str
) -> None:
    made = context(tmp_path / "c", "FROM scratch AS a\nCOPY Dockerfile /x\nFROM scratch AS b\n")
    buildx.build(made, tag, console=console, target="a", output=f"type=local,dest={tmp_path / 'out'}")
    assert (tmp_path / "out/x").read_text(encoding="utf-8").startswith("FROM scratch")
    assert engine.image(tag) is None


def test_a_failing_step_is_named_and_nothing_is_tagged(
    tmp_path: Path, engine: Engine, console: Console, base_image: ImageFacts, tag: str
) -> None:
    made = context(
        tmp_path / "c",
        "FROM BASE AS make\nRUN echo before\nRUN echo doomed; rm /none\nFROM make\nRUN true\n",
        base_image,
    )
    with pytest.raises(BuildError, match=r"failed in step make 3/3 RUN echo doomed") as caught:
        buildx.build(made, tag, console=console)
    assert caught.value.evidence[0] == "doomed"
    assert "cannot remove '/none'" in caught.value.evidence[-1]
    assert engine.image(tag) is None


def test_a_failing_build_leaves_the_image_of_before(
    tmp_path: Path, engine: Engine, console: Console, base_image: ImageFacts, tag: str
) -> None:
    before = buildx.build(context(tmp_path / "c", "FROM scratch\nCOPY Dockerfile /\n"), tag, console=console)
    with pytest.raises(BuildError):
        buildx.build(context(tmp_path / "c", "FROM BASE\nRUN false\n", base_image), tag, console=console)
    facts = engine.image(tag)
    assert facts is not None
    assert facts.id == before.image_id


_INTERRUPTED = """
import sys
from pathlib import Path
from builder.console import Console
from builder.engine import buildx
try:
    buildx.build(Path(sys.argv[1]), sys.argv[2], console=Console.for_stream(), no_cache=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_interrupted_leaves_nothing(
    *, number: signal.Signals, tmp_path: Path, engine: Engine, gateway: str, base_image: ImageFacts, tag: str
) -> None:
    with FakeIndex(tmp_path, host=gateway, silent=True) as index:
        fetch = f"import urllib.request as u; u.urlopen('{index.url}/never/', timeout=60)"
        made = context(tmp_path / "c", f'FROM BASE\nRUN python3 -c "{fetch}"\n', base_image)
        argv = [sys.executable, "-c", _INTERRUPTED, os.fspath(made), tag]
        build = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert index.asked.wait(60), "the step never ran"
        build.send_signal(number)
        output, _ = build.communicate(timeout=60)
    assert build.returncode == 130, output
    assert "Traceback" not in output
    assert engine.image(tag) is None
    assert not [line for line in running_commands() if tag in line]


def running_commands() -> Iterator[str]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue


def linted(engine: Engine, folder: Path) -> list[buildx.Finding]:
    """What the linter says. A buildx that has none must say so, and the test ends there."""
    if engine.can_lint:
        return buildx.check(folder)
    with pytest.raises(BuildError, match="could not be checked") as caught:
        buildx.check(folder)
    assert caught.value.hint == "`docker buildx build --check` needs buildx 0.15 or newer"
    pytest.xfail("this buildx cannot lint")


def test_the_linter_of_buildkit_finds_what_is_wrong(tmp_path: Path, engine: Engine) -> None:
    findings = linted(engine, context(tmp_path / "c", "FROM scratch AS Build\nENV API_TOKEN=x\n"))
    assert [(finding.rule, finding.line) for finding in findings] == [
        ("StageNameCasing", 1),
        ("SecretsUsedInArgOrEnv", 2),
    ]
    assert str(findings[0]) == "line 1: StageNameCasing: Stage name 'Build' should be lowercase"


def test_the_linter_tells_of_a_dockerfile_that_does_not_parse(tmp_path: Path, engine: Engine) -> None:
    (finding,) = linted(engine, context(tmp_path / "c", "FROM scratch\nRUNN x\n"))
    assert finding.rule == "BuildError"
    assert finding.line == 2


def test_the_base_s_own_dockerfile_is_clean(engine: Engine) -> None:
    assert linted(engine, IMAGES / "base") == []


CANARY_PASSWORD = "canary-password-5d0c1"
CANARY_MIRROR = "canary-mirror-5d0c2.invalid"
CANARY_NAME = "canary-certificate-5d0c3"
CANARY_PROXY = "canary-proxy-5d0c4"

USES_EVERYTHING = """\
FROM scratch AS wheels
FROM BASE
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \\
    --mount=type=secret,id=pip,target=/run/secrets/pip \\
    --mount=type=secret,id=apt,target=/etc/apt/sources.list \\
    --mount=type=bind,from=wheels,target=/wheels \\
    --mount=type=cache,id=gfxpack-test-apt,target=/var/cache/apt \\
    --mount=type=cache,id=gfxpack-test-apt-lists,target=/var/lib/apt/lists \\
    --mount=type=cache,id=gfxpack-test-pip,target=/root/.cache/pip \\
    cat /etc/ssl/certs/ca-certificates.crt /run/secrets/pip /etc/apt/sources.list > /dev/null && \\
    echo "proxy $http_proxy" && \\
    { apt-get -o Acquire::Retries=0 update || true; } && \\
    PIP_CONFIG_FILE=/run/secrets/pip python3 /wheels/pip.whl/pip install --no-compile --target /opt/app tiny
"""
LEAKS = """\
FROM BASE
RUN --mount=type=secret,id=pip cp /run/secrets/pip /leaked
"""


@pytest.fixture
def canaries(tmp_path: Path, gateway: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """Sources of a company: an index with a password behind a certificate of its own, a mirror, a proxy."""
    make_wheel(tmp_path / "served", "tiny", "1.0")
    certificate = Certificate.make(tmp_path, host=gateway, name=CANARY_NAME)
    for variable in buildx.PROXY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", f"http://me:{CANARY_PROXY}@{gateway}:9")
    monkeypatch.setenv("no_proxy", gateway)
    served = FakeIndex(tmp_path / "served", host=gateway, password=CANARY_PASSWORD, certificate=certificate)
    with served as index:
        pip = PipConfiguration(index=index.url_with("me", CANARY_PASSWORD))
        mirror = AptSource(f"http://{CANARY_MIRROR}/debian", "bookworm", ("main",))
        yield Sources(pip, AptConfiguration((mirror,), "bookworm"), certificate.certificate)


def needles(sources: Sources) -> Mapping[str, bytes]:
    assert sources.certificate is not None
    body = sources.certificate.read_text(encoding="ascii").splitlines()[3]
    return {
        "password": CANARY_PASSWORD.encode(),
        "mirror": CANARY_MIRROR.encode(),
        "certificate": body.encode(),
        "proxy": CANARY_PROXY.encode(),
    }


def build_with(sources: Sources, dockerfile: Path, tag: str, console: Console, wheels: Path) -> None:
    with private_folder() as folder:
        secrets = sources.secrets(folder, suite="bookworm")
        buildx.build(
            dockerfile, tag, console=console, secrets=secrets, contexts={"wheels": wheels}, no_cache=True
        )


def pip_wheel(folder: Path) -> Path:
    """The pip of this environment as one file, which a build can run without installing it."""
    folder.mkdir()
    package = Path(pip.__file__).parent
    with zipfile.ZipFile(folder / "pip.whl", "w") as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(package.parent))
    return folder


def contents(engine: Engine, tag: str) -> Iterator[tuple[str, bytes]]:
    """Every file of the exported image (layers, configuration, manifest), unpacked where it is packed."""
    archive = io.BytesIO(b"".join(engine.export(tag)))
    with tarfile.open(fileobj=archive) as outer:
        for member in outer.getmembers():
            file = outer.extractfile(member)
            if file is not None:
                data = file.read()
                yield member.name, gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_no_secret_of_a_build_is_in_its_image(
    *,
    canaries: Sources,
    tmp_path: Path,
    engine: Engine,
    console: Console,
    screen: io.StringIO,
    base_image: ImageFacts,
    tag: str,
) -> None:
    made = context(tmp_path / "c", USES_EVERYTHING, base_image)
    build_with(canaries, made, tag, console, pip_wheel(tmp_path / "wheels"))
    found = dict(contents(engine, tag))
    assert any(b"opt/app/tiny.py" in data for data in found.values()), "the wheel was not installed"
    assert len(found) >= 4
    for name, needle in needles(canaries).items():
        assert [path for path, data in found.items() if needle in data] == [], f"the {name} is in the image"
        assert needle.decode() not in screen.getvalue(), f"the {name} was shown"


def test_the_search_for_secrets_would_find_one(
    *, canaries: Sources, tmp_path: Path, engine: Engine, console: Console, base_image: ImageFacts, tag: str
) -> None:
    leaking = context(tmp_path / "c", LEAKS, base_image)
    build_with(canaries, leaking, tag, console, pip_wheel(tmp_path / "wheels"))
    assert any(CANARY_PASSWORD.encode() in data for _, data in contents(engine, tag))


def test_a_password_in_an_index_is_not_in_the_error_of_a_build(
    canaries: Sources, tmp_path: Path, console: Console, base_image: ImageFacts, tag: str
) -> None:
    dockerfile = USES_EVERYTHING.replace("/opt/app tiny", "/opt/app tiny && cat /run/secrets/pip && false")
    made = context(tmp_path / "c", dockerfile, base_image)
    with pytest.raises(BuildError) as caught:
        build_with(canaries, made, tag, console, pip_wheel(tmp_path / "wheels"))
    said = "\n".join([caught.value.message, str(caught.value.hint), *caught.value.evidence])
    assert "index-url" in said
    assert CANARY_PASSWORD not in said


ASKS_APT = """\
FROM BASE
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \\
    --mount=type=tmpfs,target=/var/lib/apt/lists \\
    apt-get -o Acquire::Retries=0 update 2>&1 | tee /dev/stderr | grep -q 404
"""


def test_a_build_s_apt_goes_through_apt_s_own_proxy_which_leaves_no_trace(
    *,
    tmp_path: Path,
    gateway: str,
    engine: Engine,
    console: Console,
    screen: io.StringIO,
    base_image: ImageFacts,
    tag: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mirror's name means something to the proxy alone, and the proxy asks for a password."""
    for variable in buildx.PROXY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    mirror = AptSource(f"http://{CANARY_MIRROR}/debian", "bookworm", ("main",))
    with FakeIndex(tmp_path, host=gateway) as proxy:
        address = f"http://me:{CANARY_PROXY}@{gateway}:{proxy.port}"
        known = AptConfiguration((mirror,), "bookworm", proxies={"http_proxy": address})
        sources = Sources(PipConfiguration(index="https://index.example/simple"), known)
        build_with(sources, context(tmp_path / "c", ASKS_APT, base_image), tag, console, tmp_path)
    assert f"http://{CANARY_MIRROR}/debian/dists/bookworm/InRelease" in proxy.requests
    assert CANARY_PROXY not in screen.getvalue()
    assert not [path for path, data in contents(engine, tag) if CANARY_PROXY.encode() in data]


def test_a_build_s_apt_logs_in_as_auth_conf_says(
    *, tmp_path: Path, gateway: str, console: Console, base_image: ImageFacts, tag: str
) -> None:
    with FakeIndex(tmp_path, host=gateway, password="p@ss/w") as index:
        address = index.url.removesuffix("/simple")
        known = AptConfiguration(
            (AptSource(f"{address}/debian", "bookworm", ("main",)),),
            "bookworm",
            logins=(Login(address, "me", "p@ss/w"),),
        )
        sources = Sources(PipConfiguration(), known)
        build_with(sources, context(tmp_path / "c", ASKS_APT, base_image), tag, console, tmp_path)
