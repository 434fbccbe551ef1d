"""Histograms that take a third of a microsecond per observation, in the form that prometheus_client exports.

prometheus_client's own take 0.9 µs per observation and 0.9 µs more to look up a label; a search makes seven.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry


class Histogram:
    """Counts of values in buckets. Thread-safe."""

    __slots__ = ("_bounds", "_counts", "_lock", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()

    def observe(self, value: float) -> None:
        """Count one value, in the unit of the bounds."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def read(self) -> tuple[list[int], float]:
        """Return the cumulative count at each bound, followed by the total count; and the sum of all values."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        for index in range(1, len(counts)):
            counts[index] += counts[index - 1]
        return counts, total


class Histograms(Collector):
    """Histograms of one metric, one for each combination of label values.

    Args:
        name: Name of the metric.
        documentation: Help text of the metric.
        labels: Names of the labels.
        bounds: Upper bounds of the buckets, in the unit of the observed values.
        registry: Where to register the metric.
        scale: Factor from observed to exported values.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        registry: CollectorRegistry,
        scale: float = 1.0,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._scale = scale
        self._children: dict[tuple[str, ...], Histogram] = {}
        self._lock = Lock()
        registry.register(self)

    def labels(self, *values: str) -> Histogram:
        """Return the histogram for these label values. Keep it: looking it up takes longer than observing."""
        child = self._children.get(values)
        if child is not None:
            return child
        if len(values) != len(self._labels):
            raise ValueError(f"expected {len(self._labels)} label values, got {len(values)}")
        with self._lock:
            return self._children.setdefault(values, Histogram(self._bounds))

    def describe(self) -> Iterable[Metric]:
        """Return the metric without values."""
        return [HistogramMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> Iterator[Metric]:
        """Yield the metric with all observations so far."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        names = [repr(float(f"{bound * self._scale:g}")) for bound in self._bounds] + ["+Inf"]
        with self._lock:
            children = list(self._children.items())
        for values, child in children:
            counts, total = child.read()
            family.add_metric(list(values), list(zip(names, counts, strict=True)), total * self._scale)
        yield family
