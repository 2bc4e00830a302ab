"""The index of the catalog; downloads and likes"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "catalog_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.String(length=24), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_clock")),
    )
    op.create_table(
        "name_word",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(length=100), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name_word")),
        sa.UniqueConstraint("word", name=op.f("uq_name_word_word")),
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_public", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
    )
    with op.batch_alter_table("tag") as batch:
        batch.create_index("ix_tag_type_n", ["type", "n"])
        batch.create_index("uq_tag_type_name", ["type", "name"], unique=True)

    op.create_table(
        "tag_bits",
        sa.Column("tag_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chunk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tag_id", "chunk", name=op.f("pk_tag_bits")),
    )
    with op.batch_alter_table("tag_bits") as batch:
        batch.create_index(batch.f("ix_tag_bits_version"), ["version"])

    op.create_table(
        "name_word_gap",
        sa.Column("gap", sa.String(length=100), nullable=False),
        sa.Column("word_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["word_id"],
            ["name_word.id"],
            name=op.f("fk_name_word_gap_word_id_name_word"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gap", "word_id", name=op.f("pk_name_word_gap")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("name_word_gap") as batch:
        batch.create_index(batch.f("ix_name_word_gap_word_id"), ["word_id"])

    op.create_table(
        "card_text",
        sa.Column("repo_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["repo.id"], name=op.f("fk_card_text_repo_id_repo"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", name=op.f("pk_card_text")),
    )
    op.create_table(
        "daily_downloads",
        sa.Column("repo_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id"],
            ["repo.id"],
            name=op.f("fk_daily_downloads_repo_id_repo"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repo_id", "day", name=op.f("pk_daily_downloads")),
    )
    with op.batch_alter_table("daily_downloads") as batch:
        batch.create_index("ix_daily_downloads_day", ["day"])

    op.create_table(
        "repo_like",
        sa.Column("repo_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["repo.id"], name=op.f("fk_repo_like_repo_id_repo"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["account.id"],
            name=op.f("fk_repo_like_user_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repo_id", "user_id", name=op.f("pk_repo_like")),
    )
    with op.batch_alter_table("repo_like") as batch:
        batch.create_index("ix_repo_like_user_id_created_at", ["user_id", "created_at"])

    op.create_table(
        "repo_tag",
        sa.Column("tag_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("repo_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["repo.id"], name=op.f("fk_repo_tag_repo_id_repo"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_repo_tag_tag_id_tag")),
        sa.PrimaryKeyConstraint("tag_id", "repo_id", name=op.f("pk_repo_tag")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("repo_tag") as batch:
        batch.create_index("ix_repo_tag_repo_id_tag_id", ["repo_id", "tag_id"])

    with op.batch_alter_table("repo") as batch:
        batch.add_column(
            sa.Column("downloads_all_time", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch.add_column(sa.Column("trending", sa.Double(), server_default="0", nullable=False))
        batch.add_column(
            sa.Column("parameters", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch.create_index("ix_repo_kind_created_at", ["kind", "created_at", "id"])
        batch.create_index("ix_repo_kind_downloads", ["kind", "downloads", "id"])
        batch.create_index("ix_repo_kind_likes", ["kind", "likes", "id"])
        batch.create_index("ix_repo_kind_parameters", ["kind", "parameters", "id"])
        batch.create_index("ix_repo_kind_trending", ["kind", "trending", "id"])


def downgrade() -> None:
    with op.batch_alter_table("repo") as batch:
        batch.drop_index("ix_repo_kind_trending")
        batch.drop_index("ix_repo_kind_parameters")
        batch.drop_index("ix_repo_kind_likes")
        batch.drop_index("ix_repo_kind_downloads")
        batch.drop_index("ix_repo_kind_created_at")
        batch.drop_column("parameters")
        batch.drop_column("trending")
        batch.drop_column("downloads_all_time")

    with op.batch_alter_table("repo_tag") as batch:
        batch.drop_index("ix_repo_tag_repo_id_tag_id")

    op.drop_table("repo_tag")
    with op.batch_alter_table("repo_like") as batch:
        batch.drop_index("ix_repo_like_user_id_created_at")

    op.drop_table("repo_like")
    with op.batch_alter_table("daily_downloads") as batch:
        batch.drop_index("ix_daily_downloads_day")

    op.drop_table("daily_downloads")
    op.drop_table("card_text")
    with op.batch_alter_table("name_word_gap") as batch:
        batch.drop_index(batch.f("ix_name_word_gap_word_id"))

    op.drop_table("name_word_gap")
    with op.batch_alter_table("tag_bits") as batch:
        batch.drop_index(batch.f("ix_tag_bits_version"))

    op.drop_table("tag_bits")
    with op.batch_alter_table("tag") as batch:
        batch.drop_index("uq_tag_type_name")
        batch.drop_index("ix_tag_type_n")

    op.drop_table("tag")
    op.drop_table("name_word")
    op.drop_table("catalog_clock")
