"""What a file of device code is for, by what is in it: an ELF header, or the table of a bundle."""

from struct import Struct

from pruner.errors import Malformed
from pruner.folders import mach
from pruner.formats import every_format
from pruner.view import View

_ELF = b"\x7fELF"
_HEADER = Struct("<4sBBBBB7xHHIQQQIHHHHHH")
_CLASS_64, _LITTLE_ENDIAN = 2, 1

_CUDA = 190
_CUDA_WITH_WIDE_NUMBERS = 8
"""EI_ABIVERSION of cubins that hold the chip's number in the second byte of e_flags."""


def labels(view: View) -> tuple[str, ...] | None:
    """The labels of the code in a file; None where it is in no form that is known here.

    Raises `Malformed` where it is, and what it says of itself cannot be true.
    """
    begin = view.read(0, min(view.size, 64))
    if begin.startswith(_ELF):
        return _elf_labels(view)
    form = next((form for form in every_format() if begin.startswith(form.magic)), None)
    if form is None:
        return None
    entries = form.read(view, 0, view.size).entries
    return tuple(entry.label for entry in entries if entry.size) or None


def _elf_labels(view: View) -> tuple[str, ...] | None:
    fields = view.unpack(_HEADER, 0)
    _, width, order, _, _, abi_version, _, machine, _, _, programs, sections, flags = fields[:13]
    if (width, order) != (_CLASS_64, _LITTLE_ENDIAN) or machine not in (mach.MACHINE, _CUDA):
        return None
    program_size, program_count, section_size, section_count = fields[14:18]
    end = max(programs + program_size * program_count, sections + section_size * section_count)
    if end > view.size:
        raise Malformed(f"truncated: its tables end at {end:#x}, past the file's {view.size:#x}")
    label = mach.label(flags, abi_version) if machine == mach.MACHINE else _cuda_label(flags, abi_version)
    return (label,) if label else None


def _cuda_label(flags: int, abi_version: int) -> str:
    """Variants are not told apart by the header: sm_90a says 90."""
    return f"sm_{flags >> 8 & 0xFF if abi_version >= _CUDA_WITH_WIDE_NUMBERS else flags & 0xFF}"
