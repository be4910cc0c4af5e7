"""Typed functions become a graph, and the graph runs anywhere: the same bits every time, and no work done twice."""

from plait.core.ambient import Now, Scratch, Seed, auto
from plait.core.step import Step, step
from plait.errors import (
    ArtifactLost,
    CodeMismatch,
    FingerprintError,
    GraphError,
    NodeFailed,
    OpaqueCode,
    ParameterError,
    PlaitError,
    StaleStepWarning,
    StoreError,
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
    "UnnamedResult",
    "auto",
    "pipeline",
    "step",
]
