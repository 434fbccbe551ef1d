"""Query classes that a snapshot answers by exact search, since its index does not reach the recall target for them."""

from engine.search.depth_planner import FILTERED, headroom
from engine.snapshot.manifest import Manifest


def describe_exact_classes(manifest: Manifest) -> list[str]:
    """Return a sentence for each query class that is answered exactly.

    Results are correct, but each query of such a class is compared with every item.
    """
    sentences = []
    required = headroom(manifest.recall_target)
    points = [point for point in manifest.operating_points if point.query_class != FILTERED]
    for name in dict.fromkeys(point.query_class for point in points):
        recalls = [point.recall for point in points if point.query_class == name and not point.point.exact]
        if recalls and max(recalls) < required:
            sentences.append(
                f"{name} queries are answered exactly: expected recall@10 of at least {required:.3f}, "
                f"the deepest search of the index reaches {max(recalls):.3f}"
            )
    return sentences
