"""The reference page of the gRPC contract, from the descriptors of proto/ and their comments."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import protos
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from markdown_text import NOTICE, to_code, to_table

Comments = Mapping[tuple[int, ...], str]

_INTRODUCTION = """# gRPC reference

Package `engine.v1`. The rules for each field (ranges, lengths) are in `proto/engine/v1/`; a request that breaks one is
`INVALID_ARGUMENT` with the field's path.
"""

# Field numbers of descriptor.proto, which make up the path of a comment.
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_METHODS, _FIELDS, _VALUES, _NESTED_MESSAGES, _NESTED_ENUMS = 2, 2, 2, 3, 4


def render() -> str:
    """Return the page."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "image.binpb")
        protos.image(image)
        files = FileDescriptorSet.FromString(image.read_bytes())
    own = [file for file in files.file if file.package == "engine.v1"]
    text = NOTICE + "\n" + _INTRODUCTION
    for file in sorted(own, key=lambda file: (not file.service, file.name)):
        text += "\n" + "".join(_file(file))
    return text.rstrip() + "\n"


def _file(file: FileDescriptorProto) -> Iterator[str]:
    comments = {tuple(place.path): place.leading_comments.strip() for place in file.source_code_info.location}
    yield f"## {file.name.rpartition('/')[2]}\n\n"
    for index, service in enumerate(file.service):
        yield from _service(service, comments, (_SERVICES, index))
    for index, message in enumerate(file.message_type):
        yield from _message(message, message.name, comments, (_MESSAGES, index))
    for index, enum in enumerate(file.enum_type):
        yield from _enum(enum, enum.name, comments, (_ENUMS, index))


def _service(service: ServiceDescriptorProto, comments: Comments, path: tuple[int, ...]) -> Iterator[str]:
    yield f"### {service.name}\n\n{_prose(comments.get(path, ''))}\n\n"
    rows = [
        (
            to_code(method.name),
            to_code(_short(method.input_type)),
            to_code(_short(method.output_type)),
            comments.get((*path, _METHODS, index), ""),
        )
        for index, method in enumerate(service.method)
    ]
    yield to_table(("Method", "Request", "Response", "Description"), rows)


def _message(message: DescriptorProto, name: str, comments: Comments, path: tuple[int, ...]) -> Iterator[str]:
    if message.options.map_entry:
        return
    yield f"### {name}\n\n{_prose(comments.get(path, ''))}\n\n"
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    rows = [
        (to_code(field.name), to_code(_type(field, maps)), comments.get((*path, _FIELDS, index), ""))
        for index, field in enumerate(message.field)
    ]
    if rows:
        yield to_table(("Field", "Type", "Description"), rows)
    for index, nested in enumerate(message.nested_type):
        yield from _message(nested, f"{name}.{nested.name}", comments, (*path, _NESTED_MESSAGES, index))
    for index, enum in enumerate(message.enum_type):
        yield from _enum(enum, f"{name}.{enum.name}", comments, (*path, _NESTED_ENUMS, index))


def _enum(enum: EnumDescriptorProto, name: str, comments: Comments, path: tuple[int, ...]) -> Iterator[str]:
    yield f"### {name}\n\n{_prose(comments.get(path, ''))}\n\n"
    rows = [(to_code(value.name), comments.get((*path, _VALUES, index), "")) for index, value in enumerate(enum.value)]
    yield to_table(("Value", "Description"), rows)


def _type(field: FieldDescriptorProto, maps: Mapping[str, DescriptorProto]) -> str:
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = entry.field
        return f"map<{_type(key, {})}, {_type(value, {})}>"
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    name = _short(field.type_name) if field.type_name else scalar
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _short(name: str) -> str:
    return name.removeprefix(".").removeprefix("engine.v1.")


def _prose(comment: str) -> str:
    return re.sub(r"\s*\n\s*", " ", comment)
