"""What garbage collection is about to remove. Written by the room `upkeep`."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base


class DoomedBlob(Base):
    """A blob that no row named when it was `marked_at`; it goes for good some days after that."""

    __tablename__ = "doomed_blob"

    key: Mapped[str] = mapped_column(String(500), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    marked_at: Mapped[datetime] = mapped_column(index=True)
