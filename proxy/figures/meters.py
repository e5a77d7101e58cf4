"""The figures that operators see: what was asked, how long it took, what it cost.

Every label has a bounded number of values: routes of the table, statuses, keys of the file, and models that
exist, of which only the first so many get a name of their own. All is counted once, when a request has
ended."""

import platform
import time
from collections.abc import Mapping

from proxy import API_VERSION
from proxy.errors import ApiError, EngineBrokenError, EngineUnreadyError
from proxy.figures import process
from proxy.figures.exposition import Counter, Family, Histogram, gauge, written
from proxy.figures.tally import GONE, Tally

_NAMED_MODELS = 200
_OTHERS = "other"
_UNKNOWN = "unknown"
_NS = 1e-9

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_FIRST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Meters:
    def __init__(self) -> None:
        self._models: set[str] = set()
        self._in_progress = 0
        self._requests = Counter(
            Family(
                "gfxpack_requests_total",
                f"Requests that have ended. Status {GONE} is a client that went away.",
                ("route", "status", "model", "key"),
            )
        )
        self._seconds = Histogram(
            Family("gfxpack_request_seconds", "From a request's headers to its answer's end.", ("route",)),
            _SECONDS,
        )
        self._first_seconds = Histogram(
            Family(
                "gfxpack_first_token_seconds",
                "From a request's headers to the first of a streamed answer.",
                ("route", "model"),
            ),
            _FIRST_SECONDS,
        )
        self._prompt_tokens = Counter(
            Family("gfxpack_prompt_tokens_total", "Tokens of prompts.", ("model", "key"))
        )
        self._written_tokens = Counter(
            Family("gfxpack_written_tokens_total", "Tokens that models wrote.", ("model", "key"))
        )
        self._truncated = Counter(
            Family("gfxpack_truncated_prompts_total", "Prompts that were cut to fit.", ("model",))
        )
        self._engine_errors = Counter(
            Family(
                "gfxpack_engine_errors_total",
                "Engines that did not answer (unready), or whose answer could not be used (broken).",
                ("kind",),
            )
        )

    def begin(self) -> None:
        self._in_progress += 1

    def end(self, tally: Tally, route: str, key: str, *, infers: bool) -> None:
        self._in_progress -= 1
        model = self._label(tally.model) or (_UNKNOWN if infers else "")
        self._requests.add(1, route, str(tally.status or GONE), model, key)
        self._seconds.observe((time.perf_counter_ns() - tally.started_ns) * _NS, route)
        if infers and tally.first_ns:
            self._first_seconds.observe((tally.first_ns - tally.started_ns) * _NS, route, model)
        if tally.prompt_tokens:
            self._prompt_tokens.add(tally.prompt_tokens, model, key)
        if tally.written_tokens:
            self._written_tokens.add(tally.written_tokens, model, key)
        if tally.truncated:
            self._truncated.add(1, model)

    def failed(self, error: ApiError) -> None:
        """Counts what an engine is to blame for."""
        if isinstance(error, EngineUnreadyError):
            self._engine_errors.add(1, "unready")
        elif isinstance(error, EngineBrokenError):
            self._engine_errors.add(1, "broken")

    def exposition(self, answering: Mapping[str, bool]) -> str:
        """`answering`: of each server behind, whether it says what it serves."""
        up = Counter(
            Family("gfxpack_server_up", "Whether a server behind says what it serves.", ("server",)), "gauge"
        )
        for server, answers in answering.items():
            up.add(int(answers), server)
        info = {"api_version": API_VERSION, "python": platform.python_version()}
        return written(
            [
                self._requests,
                gauge("gfxpack_requests_in_progress", "Requests that have not ended.", self._in_progress),
                self._seconds,
                self._first_seconds,
                self._prompt_tokens,
                self._written_tokens,
                self._truncated,
                self._engine_errors,
                up,
                gauge("gfxpack_build_info", "What runs here.", 1, info),
                *process.metrics(),
            ]
        )

    def _label(self, model: str) -> str:
        if model in self._models or not model:
            return model
        if len(self._models) >= _NAMED_MODELS:
            return _OTHERS
        self._models.add(model)
        return model
