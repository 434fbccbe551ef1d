"""Stubs generated from proto/ by `make proto`; only this file is written by hand.

The stubs depend on protovalidate's rules, whose package has no google.protobuf stub of them: their descriptor is
registered here, before any stub is imported.
"""

# Imported so that the descriptors that the rules depend on are registered first.
from google.protobuf import (  # noqa: F401
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    timestamp_pb2,
)
from protovalidate import ViolationPb

descriptor_pool.Default().AddSerializedFile(ViolationPb.desc().file.proto.to_binary())
