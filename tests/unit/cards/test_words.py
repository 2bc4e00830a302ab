"""Texts in any language are found by the words that people type."""

import time

import pytest

from hub_server.cards import query_words, read_card, words_of


def finds(query: str, text: str) -> bool:
    """As the databases compare: every word of the query is one of the text, or begins one."""
    there = words_of(text).split()
    return bool(query_words(query)) and all(
        any(found.startswith(word[:-1]) for found in there) if word.endswith("*") else word in there
        for word in query_words(query)
    )


FRENCH = "Modèle de reconnaissance d'entités nommées, entraîné sur l'Œuvre de Molière (été 2024)."
KOREAN = "이 모델은 한국어로 학습된 대화형 언어모델입니다."
CHINESE = "这是一个用于文本分类的大型语言模型，支持机器学习研究。"
JAPANESE = "このモデルは日本語の音声認識のために学習済みです。ｶﾀｶﾅとデータセット。"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("modele entraine", FRENCH),
        ("MODÈLE", FRENCH),
        ("entités nommées", FRENCH),
        ("l'été", FRENCH),
        ("qu’été d'Entités", FRENCH),
        ("model's", "the model of"),
        ("entite\u0301s", FRENCH),
        ("모델", KOREAN),
        ("한국어 모델", KOREAN),
        ("언어모델", KOREAN),
        ("학습", KOREAN),
        ("말", "말뭉치"),
        ("文本分类", CHINESE),
        ("语言模型", CHINESE),
        ("机器学习", CHINESE),
        ("型", CHINESE),
        ("究", CHINESE),
        ("音声認識", JAPANESE),
        ("日本語", JAPANESE),
        ("カタカナ", JAPANESE),
        ("データ", JAPANESE),
        ("学習済み", JAPANESE),
        ("strasse", "Straße"),
        ("Straße", "STRASSE"),
        ("istanbul", "İSTANBUL"),
        ("λογοσ", "ΛΌΓΟΣ"),
        ("ёлка", "Елка"),
        ("मॉडल", "यह हिन्दी मॉडल है"),
        ("ภาษา", "โมเดลภาษาไทย"),
        ("مدرسة", "مَدْرَسَة"),
        ("ABC123", "ＡＢＣ１２３"),
        ("wav2vec2", "facebook/wav2vec2-base"),
        ("from_pretrained", "```python\nAutoModel.from_pretrained('x')\n```"),
        ("1706.03762", "[paper](https://arxiv.org/abs/1706.03762)"),
        ("modele", "mod&egrave;le mod&#232;le"),
        ("soft", "so\u00adft"),
    ],
)
def test_found(query: str, text: str):
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("model", "models"),
        ("語学", JAPANESE),
        ("が", "か"),
        ("학교", KOREAN),
        ("center", "<p align='center'>text</p>"),
        ("width", '<img\nwidth="5" src="a.png">'),
        ("ivbor", "![](data:image/png;base64,iVBOR/w0KGgo=) text"),
        ("", "text"),
        ("\"*'%_\\()-:^+ \0\t\u202e", "text"),
    ],
)
def test_not_found(query: str, text: str):
    assert not finds(query, text)


def test_words_are_plain_text_between_blanks():
    text = "The *Quick*  brown-fox_2.0!\n\n# Über\tall"
    assert words_of(text) == "the quick brown fox 2 0 uber all"
    assert words_of("机器学习 AI模型") == "机器 器学 学习 习 ai 模型 型"
    assert words_of("a" * 60 + " " + "b" * 61) == "a" * 60
    assert words_of("") == words_of("---\n***\n\0") == ""


def test_the_body_of_a_card_is_what_is_read():
    card = read_card(b"---\ntags: [hidden]\n---\n# Shown\n")
    assert words_of(card.body) == "shown"


def test_there_is_an_end():
    assert len(words_of("word " * 100_000)) <= 60_000
    assert len(words_of("字" * 100_000)) <= 60_000
    assert words_of("word " * 100, limit=14) == "word word word"
    assert len(query_words(" ".join(f"w{n}" for n in range(1000)))) == 16
    assert query_words("x" * 10_000) == ()
    assert query_words("twice twice once") == ("twice", "once")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 560_000,
        "iVBOR/+9" * 75_000,
        "学习" * 280_000,
        "e\u0301\u0316" * 190_000,
        "a" + "\u0301\u0316" * 280_000,
        "\U0001d167\U0001d165" * 280_000,
        "\ufdfa" * 300_000,
        "<a" * 280_000,
        "<" + "a" * 560_000,
        "data:a/b;base64," * 35_000,
        "data:" + "a" * 560_000,
        "&" * 560_000,
        "&#" + "1" * 560_000,
        "_" * 560_000,
        "\ud800" * 100_000,
    ],
    ids=lambda text: ascii(text[:8]),
)
def test_large_cards_are_quick(text: str):
    began = time.process_time()
    words_of(text)
    assert time.process_time() - began < 2
