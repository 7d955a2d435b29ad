"""What Prometheus reads at ``/metrics``, summed over all workers.

Several workers share their counts through files in the folder that ``PROMETHEUS_MULTIPROC_DIR``
names (`cxnlp.server.run` makes one); with one worker they are kept in memory.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cxnlp.types import Prediction

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts of requests and of what was predicted."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self.requests = Counter(
            "cxnlp_requests", "Requests answered", ("path", "status"), registry=own
        )
        self.seconds = Histogram(
            "cxnlp_request_seconds",
            "Time from the first byte of a request to the last of its answer",
            ("path",),
            buckets=_SECONDS,
            registry=own,
        )
        self.decisions = Counter(
            "cxnlp_messages", "Messages labelled, by decision", ("decision",), registry=own
        )
        self.causes = Counter("cxnlp_causes", "Causes given", ("cause",), registry=own)
        self.emotions = Counter("cxnlp_emotions", "Emotions given", ("emotion",), registry=own)
        self.errors = Counter(
            "cxnlp_message_errors", "Messages answered with an error record", registry=own
        )
        self.models = Counter(
            "cxnlp_model_loads", "Models loaded, or found broken", ("outcome",), registry=own
        )
        self.waiting = Gauge(
            "cxnlp_waiting_messages",
            "Messages that wait to be labelled",
            registry=own,
            multiprocess_mode="livesum",
        )
        source: Collector | CollectorRegistry = own
        self._registry = own
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            self._registry = CollectorRegistry()
            source = multiprocess.MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        self._share = _ReviewShare(source)
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, predictions: Iterable[Prediction]) -> None:
        """Count what was predicted."""
        decisions: Tally[str] = Tally()
        causes: Tally[str] = Tally()
        emotions: Tally[str] = Tally()
        for one in predictions:
            decisions[one.decision] += 1
            causes.update(one.causes)
            emotions[one.emotion] += 1
        for counter, tally in (
            (self.decisions, decisions),
            (self.causes, causes),
            (self.emotions, emotions),
        ):
            for label, n in tally.items():
                counter.labels(label).inc(n)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = path, status
        if key not in self._children:  # looking them up costs more than counting
            self._children[key] = (
                self.requests.labels(path, str(status)),
                self.seconds.labels(path),
            )
        requests, latency = self._children[key]
        requests.inc()
        latency.observe(seconds)

    def render(self) -> bytes:
        """Everything in Prometheus' text form."""
        share = CollectorRegistry()
        share.register(self._share)
        return generate_latest(self._registry) + generate_latest(share)


class _ReviewShare(Collector):
    """The share of labelled messages that a person should look at."""

    def __init__(self, source: Collector | CollectorRegistry) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Compute it from the counts of all workers."""
        decisions: Tally[str] = Tally()
        for metric in self._source.collect():
            for sample in metric.samples:
                if sample.name == "cxnlp_messages_total":
                    decisions[sample.labels["decision"]] += int(sample.value)
        total = sum(decisions.values())
        share = GaugeMetricFamily(
            "cxnlp_review_share", "Share of labelled messages that a person should look at"
        )
        share.add_metric([], decisions["review"] / total if total else 0.0)
        yield share
