"""Times and sizes in words, with as many digits as tell something."""


def duration(seconds: float) -> str:
    """``0.4 s``, ``41 s``, ``41 min``, ``3.5 h``, ``120 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 5970:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:,.0f} h"


def size(count: float) -> str:
    """Bytes as ``0.3 MB``, ``42 MB``, ``3.1 GB``."""
    if count < 9.95e6:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e6:.0f} MB" if count < 9.995e8 else f"{count / 1e9:.1f} GB"
