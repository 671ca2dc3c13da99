"""Since when a source is as it is, and how its last attempts went."""

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("source_health") as table:
        table.add_column(sa.Column("since", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("recent", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("source_health") as table:
        table.drop_column("recent")
        table.drop_column("since")
