"""What can go wrong while a request is answered. Each dialect gives these its own shape.

ApiError                an HTTP status and one line for the client
├── EngineUnreadyError  no engine answers, or it still loads: the client may try again (503)
└── EngineBrokenError   the engine answered something that cannot be used (502)
ClientGoneError              the client went away: nobody is there to answer
"""

from collections.abc import Mapping
from types import MappingProxyType

RETRY_AFTER_SECONDS = 2


class ApiError(Exception):
    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class EngineUnreadyError(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__(503, message, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


class EngineBrokenError(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__(502, message)


class ClientGoneError(Exception):
    pass
