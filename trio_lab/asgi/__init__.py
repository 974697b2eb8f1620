"""Middleware for other people's ASGI apps, on Trio and on asyncio."""

from ..admission.classes import Share
from .admission import Admission
from .labels import LabelledApp, label_requests
from .policy import AdmissionPolicy

__all__ = ["Admission", "AdmissionPolicy", "LabelledApp", "Share", "label_requests"]
