"""Large files as lists of chunks that other files may share. Written by the room `objects`."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, now


class Xorb(Base):
    """Compressed chunks in one blob, `xorb/<sha256>`; `hash` is the Merkle hash in text form.

    `index` is `chunks.XorbIndex.to_bytes()` of exactly these bytes. `idle_since` is set while no
    file is made of it; clients count on it for three weeks all the same.
    """

    __tablename__ = "xorb"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    chunks: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    idle_since: Mapped[datetime | None] = mapped_column(index=True)
    index: Mapped[bytes] = mapped_column(LargeBinary)


class XorbRight(Base):
    """Until then the user may build files on these chunks: they sent them, or were offered them.

    `ranges` is null for all of the xorb, else half-open spans of chunks as `0-5 9-12`.
    """

    __tablename__ = "xorb_right"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    xorb_id: Mapped[int] = mapped_column(
        ForeignKey("xorb.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ranges: Mapped[str | None] = mapped_column(Text)


class XetFile(Base):
    """A large object that is stored as chunks; `hash` is its file hash in text form."""

    __tablename__ = "xet_file"

    object_id: Mapped[int] = mapped_column(
        ForeignKey("large_object.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class XetTerm(Base):
    """A run of chunks of one xorb, at `offset` of the file; `length` in bytes of the file."""

    __tablename__ = "xet_term"

    object_id: Mapped[int] = mapped_column(
        ForeignKey("xet_file.object_id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    xorb_id: Mapped[int] = mapped_column(ForeignKey("xorb.id"), index=True)
    first_chunk: Mapped[int]
    end_chunk: Mapped[int]
    offset: Mapped[int] = mapped_column(BigInteger)
    length: Mapped[int] = mapped_column(BigInteger)


class XetChunk(Base):
    """A chunk that clients may ask for: where it is, `number` counted from 0."""

    __tablename__ = "xet_chunk"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    xorb_id: Mapped[int] = mapped_column(
        ForeignKey("xorb.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    number: Mapped[int]
