"""What this torch was built for."""

__version__ = "@VERSION@"
cuda: str | None = None
hip: str | None = "10.0.51200"
git_version = "0" * 40
