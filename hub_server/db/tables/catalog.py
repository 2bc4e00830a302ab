"""The index of repositories: typed tags, the sets of who has them, texts. Written by `catalog`.

Everything here follows from repositories and their cards; `hub-server reindex` makes it anew. What
finds names and words by their letters is not among these tables: see `db.findable`.
"""

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base


class TagRow(Base):
    """`n` repositories have this tag, `n_public` of them are public; neither counts deleted ones.

    `type` is one of `cards.Tag`, or a word of the catalog's own that is never shown (see
    `catalog.sets`). A row stays when nobody has the tag any more.
    """

    __tablename__ = "tag"
    __table_args__ = (
        Index("uq_tag_type_name", "type", "name", unique=True),
        Index("ix_tag_type_n", "type", "n"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(String(24))
    name: Mapped[str] = mapped_column(String(300))
    n: Mapped[int] = mapped_column(default=0)
    n_public: Mapped[int] = mapped_column(default=0)


class RepoTag(Base):
    """A tag of a repository that is not deleted."""

    __tablename__ = "repo_tag"
    __table_args__ = (
        Index("ix_repo_tag_repo_id_tag_id", "repo_id", "tag_id"),
        {"sqlite_with_rowid": False},
    )

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, autoincrement=False)
    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class TagBits(Base):
    """The ids of the `n` repositories with a tag, as a serialized Roaring bitmap.

    `chunk` is -1 for a tag with few repositories, else `id >> 16` of the ids that this row holds.
    Rows are emptied, never deleted: readers ask for rows newer than what they hold. `version` is
    that of `CatalogClock` when the row was written.
    """

    __tablename__ = "tag_bits"

    tag_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chunk: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger, index=True)
    n: Mapped[int]
    bits: Mapped[bytes] = mapped_column(LargeBinary)


class CatalogClock(Base):
    """One row: `version` grows with every change of `tag_bits`, and holding it keeps writers in
    line; another `epoch` tells readers that what they hold is worth nothing."""

    __tablename__ = "catalog_clock"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(BigInteger)


class CardText(Base):
    """What a repository is found by: a line with the words of its name, which a trigger keeps, and
    one with those of its card, cut by `cards.words_of`."""

    __tablename__ = "card_text"

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    words: Mapped[str] = mapped_column(Text)


class NameWord(Base):
    """A word of `n` names of public repositories."""

    __tablename__ = "name_word"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(100), unique=True)
    n: Mapped[int] = mapped_column(default=0)


class NameWordGap(Base):
    """A word of names with one letter left out, which leads from misspelt words to that word."""

    __tablename__ = "name_word_gap"
    __table_args__ = ({"sqlite_with_rowid": False},)

    gap: Mapped[str] = mapped_column(String(100), primary_key=True)
    word_id: Mapped[int] = mapped_column(
        ForeignKey("name_word.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    )
