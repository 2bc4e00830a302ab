"""Validation of the configuration that a Space keeps in its README."""

import re

from hub_server.cards import vocabulary
from hub_server.cards.checking import Examination
from hub_server.cards.problems import brief

MAX_DESCRIPTION = 60
MAX_PORT = 65535
MAX_OAUTH_MINUTES = 43200
_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_ONE = rf"{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
_EMOJI = re.compile(
    rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:\u200d{_ONE})*)"
)
_PYTHON = re.compile(r"3(?:\.\d{1,2}){1,2}")
_DURATION = re.compile(r"\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|sec|min|hr|seconds?|minutes?|hours?|days?)?")
_HEADERS = tuple(f"cross-origin-{name}-policy" for name in ("embedder", "opener", "resource"))


def is_emoji(value: object) -> bool:
    """Exactly one emoji, as people see it (flags, families and skin tones are one)."""
    return isinstance(value, str) and _EMOJI.fullmatch(value.strip()) is not None


def _one_of(seen: Examination, key: str, known: tuple[str, ...]) -> None:
    value = seen.get(key)
    if value is not None and value not in known:
        seen.error((key,), '"{path}" must be one of [{known}]', known=", ".join(known))


def _sdk(seen: Examination) -> None:
    if seen.get("sdk") is None:
        seen.error(("sdk",), '"sdk" is required')
    _one_of(seen, "sdk", tuple(vocabulary.space_sdks()))


def _looks(seen: Examination) -> None:
    emoji = seen.get("emoji")
    if emoji is not None and not is_emoji(emoji):
        seen.error(("emoji",), '"emoji" must be exactly one emoji, not {value}', value=brief(emoji))
    for key in ("colorFrom", "colorTo"):
        _one_of(seen, key, vocabulary.space_colors())
    _one_of(seen, "header", ("mini", "default"))
    text = seen.get("short_description")
    if text is not None and (not isinstance(text, str) or len(text) > MAX_DESCRIPTION):
        seen.error(
            ("short_description",),
            '"short_description" must be a text of at most {limit} characters',
            limit=MAX_DESCRIPTION,
        )


def _application(seen: Examination) -> None:
    port = seen.get("app_port")
    if port is not None and (
        isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= MAX_PORT
    ):
        seen.error(("app_port",), '"app_port" must be a number from 1 to {limit}', limit=MAX_PORT)
    base = seen.get("base_path")
    if base is not None and not str(base).startswith("/"):
        seen.error(("base_path",), '"base_path" must start with "/"')
    python = seen.get("python_version")
    if python is not None and not _PYTHON.fullmatch(str(python)):
        seen.error(("python_version",), '"python_version" must be 3.x or 3.x.y')
    timeout = seen.get("startup_duration_timeout")
    if timeout is not None and not _DURATION.fullmatch(str(timeout).strip()):
        seen.error(
            ("startup_duration_timeout",),
            '"startup_duration_timeout" must be a duration such as 30m or 1h',
        )


def _sign_in(seen: Examination) -> None:
    minutes = seen.get("hf_oauth_expiration_minutes")
    if minutes is not None and (
        isinstance(minutes, bool)
        or not isinstance(minutes, int)
        or not 1 <= minutes <= MAX_OAUTH_MINUTES
    ):
        seen.error(
            ("hf_oauth_expiration_minutes",),
            '"hf_oauth_expiration_minutes" must be a number from 1 to {limit}',
            limit=MAX_OAUTH_MINUTES,
        )


def _headers(seen: Examination) -> None:
    headers = seen.get("custom_headers")
    if headers is None:
        return
    if not isinstance(headers, dict):
        seen.error(("custom_headers",), '"custom_headers" must be a map')
        return
    for name, value in headers.items():
        path = ("custom_headers", name)
        if name not in _HEADERS:
            seen.error(
                path,
                '"custom_headers" may only have [{known}], in lower case',
                known=", ".join(_HEADERS),
            )
        elif not isinstance(value, str) or value != value.lower():
            seen.error(path, '"custom_headers.{name}" must be a lower-case string', name=name)


RULES = (_sdk, _looks, _application, _sign_in, _headers)
