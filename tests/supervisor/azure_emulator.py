"""Starts `rollgrid azure-emulator` as somebody does who tests with Azure's clients."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.supervisor.starting import Up


@dataclass
class AzureEmulator(Up):
    """One emulator. Without `state` its state is in a folder that ends with it."""

    state: Path | None = None

    def start(self) -> None:
        self.env_file = self.home.with_name(f"{self.home.name}.env")
        words = [sys.executable, "-m", "dashboard", "azure-emulator", "--env-file", str(self.env_file)]
        self.command = [*words, *(("--state", str(self.state)) if self.state else ()), *self.command[4:]]
        super().start()

    def settings(self) -> dict[str, str]:
        """Waits until it is ready, and reads the settings that it prints."""
        self.ready()
        return self.settings_in("".join(self._printed()))

    def _printed(self) -> Iterator[str]:
        assert self.process.stdout is not None
        yield from takewhile(lambda line: not line.startswith("# az login"), iter(self.process.stdout.readline, ""))

    @staticmethod
    def settings_in(text: str) -> dict[str, str]:
        words = (word for line in text.splitlines() for word in shlex.split(line, comments=True)[1:])
        return dict(word.split("=", 1) for word in words)
