"""Messages have a channel; who is told what is remembered by the order of recording."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as table:
        table.add_column(sa.Column("channel", sa.String(), nullable=False, server_default=""))
        table.create_index("ix_outbox_incident", ["incident"])
    with op.batch_alter_table("notices") as table:
        table.add_column(sa.Column("told_changes", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("notices") as table:
        table.drop_column("told_changes")
    with op.batch_alter_table("outbox") as table:
        table.drop_index("ix_outbox_incident")
        table.drop_column("channel")
