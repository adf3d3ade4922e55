from analytics.models.alert import Alert, AlertAct, AlertActKind, Severity
from analytics.models.cohort import Cohort, CohortSubject
from analytics.models.demo import DemoVisitRun
from analytics.models.trajectory import Assessment, AssessmentRun

__all__ = [
    "Alert",
    "AlertAct",
    "AlertActKind",
    "Assessment",
    "AssessmentRun",
    "Cohort",
    "CohortSubject",
    "DemoVisitRun",
    "Severity",
]
