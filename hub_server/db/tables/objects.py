"""Large files and who may use them. Written by the rooms `objects` and `lfs`."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, now


class LargeObject(Base):
    """Verified content, by its sha256. `idle_since` is set while nothing links to it."""

    __tablename__ = "large_object"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)
    idle_since: Mapped[datetime | None] = mapped_column(index=True)


class ObjectForm(Base):
    """One way in which the bytes are stored; `size` is what it takes in the store."""

    __tablename__ = "object_form"
    __table_args__ = (CheckConstraint("form in ('plain')", "form"),)

    object_id: Mapped[int] = mapped_column(
        ForeignKey("large_object.id", ondelete="CASCADE"), primary_key=True
    )
    form: Mapped[str] = mapped_column(String(8), primary_key=True)
    key: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)


class ObjectLink(Base):
    """The repository may use the object, and whoever reads the one may read the other."""

    __tablename__ = "object_link"

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True
    )
    object_id: Mapped[int] = mapped_column(
        ForeignKey("large_object.id"), primary_key=True, index=True
    )
    uploader_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)


class RemovedLink(Base):
    """The repository's owners took the object away: its pointers in old commits lead nowhere."""

    __tablename__ = "removed_link"

    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True
    )
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    removed_at: Mapped[datetime] = mapped_column(default=now)


class PendingLink(Base):
    """What a reader uploaded for a pull request: theirs alone until a commit names it."""

    __tablename__ = "pending_link"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    repo_id: Mapped[int] = mapped_column(
        ForeignKey("repo.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    object_id: Mapped[int] = mapped_column(
        ForeignKey("large_object.id"), primary_key=True, index=True
    )
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Upload(Base):
    """An upload in parts to `key`, which is unguessable; `direct` ones go past the hub.

    `open` while parts arrive, `verifying` under a lease, then `done`, or `failed` with words.
    """

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint("state in ('open', 'verifying', 'done', 'failed')", "state"),
        Index("ix_upload_repo_id_user_id_sha256", "repo_id", "user_id", "sha256"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    repo_id: Mapped[int] = mapped_column(ForeignKey("repo.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    pending: Mapped[bool] = mapped_column(server_default=text("false"))
    direct: Mapped[bool] = mapped_column(server_default=text("false"))
    key: Mapped[str] = mapped_column(String(200))
    store_upload_id: Mapped[str] = mapped_column(String(1024))
    part_size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(9), default="open")
    error: Mapped[str | None] = mapped_column(Text)
    lease_ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UploadPart(Base):
    """A part that came through the hub; `sha256` and `etag` are null while it is arriving."""

    __tablename__ = "upload_part"

    upload_id: Mapped[int] = mapped_column(
        ForeignKey("upload.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)
    etag: Mapped[str | None] = mapped_column(String(200))
    sha256: Mapped[str | None] = mapped_column(String(64))


class LfsLock(Base):
    """`path_key` is the sha256 of the path, as paths are longer than an index takes."""

    __tablename__ = "lfs_lock"
    __table_args__ = (Index("uq_lfs_lock_repo_id_path_key", "repo_id", "path_key", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    repo_id: Mapped[int] = mapped_column(ForeignKey("repo.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(Text)
    path_key: Mapped[str] = mapped_column(String(64))
    owner_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    locked_at: Mapped[datetime] = mapped_column(default=now)
