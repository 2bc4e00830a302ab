"""Nothing is shown untranslated, nothing is translated that is not shown."""

import re

import pytest
from babel import Locale

from hub_server.errors import HubError, NotFound
from hub_server.web.templating import Templates
from hub_server.web.translation import LANGUAGES, NAMES, negotiate
from hub_server.web.views.page import THEMES
from tests.web import messages

OTHERS = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_has_a_translation_and_none_is_left_over(language: str) -> None:
    shown = messages.template_messages() | messages.code_messages()
    translated = messages.catalogue(language)
    assert sorted(shown - set(translated)) == []
    assert sorted(set(translated) - shown) == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_are_whole(language: str) -> None:
    for sentence, forms in messages.catalogue(language).items():
        assert all(form.strip() for form in forms), sentence
        for form in forms:
            assert messages.fields(form) == messages.fields(sentence), sentence


def test_french_uses_its_own_quotes_and_spaces() -> None:
    for sentence, forms in messages.catalogue("fr").items():
        for form in (re.sub(r"{\w+(!r)?}", "x", form) for form in forms):
            assert '"' not in form, sentence
            assert "'" not in form, sentence
            for sign in "?!;»":
                before = [form[i - 1] for i, c in enumerate(form) if c == sign and i]
                assert all(space in "\u00a0\u202f" for space in before), (sentence, form)


@pytest.mark.parametrize(
    ("asked", "cookie", "accept", "got"),
    [
        ("fr", "ko", "en", "fr"),
        (None, "ko", "fr", "ko"),
        (None, None, "de, fr-CA;q=0.8, en;q=0.5", "fr"),
        (None, None, "en;q=0.2, ko-KR", "ko"),
        (None, None, "de", "en"),
        ("xx", "../fr", "fr;q=0", "en"),
        (None, None, "fr;q=.., ;;;, *;q=1", "en"),
        (None, None, None, "en"),
    ],
)
def test_negotiation(asked: str | None, cookie: str | None, accept: str | None, got: str) -> None:
    assert negotiate(asked=asked, cookie=cookie, accept=accept, default="en") == got


def test_the_setting_decides_when_nobody_asks() -> None:
    assert negotiate(asked=None, cookie=None, accept="de", default="ko") == "ko"


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("en", 0, "0 files changed"),
        ("en", 1, "1 file changed"),
        ("en", 12000, "12,000 files changed"),
        ("fr", 0, "0 fichier modifié"),
        ("fr", 2, "2 fichiers modifiés"),
        ("fr", 12000, "12\u202f000 fichiers modifiés"),
        ("ko", 1, "파일 1개 변경"),
    ],
)
def test_plurals_by_the_catalogue(
    templates: Templates, language: str, count: int, said: str
) -> None:
    catalog = templates.catalogs[language]
    assert catalog.plural("{count} file changed", "{count} files changed", count) == said


def test_errors_are_translated_with_their_values(templates: Templates) -> None:
    error = NotFound("There is no user or organization {name}.", name="<ada>")
    french = templates.catalogs["fr"].error(error)
    assert french == "Il n’y a ni utilisateur ni organisation &lt;ada&gt;."
    assert templates.catalogs["en"].error(error) == "There is no user or organization <ada>."


def test_kinds_are_words_in_translated_errors(templates: Templates) -> None:
    error = HubError("There is no alias {name} for a {kind}.", name="gpt2", kind="dataset")
    assert "jeu de données" in templates.catalogs["fr"].error(error)


def test_an_unknown_error_is_said_in_english(templates: Templates) -> None:
    assert templates.catalogs["ko"].error(HubError("Never seen {x}.", x=1)) == "Never seen 1."


def test_languages_name_themselves() -> None:
    assert set(NAMES) == set(LANGUAGES)
    for language, name in NAMES.items():
        assert Locale(language).display_name.lower() == name.lower()
    assert next(iter(THEMES)) == "system"
