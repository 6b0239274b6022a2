"""What a ``.gguf`` file says about itself before its weights are read."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from moderation.errors import InputError, SettingsError

_MAGIC = b"GGUF"
_NEEDED = ("gguf", "accelerate")


def family_in_gguf(file: Path) -> str:
    """Return the family in *file* as transformers names it. Raises InputError for another file, SettingsError
    when a package that reads it is missing."""
    try:
        with file.open("rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise InputError(f"{file} is no GGUF file: it does not begin with {_MAGIC.decode()}. Download it again.")
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"Reading a .gguf file needs {' and '.join(missing)}: pip install 'moderation-sidecar[export]'."
        )
    from gguf import GGUFReader

    try:
        field = GGUFReader(file).get_field("general.architecture")
        return str(field.contents()) if field is not None else "unnamed"
    except Exception as error:  # the reader checks little, so a damaged file ends in errors of many kinds
        raise InputError(f"{file} is a damaged GGUF file ({type(error).__name__}); download it again.") from error
