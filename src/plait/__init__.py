"""Typed functions become a graph, and the graph runs anywhere: the same bits every time, and no work done twice."""

from plait.accepting import accept, accepted, withdraw
from plait.core.ambient import Now, Scratch, Seed, auto
from plait.core.step import Step, step
from plait.errors import (
    ArtifactLost,
    CodeMismatch,
    FingerprintError,
    GraphError,
    InputChanged,
    NodeFailed,
    OpaqueCode,
    ParameterError,
    PlaitError,
    StaleStepWarning,
    StoreError,
    UndeclaredRead,
    UnnamedResult,
)
from plait.files import Dir, File
from plait.pipeline import Pipeline, pipeline
from plait.runtime.plan import Plan
from plait.runtime.run import Failure, Run

__all__ = [
    "ArtifactLost",
    "CodeMismatch",
    "Dir",
    "Failure",
    "File",
    "FingerprintError",
    "GraphError",
    "InputChanged",
    "NodeFailed",
    "Now",
    "OpaqueCode",
    "ParameterError",
    "Pipeline",
    "PlaitError",
    "Plan",
    "Run",
    "Scratch",
    "Seed",
    "StaleStepWarning",
    "Step",
    "StoreError",
    "UndeclaredRead",
    "UnnamedResult",
    "accept",
    "accepted",
    "auto",
    "pipeline",
    "step",
    "withdraw",
]
