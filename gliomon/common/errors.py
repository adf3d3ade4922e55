"""Errors by what may be done about them: a person mends a `DomainError`, time mends a `RetriableError`.

This module is pure Python, so that `compute/` packages may raise these too.
"""

from __future__ import annotations


class GliomonError(Exception):
    """Base of all errors that gliomon raises on purpose.

    `code` is stable and machine readable; `message` is one sentence for a person and never holds a patient's name.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.code, self.message)


class DomainError(GliomonError):
    """The input or the request is wrong; trying again changes nothing."""


class RetriableError(GliomonError):
    """Something outside was not there or not ready; the same call may succeed later."""


class PermissionRefused(DomainError):
    """The caller may not do this (inside the caller's scope, but not with this role)."""


class NotFound(DomainError):
    """No such object within the caller's scope; the same answer whether it exists elsewhere or not."""


class Conflict(DomainError):
    """The object has changed since the caller read it, or the same fact exists already."""
