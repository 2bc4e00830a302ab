"""Numbers, sizes and times in three languages."""

from datetime import UTC, datetime, timedelta

import pytest

from hub_server.web.formats import Formats
from hub_server.web.templating import Templates

NOW = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)


@pytest.fixture
def formats(templates: Templates) -> dict[str, Formats]:
    return {language: Formats(catalog) for language, catalog in templates.catalogs.items()}


@pytest.mark.parametrize(
    ("size", "en", "fr", "ko"),
    [
        (0, "0 B", "0\u202fo", "0B"),
        (829, "829 B", "829\u202fo", "829B"),
        (999, "999 B", "999\u202fo", "999B"),
        (4630, "4.63 kB", "4,63\u202fko", "4.63kB"),
        (999_600, "1 MB", "1\u202fMo", "1MB"),
        (433_292_294, "433 MB", "433\u202fMo", "433MB"),
        (1_270_000_000, "1.27 GB", "1,27\u202fGo", "1.27GB"),
    ],
)
def test_sizes_are_decimal(
    formats: dict[str, Formats], size: int, en: str, fr: str, ko: str
) -> None:
    assert [formats[code].size(size) for code in ("en", "fr", "ko")] == [en, fr, ko]


def test_numbers(formats: dict[str, Formats]) -> None:
    assert formats["fr"].number(12840) == "12\u202f840"
    assert formats["en"].compact(999) == "999"
    assert formats["en"].compact(12840) == "12.8K"
    assert formats["ko"].compact(12840) == "1.3만"
    assert {formats[code].parameters(107_726_601) for code in formats} == {"107.7M"}
    assert formats["en"].percent(0.913) == "91.3%"


@pytest.mark.parametrize(
    ("apart", "en"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=3), "3 minutes ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=-6), "in 6 days"),
        (timedelta(days=31), "20 October 2026"),
        (timedelta(days=-90), "18 February 2027"),
    ],
)
def test_times_are_relative_up_to_a_month(
    formats: dict[str, Formats], apart: timedelta, en: str
) -> None:
    assert formats["en"].ago(NOW - apart, NOW) == en


def test_days_and_moments(formats: dict[str, Formats]) -> None:
    assert [formats[code].day(NOW) for code in ("en", "fr", "ko")] == [
        "20 November 2026",
        "20 novembre 2026",
        "2026년 11월 20일",
    ]
    assert formats["en"].moment(NOW) == "20 November 2026 09:05 UTC"
    assert formats["fr"].ago(NOW - timedelta(days=3), NOW) == "il y a 3 jours"
    assert formats["ko"].ago(NOW, NOW) == "방금"


def test_names_of_languages(formats: dict[str, Formats]) -> None:
    assert formats["fr"].language_name("en") == "Anglais"
    assert formats["ko"].language_name("fr") == "프랑스어"
    assert formats["en"].language_name("zh-TW") in ("zh-TW", "Chinese (Taiwan)")
    assert formats["en"].language_name("code") == "code"
