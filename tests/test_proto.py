"""The contract: its stubs are what protoc makes of it, it is documented, linted, and breaks no earlier one."""

import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import protovalidate
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from engine.v1 import catalog_pb2, embedding_pb2, query_pb2, recommendation_pb2, search_pb2
from tools.protos import ROOT, image, stale

PLAIN_WORDS = re.compile(r"\b(zero|empty|unset|unspecified|false|never|always|exactly one|refused)\b", re.IGNORECASE)
MESSAGE_TYPE, NESTED_TYPE, FIELD = 4, 3, 2


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The descriptors of proto/ and all it imports, with their comments."""
    path = tmp_path_factory.mktemp("proto") / "contract.binpb"
    image(path)
    return path


def buf(*arguments: str | Path) -> None:
    """Run buf and fail with what it says."""
    command = [str(Path(sys.executable).with_name("buf")), *map(str, arguments), "--config", str(ROOT / "buf.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def git(*arguments: str) -> bytes:
    """Return what git prints, or skip where there is no history to ask."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no history: {done.stderr.decode().strip()}")
    return done.stdout


def test_the_committed_stubs_are_what_protoc_makes() -> None:
    assert stale() == []


def test_the_contract_is_free_of_lint(contract: Path) -> None:
    """STANDARD and COMMENTS, with no exception: every service, rpc, message, field, enum and value is commented."""
    buf("lint", contract)


def test_the_contract_breaks_no_client_of_the_last_commit(contract: Path, tmp_path: Path) -> None:
    """FILE: what was generated from the committed files still compiles and still reads the same bytes."""
    names = git("ls-tree", "-r", "--name-only", "HEAD", "proto/").decode().split()
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(git("show", f"HEAD:{name}"))
    if not names:
        pytest.skip("the last commit has no contract")
    image(tmp_path / "before.binpb", tmp_path / "proto")
    buf("breaking", contract, "--against", tmp_path / "before.binpb")


def test_breaking_changes_are_seen(contract: Path, tmp_path: Path) -> None:
    """The check above is not blind: a field of another type fails it."""
    broken = tmp_path / "proto"
    shutil.copytree(ROOT / "proto", broken)
    file = broken / "engine/v1/plan.proto"
    file.write_text(file.read_text().replace("int32 nprobe = 2", "int64 nprobe = 2"))
    image(tmp_path / "broken.binpb", broken)
    with pytest.raises(AssertionError, match=r'Field "2" with name "nprobe" on message "Plan" changed type'):
        buf("breaking", tmp_path / "broken.binpb", "--against", contract)


def comments_of_fields(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Yield every field's full name and its leading comment."""
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}

    def walk(message: DescriptorProto, name: str, path: tuple[int, ...]) -> Iterator[tuple[str, str]]:
        for number, field in enumerate(message.field):
            yield f"{name}.{field.name}", comments.get((*path, FIELD, number), "")
        for number, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                yield from walk(nested, f"{name}.{nested.name}", (*path, NESTED_TYPE, number))

    for number, message in enumerate(file.message_type):
        yield from walk(message, message.name, (MESSAGE_TYPE, number))


def test_every_field_says_what_zero_or_empty_means(contract: Path) -> None:
    files = FileDescriptorSet.FromString(contract.read_bytes()).file
    comments = dict(pair for file in files if file.package == "engine.v1" for pair in comments_of_fields(file))
    assert len(comments) > 100
    assert [name for name, comment in comments.items() if not PLAIN_WORDS.search(comment)] == []


def violations(message: Message) -> list[str]:
    """Return the rules that a message breaks."""
    return [violation.proto.rule_id for violation in protovalidate.collect_violations(message)]


VALID = (
    search_pb2.SearchRequest(),
    search_pb2.SearchRequest(page_size=1000, recall_target=1, modality_weights={"image": 0, "text": 2.5}),
    search_pb2.SearchRequest(parts=[query_pb2.QueryPart(text="red shoe", weight=-0.5)] * 16),
    search_pb2.SearchRequest(parts=[query_pb2.QueryPart(vector=query_pb2.Vector(values=[0.5, -1]))]),
    search_pb2.SearchRequest(parts=[query_pb2.QueryPart(image=bytes(10 * 2**20))]),
    search_pb2.BatchSearchRequest(requests=[search_pb2.SearchRequest(page_size=-1)] * 64),
    query_pb2.Boost(field="price", weight=-1, shape=query_pb2.Boost.SHAPE_EXP_DECAY, scale=10),
    ParseDict({"lambda": 0}, query_pb2.Diversity()),
    embedding_pb2.EmbedRequest(),
    catalog_pb2.GetItemsRequest(item_ids=["a"] * 1000),
    recommendation_pb2.RecommendRequest(session=recommendation_pb2.Session()),
)

INVALID = (
    (search_pb2.SearchRequest(page_size=-1), "int32.gte_lte"),
    (search_pb2.SearchRequest(page_size=1001), "int32.gte_lte"),
    (search_pb2.SearchRequest(parts=[query_pb2.QueryPart(text="a")] * 17), "repeated.max_items"),
    (search_pb2.SearchRequest(parts=[query_pb2.QueryPart()]), "required"),
    (search_pb2.SearchRequest(modality_weights={"image": -1}), "float.gte"),
    (search_pb2.SearchRequest(modality_weights={"image": math.inf}), "float.finite"),
    (search_pb2.SearchRequest(missing_modality=9), "enum.defined_only"),  # type: ignore[arg-type]
    (search_pb2.SearchRequest(recall_target=0), "float.gt_lte"),
    (search_pb2.SearchRequest(min_score=math.nan), "float.finite"),
    (search_pb2.BatchSearchRequest(requests=[search_pb2.SearchRequest()] * 65), "repeated.max_items"),
    (query_pb2.QueryPart(text=""), "string.min_len"),
    (query_pb2.QueryPart(image=bytes(10 * 2**20 + 1)), "bytes.max_len"),
    (query_pb2.QueryPart(text="a", weight=math.nan), "float.finite"),
    (query_pb2.QueryPart(vector=query_pb2.Vector()), "repeated.min_items"),
    (query_pb2.QueryPart(vector=query_pb2.Vector(values=[math.nan])), "float.finite"),
    (query_pb2.Boost(field="price", weight=1, shape=query_pb2.Boost.SHAPE_EXP_DECAY), "boost.exp_decay_scale"),
    (ParseDict({"lambda": 1.5}, query_pb2.Diversity()), "float.gte_lte"),
    (query_pb2.Pin(item_id="a", position=1000), "int32.gte_lt"),
    (recommendation_pb2.RecommendRequest(), "required"),
    (recommendation_pb2.Event(event_id="e", user_id="u", item_id="i"), "enum.not_in"),
    (catalog_pb2.GetItemsRequest(item_ids=["a"] * 1001), "repeated.max_items"),
)


@pytest.mark.parametrize("message", VALID, ids=lambda message: message.DESCRIPTOR.name)
def test_the_rules_let_a_good_request_pass(message: Message) -> None:
    assert violations(message) == []


@pytest.mark.parametrize(("message", "rule"), INVALID, ids=lambda case: case if isinstance(case, str) else "")
def test_the_rules_name_what_is_wrong(message: Message, rule: str) -> None:
    assert violations(message) == [rule]


def test_a_batch_leaves_its_queries_to_be_checked_one_by_one() -> None:
    """One bad query never fails the rest."""
    bad = search_pb2.SearchRequest(page_size=-1)
    assert violations(search_pb2.BatchSearchRequest(requests=[bad])) == []
    assert violations(bad) == ["int32.gte_lte"]
