"""Refs, the list of packs, leases. Written by the room `gitstore`."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, now


class GitRef(Base):
    """`name` is bytes, because Git's ref names are. `peeled` is the commit of an annotated tag."""

    __tablename__ = "git_ref"

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[bytes] = mapped_column(LargeBinary(1024), primary_key=True)
    value: Mapped[str] = mapped_column(String(40))
    peeled: Mapped[str | None] = mapped_column(String(40))


class Pack(Base):
    """`uploading` before its bytes go to the store, `live`, then `retired` until collected."""

    __tablename__ = "pack"
    __table_args__ = (
        CheckConstraint("state in ('uploading', 'live', 'retired')", "state"),
        Index("ix_pack_repo_id_state", "repo_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    repo_id: Mapped[int] = mapped_column(ForeignKey("repo.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(80), unique=True)
    """Blob keys are `pack/<name>.pack` and `pack/<name>.idx`."""
    size: Mapped[int] = mapped_column(BigInteger)
    index_size: Mapped[int] = mapped_column(BigInteger)
    objects: Mapped[int] = mapped_column(BigInteger)
    pack_sha256: Mapped[str] = mapped_column(String(64))
    index_sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(9))
    created_at: Mapped[datetime] = mapped_column(default=now)
    retired_at: Mapped[datetime | None]


class PruneMark(Base):
    """Objects that nothing reached at `marked_at`: their raw ids in order, 20 bytes each."""

    __tablename__ = "prune_mark"

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True
    )
    marked_at: Mapped[datetime]
    ids: Mapped[bytes] = mapped_column(LargeBinary)


class RefLog(Base):
    __tablename__ = "ref_log"
    __table_args__ = (Index("ix_ref_log_repo_id_id", "repo_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    repo_id: Mapped[int] = mapped_column(ForeignKey("repo.id", ondelete="CASCADE"))
    name: Mapped[bytes] = mapped_column(LargeBinary(1024))
    old: Mapped[str | None] = mapped_column(String(40))
    new: Mapped[str | None] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Lease(Base):
    """Who may do a thing alone; `fence` grows with every holder and is checked when it ends."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    fence: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]
