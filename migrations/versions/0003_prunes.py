"""Objects that nothing reaches are marked, and later taken away"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "prune_mark",
        sa.Column("repo_id", sa.Integer(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["repo.id"], name=op.f("fk_prune_mark_repo_id_repo"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", name=op.f("pk_prune_mark")),
    )
    op.add_column("repo", sa.Column("prunes", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("repo", "prunes")
    op.drop_table("prune_mark")
