"""The volume that the engines load their models from: filled from a tar archive, to the end or not at all."""

from pathlib import Path

from builder.engine import Engine
from builder.engine.volumes import empty_volume, open_volume
from builder.targets.naming import MODELS_VOLUME

_MARK = ".gfxpack-inputs"


class ModelsVolume:
    """`helper_image` is any image that is here; files reach the volume through a container of it."""

    name = MODELS_VOLUME

    def __init__(self, engine: Engine, *, helper_image: str) -> None:
        self._engine = engine
        self._helper_image = helper_image

    def holds(self, inputs: str) -> bool:
        """Whether the volume was filled, to the end, from these inputs."""
        if not self._engine.has_volume(self.name) or self._engine.image(self._helper_image) is None:
            return False
        with open_volume(self._engine, self.name, self._helper_image) as volume:
            return volume.read(_MARK) == inputs.encode()

    def fill(self, archive: Path, inputs: str) -> None:
        """Put the archive's files in the place of what was there. The mark goes with the old files and comes
        last with the new ones: it speaks of whole volumes."""
        if self._engine.has_volume(self.name):
            empty_volume(self._engine, self.name, self._helper_image)
        else:
            self._engine.create_volume(self.name)
        with open_volume(self._engine, self.name, self._helper_image) as volume:
            with archive.open("rb") as stream:
                volume.unpack(stream)
            volume.write(_MARK, inputs.encode())
