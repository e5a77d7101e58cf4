"""The driver on the host: from a line of targets.yaml to images, a bundle and a running stack."""

__version__ = "0.1.0"
