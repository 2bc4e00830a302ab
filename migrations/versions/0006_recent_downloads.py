"""Who downloaded what a moment ago, so that it counts once"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "recent_download",
        sa.Column("client", sa.LargeBinary(length=16), nullable=False),
        sa.Column("window_ends", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", name=op.f("pk_recent_download")),
    )
    with op.batch_alter_table("recent_download") as batch:
        batch.create_index(batch.f("ix_recent_download_window_ends"), ["window_ends"])


def downgrade() -> None:
    with op.batch_alter_table("recent_download") as batch:
        batch.drop_index(batch.f("ix_recent_download_window_ends"))

    op.drop_table("recent_download")
