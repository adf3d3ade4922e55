"""How news travels upwards without upward imports: two signals, sent inside the writing transaction.

`record_written(sender=model, record=...)` after a clinical record was added, corrected or retracted.
`features_ready(sender=model, patient_id=..., timepoint_id=...)` after measurements of a timepoint were stored.
Receivers only write rows of work to do; the transaction makes cause and work appear together.
"""

from django.dispatch import Signal

record_written = Signal()
features_ready = Signal()
