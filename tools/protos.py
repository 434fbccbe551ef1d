"""Generates the stubs in engine/v1 from proto/, and the image for buf.

protoc needs two files that are not in this repository, validate.proto and status.proto: their descriptors come from the
installed packages, so that stubs and run time always agree on them.

    python tools/protos.py generate [OUT]        write the stubs to OUT, by default the root of the repository
    python tools/protos.py check                 fail if the committed stubs are out of date
    python tools/protos.py image FILE [ROOT]     write the descriptors of ROOT (proto/), with comments, to FILE
"""

import re
import sys
import tempfile
from pathlib import Path

import grpc_tools
import protovalidate
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import status_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
PROTO = ROOT / "proto"

# protovalidate has no google.protobuf stub of its rules; engine/v1/__init__.py registers their descriptor instead.
_RULES_IMPORT = re.compile(r"^from buf\.validate import validate_pb2 as .*\n", re.MULTILINE)


class ProtocFailed(Exception):
    """protoc rejected the files, and printed why to stderr."""


def _installed() -> bytes:
    """Return the descriptors of the imports that come from packages other than google.protobuf."""
    found = FileDescriptorSet()
    found.file.add().ParseFromString(protovalidate.ViolationPb.desc().file.proto.to_binary())
    status_pb2.DESCRIPTOR.CopyToProto(found.file.add())
    return found.SerializeToString()


def _protoc(root: Path, *options: str) -> None:
    """Run protoc on all files below root. Raises ProtocFailed."""
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*.proto"))
    with tempfile.NamedTemporaryFile(suffix=".binpb") as installed:
        installed.write(_installed())
        installed.flush()
        google = Path(grpc_tools.__file__).parent / "_proto"
        argv = ["protoc", f"-I{root}", f"-I{google}", f"--descriptor_set_in={installed.name}", *options, *files]
        if protoc.main(argv) != 0:
            raise ProtocFailed(f"expected protoc to compile {len(files)} files of {root}, got errors")


def generate(out: Path) -> None:
    """Write the stubs of proto/ to `out`: engine/v1/*_pb2.py, *_pb2_grpc.py for files with services, and .pyi."""
    plugins = Path(sys.executable).parent
    _protoc(
        PROTO,
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
    )
    for stub in (out / "engine/v1").glob("*_pb2*"):
        text = stub.read_text()
        if "_pb2_grpc" in stub.name and "Stub" not in text:
            stub.unlink()
        else:
            stub.write_text(_RULES_IMPORT.sub("", text))


def stale() -> list[str]:
    """Return the names of the committed stubs that differ from what `generate` would write."""
    committed = {path.name: path.read_bytes() for path in (ROOT / "engine/v1").glob("*_pb2*")}
    with tempfile.TemporaryDirectory() as out:
        generate(Path(out))
        generated = {path.name: path.read_bytes() for path in Path(out, "engine/v1").iterdir()}
    return sorted(name for name in committed | generated if committed.get(name) != generated.get(name))


def image(file: Path, root: Path = PROTO) -> None:
    """Write the descriptors of `root` and of its imports, with comments."""
    _protoc(root, f"--descriptor_set_out={file}", "--include_imports", "--include_source_info")


def main(verb: str, *paths: str) -> None:
    """Run one verb of the command line."""
    match verb, [Path(path).resolve() for path in paths]:
        case "generate", []:
            generate(ROOT)
        case "generate", [out]:
            generate(out)
        case "check", []:
            if names := stale():
                raise SystemExit(f"out of date, run `make proto`: {', '.join(names)}")
        case "image", [file, *root]:
            image(file, *root)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["help"]))
