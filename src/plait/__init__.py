"""Typed functions become a graph, and the graph runs anywhere: the same bits every time, and no work done twice."""

from plait.accepting import accept, accepted, withdraw
from plait.by_call import pipeline
from plait.compiling import Compiled, Parity, parity
from plait.core.ambient import Now, Scratch, Seed, auto
from plait.core.failure import Failure
from plait.core.retrying import Retry
from plait.core.step import Step, step
from plait.core.verbs import attempt, each, switch
from plait.errors import (
    ArtifactLost,
    CodeMismatch,
    FingerprintError,
    GraphError,
    InputChanged,
    NodeFailed,
    OpaqueCode,
    ParameterError,
    ParityError,
    PastError,
    PlaitError,
    StaleStepWarning,
    StoreError,
    UndeclaredRead,
    UndeclaredWrite,
    UnnamedResult,
    WorkerDied,
)
from plait.files import Dir, File
from plait.pipeline import Pipeline
from plait.runtime.plan import Plan
from plait.runtime.run import Run
from plait.secret import Secret
from plait.swept import Sweep

__all__ = [
    "ArtifactLost",
    "CodeMismatch",
    "Compiled",
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
    "Parity",
    "ParityError",
    "PastError",
    "Pipeline",
    "PlaitError",
    "Plan",
    "Retry",
    "Run",
    "Scratch",
    "Secret",
    "Seed",
    "StaleStepWarning",
    "Step",
    "StoreError",
    "Sweep",
    "UndeclaredRead",
    "UndeclaredWrite",
    "UnnamedResult",
    "WorkerDied",
    "accept",
    "accepted",
    "attempt",
    "auto",
    "each",
    "parity",
    "pipeline",
    "step",
    "switch",
    "withdraw",
]
