"""Repositories and the names that lead to them. Written by the rooms `repos` and `catalog`."""

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, new_public_id, now

Kind = Literal["model", "dataset", "space"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Repo(Base):
    """`full_name` is stored whole (`namespace/name`), because every request asks for it.

    A deleted repository keeps its row until it is purged, and frees its name at once. `head` is the
    commit of the default branch. The catalog's columns (`card_data` and below) are derived.
    """

    __tablename__ = "repo"
    __table_args__ = (
        CheckConstraint("kind in ('model', 'dataset', 'space')", "kind"),
        Index(
            "uq_repo_kind_name_key",
            "kind",
            "name_key",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_repo_kind_updated_at", "kind", "updated_at", "id"),
        Index("ix_repo_kind_created_at", "kind", "created_at", "id"),
        Index("ix_repo_kind_trending", "kind", "trending", "id"),
        Index("ix_repo_kind_downloads", "kind", "downloads", "id"),
        Index("ix_repo_kind_likes", "kind", "likes", "id"),
        Index("ix_repo_kind_parameters", "kind", "parameters", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True, default=new_public_id)
    kind: Mapped[Kind] = mapped_column(String(8))
    namespace_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    full_name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(200))
    private: Mapped[bool] = mapped_column(default=False)
    gated: Mapped[str | None] = mapped_column(String(8))
    disabled: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    discussions_disabled: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    default_branch: Mapped[str] = mapped_column(String(255), default="main")
    head: Mapped[str | None] = mapped_column(String(40))
    created_by: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]
    downloads: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """In the last 30 days."""
    downloads_all_time: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    likes: Mapped[int] = mapped_column(default=0, server_default="0")
    trending: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    used_storage: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    prunes: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often objects were taken away: what was seen before may be gone by the next number."""
    card_data: Mapped[dict[str, Any] | None]
    tags: Mapped[list[Any]] = mapped_column(default=list)
    pipeline_tag: Mapped[str | None] = mapped_column(String(100))
    library_name: Mapped[str | None] = mapped_column(String(100))
    parameters: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Of a model, as the headers of its weights tell; 0 where nothing does."""
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The rest of the index record: config, widgetData, transformersInfo, sdk, title, emoji …"""

    @property
    def namespace(self) -> str:
        return self.full_name.split("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.split("/")[1]


class RepoRedirect(Base):
    """A name a repository had before; it leads there until a new repository takes the name."""

    __tablename__ = "repo_redirect"

    kind: Mapped[Kind] = mapped_column(String(8), primary_key=True)
    name_key: Mapped[str] = mapped_column(String(200), primary_key=True)
    repo_id: Mapped[int] = mapped_column(ForeignKey("repo.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Alias(Base):
    """A one-segment name (`gpt2`) and the repository it stands for (`openai-community/gpt2`)."""

    __tablename__ = "alias"

    kind: Mapped[Kind] = mapped_column(String(8), primary_key=True)
    name_key: Mapped[str] = mapped_column(String(96), primary_key=True)
    target: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
