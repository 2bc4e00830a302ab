"""Large files by Git LFS: pointers, batches of transfers, locks. Knows no HTTP."""

from hub_server.lfs.pointers import LARGEST, Pointer, format_pointer, parse_pointer

__all__ = ["LARGEST", "Pointer", "format_pointer", "parse_pointer"]
