"""The job table, which is the outbox, and facts about this installation."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, now


class Job(Base):
    """`ready` (from `run_at` on), `running` until `lease_ends_at` under `fence`, `failed` for good.

    A finished job's row is deleted in the transaction that finishes it. A `key`, where given, is
    held by one waiting job at most.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state in ('ready', 'running', 'failed')", "state"),
        Index("ix_job_state_run_at", "state", "run_at"),
        Index(
            "uq_job_kind_key",
            "kind",
            "key",
            unique=True,
            sqlite_where=text("state = 'ready' AND key IS NOT NULL"),
            postgresql_where=text("state = 'ready' AND key IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    key: Mapped[str | None] = mapped_column(String(200))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(8), default="ready")
    run_at: Mapped[datetime] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=12)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    lease_ends_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Fact(Base):
    """One value a name: the fingerprint of the secret key, when a clean-up last ran …"""

    __tablename__ = "fact"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
