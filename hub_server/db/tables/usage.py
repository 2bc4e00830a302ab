"""Downloads and likes. Written by the room `usage`."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, now


class DailyDownloads(Base):
    """How often a repository was downloaded on a day (UTC), by the rules of `usage.counting`."""

    __tablename__ = "daily_downloads"
    __table_args__ = (Index("ix_daily_downloads_day", "day"),)

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    downloads: Mapped[int]


class RecentDownload(Base):
    """A client that downloaded from a repository: nothing of it counts again until `window_ends`
    (seconds since 1970).

    `client` is a keyed hash of both, from which neither can be told; rows go when they are over.
    """

    __tablename__ = "recent_download"

    client: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    window_ends: Mapped[int] = mapped_column(BigInteger, index=True)


class Like(Base):
    """A user likes a repository."""

    __tablename__ = "repo_like"
    __table_args__ = (Index("ix_repo_like_user_id_created_at", "user_id", "created_at"),)

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
