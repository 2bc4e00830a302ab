"""Large files as chunks: xorbs, terms, rights"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "xorb",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xorb")),
        sa.UniqueConstraint("hash", name=op.f("uq_xorb_hash")),
        sa.UniqueConstraint("sha256", name=op.f("uq_xorb_sha256")),
    )
    op.create_index(op.f("ix_xorb_idle_since"), "xorb", ["idle_since"])

    op.create_table(
        "xet_chunk",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("xorb_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["xorb_id"], ["xorb.id"], name=op.f("fk_xet_chunk_xorb_id_xorb"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", "xorb_id", name=op.f("pk_xet_chunk")),
    )
    op.create_index(op.f("ix_xet_chunk_xorb_id"), "xet_chunk", ["xorb_id"])

    op.create_table(
        "xet_file",
        sa.Column("object_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["large_object.id"],
            name=op.f("fk_xet_file_object_id_large_object"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_xet_file")),
        sa.UniqueConstraint("hash", name=op.f("uq_xet_file_hash")),
    )
    op.create_table(
        "xorb_right",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("xorb_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ranges", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["account.id"],
            name=op.f("fk_xorb_right_user_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["xorb_id"], ["xorb.id"], name=op.f("fk_xorb_right_xorb_id_xorb"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "xorb_id", name=op.f("pk_xorb_right")),
    )
    op.create_index(op.f("ix_xorb_right_expires_at"), "xorb_right", ["expires_at"])
    op.create_index(op.f("ix_xorb_right_xorb_id"), "xorb_right", ["xorb_id"])

    op.create_table(
        "xet_term",
        sa.Column("object_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("xorb_id", sa.Integer(), nullable=False),
        sa.Column("first_chunk", sa.Integer(), nullable=False),
        sa.Column("end_chunk", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["xet_file.object_id"],
            name=op.f("fk_xet_term_object_id_xet_file"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["xorb_id"], ["xorb.id"], name=op.f("fk_xet_term_xorb_id_xorb")),
        sa.PrimaryKeyConstraint("object_id", "position", name=op.f("pk_xet_term")),
    )
    op.create_index(op.f("ix_xet_term_xorb_id"), "xet_term", ["xorb_id"])


def downgrade() -> None:
    op.drop_table("xet_term")
    op.drop_table("xorb_right")
    op.drop_table("xet_file")
    op.drop_table("xet_chunk")
    op.drop_table("xorb")
