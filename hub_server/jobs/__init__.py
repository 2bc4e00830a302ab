"""Work done after the answer: a table as queue and one worker loop; `app` names handlers."""

from hub_server.jobs.queue import Claim, LeaseLost, claim, complete, enqueue, fail, renew
from hub_server.jobs.worker import Finish, Handler, Periodic, Worker

__all__ = [
    "Claim",
    "Finish",
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
