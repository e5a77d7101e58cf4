"""Asking whether a package index answers, before a build waits minutes to find out."""

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from builder.sources.urls import credential, without_credential

_SECONDS = 10.0
FAILURES = (OSError, ValueError, http.client.HTTPException)
"""What asking an index raises where that is not to be had."""

_REFUSALS = {401: "it asks for a user name and password", 403: "it refuses the request"}


def complaints(
    urls: Sequence[str],
    *,
    certificate: Path | None,
    trusted_hosts: Sequence[str] = (),
    proxy: str | None = None,
) -> Mapping[str, str]:
    """For each URL that does not serve us, why; all are asked at once."""
    if not urls:
        return {}
    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        answers = pool.map(lambda url: _complaint(url, certificate, trusted_hosts, proxy), urls)
        return {url: answer for url, answer in zip(urls, answers, strict=True) if answer}


def _complaint(url: str, certificate: Path | None, trusted_hosts: Sequence[str], proxy: str | None) -> str:
    """Why the index at `url` cannot be used, or ""."""
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            return "it is neither HTTP nor HTTPS"
        return _refusal(_status(url, certificate, trusted_hosts, proxy))
    except FAILURES as error:
        return why(error)


def why(error: Exception) -> str:
    """What one of FAILURES means."""
    if isinstance(error, urllib.error.HTTPError):
        return _refusal(error.code) or f"it answers with status {error.code}"
    if isinstance(error, urllib.error.URLError):
        return _cause(error.reason)
    if isinstance(error, OSError):
        return _cause(error)
    if isinstance(error, ValueError | http.client.InvalidURL):
        # What Python says of it may quote a part of a password.
        return "it is no valid URL"
    return "what answers there does not speak HTTP"


def _status(url: str, certificate: Path | None, trusted_hosts: Sequence[str], proxy: str | None) -> int:
    """Ask for one package, as the list of all is long; that it is not there is an answer too."""
    page = f"{url.rstrip('/')}/pip/"
    try:
        with opened(page, certificate=certificate, trusted_hosts=trusted_hosts, proxy=proxy) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def opened(
    url: str, *, certificate: Path | None, trusted_hosts: Sequence[str] = (), proxy: str | None = None
) -> http.client.HTTPResponse:
    """What lies at a URL; one of FAILURES where nothing does."""
    request = urllib.request.Request(without_credential(url))  # noqa: S310
    _authorise(request, url)
    opener = _opener(url, certificate, trusted_hosts, proxy)
    answer: http.client.HTTPResponse = opener.open(request, timeout=_SECONDS)
    return answer


def _refusal(status: int) -> str:
    return f"it answers with status {status}" if status >= 500 else _REFUSALS.get(status, "")


def _opener(
    url: str, certificate: Path | None, trusted_hosts: Sequence[str], proxy: str | None
) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=str(certificate) if certificate else None)
    parts = urlsplit(url)
    if {parts.hostname, f"{parts.hostname}:{parts.port}"} & set(trusted_hosts):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    proxies = {"http": proxy, "https": proxy} if proxy else None
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler(proxies)
    )


def _authorise(request: urllib.request.Request, url: str) -> None:
    found = credential(url)
    if found is not None:
        token = base64.b64encode(":".join(found).encode()).decode()
        request.add_header("Authorization", f"Basic {token}")


def _cause(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return f"no answer within {_SECONDS:.0f} s"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason)
