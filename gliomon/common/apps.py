from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CommonConfig(AppConfig):
    name = "gliomon.common"
    label = "common"

    def ready(self) -> None:
        from gliomon.common.database_roles import grant_to_application

        post_migrate.connect(grant_to_application, dispatch_uid="gliomon.grants")
