"""The folder of an index: its generations, which of them answers, and how far NEWS was read.

``current`` names the generation that is complete. One that is being built is not named there, so whatever ends the
process meanwhile, the next start finds the old one, or begins anew.
"""

import json
import logging
import os
import shutil
from pathlib import Path

from services.desk.index.generation import Generation
from services.desk.index.index_schema import FORMAT
from shared.errors import WrongSetting

log = logging.getLogger(__name__)

_CURRENT, _POSITION, _PREFIX = "current", "position", "generation-"


class IndexFolder:
    """Opens and replaces generations; raises WrongSetting for a folder that cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WrongSetting(f"WIREROOM_DESK_FOLDER: {folder} cannot be made: {error.strerror}.") from None

    def open(self) -> tuple[Generation, bool]:
        """Return the generation that answers, and whether it is complete; one that is not has to be built."""
        name = self._current()
        if name and (opened := self._opened(self._folder / name)):
            self._forget_others(name)
            return opened, True
        (self._folder / _POSITION).unlink(missing_ok=True)
        self._forget_others(None)
        return self.create(), False

    def create(self) -> Generation:
        """Make an empty generation beside those that are there."""
        numbers = [int(path.name.removeprefix(_PREFIX)) for path in self._folder.glob(f"{_PREFIX}[0-9]*")]
        return Generation(self._folder / f"{_PREFIX}{max(numbers, default=0) + 1}")

    def install(self, generation: Generation) -> None:
        """Let a generation be the one that the next start opens, and delete the files of the others."""
        said = {"generation": generation.folder.name, "format": FORMAT}
        self._write(_CURRENT, json.dumps(said), durable=True)
        self._forget_others(generation.folder.name)

    @property
    def position(self) -> int:
        """The last sequence of NEWS that was committed, as far as it is known; 0 where it is not."""
        try:
            return int((self._folder / _POSITION).read_text())
        except (OSError, ValueError):
            return 0

    @position.setter
    def position(self, sequence: int) -> None:
        self._write(_POSITION, str(sequence), durable=False)

    def _current(self) -> str | None:
        try:
            said = json.loads((self._folder / _CURRENT).read_bytes())
        except (OSError, ValueError):
            return None
        if said.get("format") != FORMAT:
            log.warning("the index is of format %s, not %d; building it anew", said.get("format"), FORMAT)
            return None
        name = str(said.get("generation", ""))
        return name if name.startswith(_PREFIX) and (self._folder / name).is_dir() else None

    def _opened(self, folder: Path) -> Generation | None:
        try:
            return Generation(folder)
        except (ValueError, OSError) as error:  # what Tantivy raises for files that are damaged or of another format
            log.error("the index in %s cannot be opened, building it anew: %s", folder, error)  # noqa: TRY400 - told
            return None

    def _forget_others(self, name: str | None) -> None:
        for path in self._folder.glob(f"{_PREFIX}*"):
            if path.name != name:
                shutil.rmtree(path, ignore_errors=True)

    def _write(self, name: str, text: str, *, durable: bool) -> None:
        fresh = self._folder / f"{name}.new"
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        fresh.replace(self._folder / name)
        if durable:
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
