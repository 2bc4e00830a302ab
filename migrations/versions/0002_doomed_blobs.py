"""Blobs that are about to be removed, and links that were taken away on purpose"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "doomed_blob",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_doomed_blob")),
    )
    with op.batch_alter_table("doomed_blob", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_doomed_blob_marked_at"), ["marked_at"], unique=False)

    op.create_table(
        "removed_link",
        sa.Column("repo_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id"],
            ["repo.id"],
            name=op.f("fk_removed_link_repo_id_repo"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repo_id", "sha256", name=op.f("pk_removed_link")),
    )


def downgrade() -> None:
    op.drop_table("removed_link")
    with op.batch_alter_table("doomed_blob", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_doomed_blob_marked_at"))

    op.drop_table("doomed_blob")
