"""Tables to which rows are only ever added; the database itself refuses everything else."""

from __future__ import annotations

import pgtrigger
from django.db import models


class AppendOnly(models.Model):
    """Base of tables whose rows are never updated, deleted or truncated, by anyone, the owner included."""

    class Meta:
        abstract = True
        triggers = [
            pgtrigger.Protect(name="no_update_or_delete", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="no_truncate",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'gliomon: % is append-only, TRUNCATE is refused', TG_TABLE_NAME;",
            ),
        ]
