"""What is asked of a platform."""


class Platform:
    device_type = ""

    def is_unspecified(self) -> bool:
        return not self.device_type

    def is_rocm(self) -> bool:
        return False

    def is_cuda(self) -> bool:
        return False


class UnspecifiedPlatform(Platform):
    """No device was found."""
