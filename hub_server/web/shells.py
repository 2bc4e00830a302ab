"""Lines that point a client at this hub, as each shell and a notebook want them written.

Without the first line a client talks to the public Hub.
"""


def short(endpoint: str) -> str:
    """For all Unix shells, on one line."""
    return f"export HF_ENDPOINT={endpoint}"


def posix(endpoint: str, *more: str) -> str:
    return "\n".join((f"export HF_ENDPOINT={endpoint}", *more))


def powershell(endpoint: str, *more: str) -> str:
    return "\n".join((f'$env:HF_ENDPOINT = "{endpoint}"', *more))


def notebook(endpoint: str, token: str) -> str:
    lines = (
        "import os",
        "",
        f'os.environ["HF_ENDPOINT"] = "{endpoint}"',
        f'os.environ["HF_TOKEN"] = "{token}"',
    )
    return "\n".join(lines)
