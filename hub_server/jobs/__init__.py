"""Work that is done after the answer: a table as queue, one worker loop, handlers named in `app`."""

from hub_server.jobs.queue import Claim, LeaseLost, claim, complete, enqueue, fail, renew
from hub_server.jobs.worker import Handler, Periodic, Worker

__all__ = [
    "Claim",
    "Handler",
    "LeaseLost",
    "Periodic",
    "Worker",
    "claim",
    "complete",
    "enqueue",
    "fail",
    "renew",
]
