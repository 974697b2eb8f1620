"""The public names, for type checkers: the same as `_PUBLIC` in `__init__.py`."""

from .admission.by_patience import ByPatience as ByPatience
from .admission.disciplines import AdaptiveLifo as AdaptiveLifo
from .admission.disciplines import ByPriority as ByPriority
from .admission.disciplines import CoDel as CoDel
from .admission.disciplines import Discipline as Discipline
from .admission.disciplines import FairShare as FairShare
from .admission.disciplines import Fifo as Fifo
from .admission.disciplines import Lifo as Lifo
from .admission.gate import Place as Place
from .admission.on_trio import Bulkhead as Bulkhead
from .errors import BrokenWorkerError as BrokenWorkerError
from .errors import JobError as JobError
from .errors import Overloaded as Overloaded
from .errors import QueueFull as QueueFull
from .errors import QueueTimeout as QueueTimeout
from .errors import RestartLimitReached as RestartLimitReached
from .errors import RunTimeout as RunTimeout
from .errors import Shed as Shed
from .live.open_live import open_live as open_live
from .loop.loop_time import LoopStatistics as LoopStatistics
from .loop.loop_time import PassWindow as PassWindow
from .loop.observe import observe as observe
from .loop.passes import PassMonitor as PassMonitor
from .loop.passes import open_pass_monitor as open_pass_monitor
from .loop.stalls import Stall as Stall
from .loop.stalls import StallGroup as StallGroup
from .loop.watch import Watch as Watch
from .loop.watch import WatchStatistics as WatchStatistics
from .loop.working_on import WORKING_ON as WORKING_ON
from .measure.outward import Outward as Outward
from .measure.outward import outward as outward
from .pools.limits import PoolLimits as PoolLimits
from .pools.native import NativePool as NativePool
from .pools.native import open_native_pool as open_native_pool
from .pools.restart import RestartPolicy as RestartPolicy
from .pools.workers import WorkerPool as WorkerPool
from .pools.workers import open_worker_pool as open_worker_pool
from .records.queue import Queue as Queue
from .records.queue import QueueStatistics as QueueStatistics
from .records.summary import Summary as Summary
from .slices import chunked as chunked
from .slices import time_sliced as time_sliced

__version__: str
