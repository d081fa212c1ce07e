"""What is measured: one file a question, each with its loads, its contestants and its promises."""

from benchmarks.bench import Bench
from benchmarks.benches import (
    acceptance,
    cluster,
    desks,
    footprint,
    gate,
    history,
    latency,
    reading,
    replaying,
    rules,
    signing,
    spam,
    sustained,
)

ALL: tuple[Bench, ...] = (
    acceptance.OPEN,
    acceptance.NEW,
    acceptance.LARGE,
    sustained.SUSTAINED,
    latency.LONE,
    latency.CHALLENGE,
    latency.HALF_LOAD,
    reading.READ,
    rules.RULES,
    signing.SIGN,
    reading.EXPLAIN,
    reading.ASIDE,
    footprint.MEMORY,
    footprint.START,
    desks.DESKS,
    cluster.CLUSTER,
    history.HISTORY,
    history.HISTORY_POSTGRESQL,
    gate.GATE,
    spam.SPAM,
    replaying.REPLAY,
)
