"""The data manifest: the files of the text data, and the properties of their sources."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moderation.checksum import sha256_of
from moderation.errors import InputError

Split = Literal["train", "dev"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Entry):
    """One source of texts."""

    register_name: str = Field("unknown", alias="register")
    """The kind of writing, such as tweet or news. Training balances labels within a register."""
    groups: Literal["clusters", "tasks", "imitators"] = "clusters"
    """Meaning of the group of a row: texts that stay together; a task, which does not identify the author; an account,
    which may imitate others."""
    groups_of: str | None = None
    """Another source with the same groups."""


class DataManifest(_Entry):
    """The content of a data manifest."""

    files: dict[str, str]
    """SHA-256 of each file."""
    train: tuple[str, ...] = ("text_train.jsonl.zst",)
    dev: tuple[str, ...] = ("text_dev.jsonl.zst",)
    people: tuple[str, ...] = ()
    """Files with complete people for risk models: each person's posts together, in time order."""
    sources: dict[str, Source] = Field(default_factory=dict)
    other_licence_trained: frozenset[str] = frozenset()
    """Sources whose rows of the licence ``other`` are used in training, because their register has no other rows."""

    def source(self, name: str) -> Source:
        """Return the properties of a source; the defaults for one that is not listed."""
        return self.sources.get(name, Source())

    def permits_weights(self, source: str, licence: str) -> bool:
        """Return whether weights trained on the rows of *source* with *licence* may be published."""
        if "-nc" in licence.lower():
            return False
        return licence != "other" or source in self.other_licence_trained

    def checked(self, data_dir: Path, name: str) -> Path:
        """Return the path of the file *name*. Raises InputError unless its hash is that of the manifest."""
        path = data_dir / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise InputError(
                f"Cannot read {path}: {error.strerror}. Name the directory with the text data, or your own files with "
                "--data-manifest."
            ) from error
        expected = self.files.get(name)
        if found != expected:
            raise InputError(
                f"{path} has the SHA-256 {found[:12]}, the data manifest lists {str(expected)[:12]}: use the listed "
                "version of the data, or name your own with --data-manifest."
            )
        return path


def read_data_manifest(path: Path | None = None) -> DataManifest:
    """Return the manifest in the file *path*, by default that of the data of the shipped detector.

    Raises InputError for an invalid data manifest.
    """
    committed = resources.files(__package__).joinpath("data_manifest.json")
    try:
        return DataManifest.model_validate_json((path or committed).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read the data manifest {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a data manifest ({error}); see docs/guides/training.md.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(f"{part}." for part in first["loc"]).removesuffix(".")
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(f"{path} is not a data manifest ({reason}); see docs/guides/training.md.") from error
