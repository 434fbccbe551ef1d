"""A shopper's profile as tables."""

from google.protobuf.json_format import MessageToDict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.v1 import recommendation_pb2


def print_profile(profile: recommendation_pb2.Profile) -> None:
    """Print a profile on stdout: the summary, the segment, a table of interests and one of preferences."""
    console = Console()
    console.print(Text(profile.user_id), style="bold", soft_wrap=True)
    console.print(Text(profile.summary))
    if profile.HasField("segment"):
        console.print(Text(f"\nSegment: {profile.segment.name}"), style="bold")
        console.print(Text(profile.segment.description))
    interests = Table("interest", "share", "typical items", box=box.SIMPLE_HEAD)
    for interest in profile.interests:
        interests.add_row(Text(interest.label or "–"), f"{interest.share:.0%}", Text(", ".join(interest.item_ids)))
    preferences = Table("preference", "value", "share", "vs. all shoppers", box=box.SIMPLE_HEAD)
    for affinity in profile.affinities:
        value = Text(str(MessageToDict(affinity.value)))
        lift = f"{affinity.lift:.1f} x" if affinity.lift else "–"
        preferences.add_row(Text(affinity.field), value, f"{affinity.share:.0%}", lift)
    for table in (interests, preferences):
        if table.row_count:
            console.print(table)
