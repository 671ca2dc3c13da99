"""Each IP's day at Microsoft SNDS, whole, and how far an account has been read."""

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snds_activity",
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("activity_start", UtcDateTime(), nullable=False),
        sa.Column("activity_end", UtcDateTime(), nullable=False),
        sa.Column("activity_text", sa.Text(), nullable=False),
        sa.Column("rcpt_commands", sa.Integer(), nullable=True),
        sa.Column("data_commands", sa.Integer(), nullable=True),
        sa.Column("message_recipients", sa.Integer(), nullable=True),
        sa.Column("filter_result", sa.String(), nullable=True),
        sa.Column("complaint_rate", sa.Float(), nullable=True),
        sa.Column("complaint_operator", sa.String(), nullable=False),
        sa.Column("trap_hits", sa.Integer(), nullable=True),
        sa.Column("trap_text", sa.Text(), nullable=True),
        sa.Column("sample_helo", sa.Text(), nullable=True),
        sa.Column("sample_mail_from", sa.Text(), nullable=True),
        sa.Column("comments", sa.Text(), nullable=True),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("ip", "day", "account"),
    )
    op.create_index("ix_snds_activity_day", "snds_activity", ["day"])
    op.create_table(
        "snds_accounts",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("read_through", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )


def downgrade() -> None:
    op.drop_table("snds_accounts")
    op.drop_table("snds_activity")
