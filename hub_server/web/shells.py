"""Lines that point a client at this hub, as each shell and a notebook want them written.

Without the first line a client talks to the public Hub; without the second it sends large files by
a protocol that this hub does not speak.
"""

XET = "HF_HUB_DISABLE_XET"


def short(endpoint: str) -> str:
    """For all Unix shells, on one line."""
    return f"export HF_ENDPOINT={endpoint} {XET}=1"


def posix(endpoint: str, *more: str) -> str:
    return "\n".join((f"export HF_ENDPOINT={endpoint}", f"export {XET}=1", *more))


def powershell(endpoint: str, *more: str) -> str:
    return "\n".join((f'$env:HF_ENDPOINT = "{endpoint}"', f'$env:{XET} = "1"', *more))


def notebook(endpoint: str, token: str) -> str:
    lines = (
        "import os",
        "",
        f'os.environ["HF_ENDPOINT"] = "{endpoint}"',
        f'os.environ["{XET}"] = "1"',
        f'os.environ["HF_TOKEN"] = "{token}"',
    )
    return "\n".join(lines)
