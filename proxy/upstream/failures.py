"""What can become of a connection.

Failure
├── GoneError     the server closed it, or broke it off
├── SilentError   it waited too long for the next byte
└── GarbledError  what came is no HTTP
"""


class Failure(Exception):  # noqa: N818 - its kinds are the errors
    pass


class GoneError(Failure):
    pass


class SilentError(Failure):
    pass


class GarbledError(Failure):
    pass
