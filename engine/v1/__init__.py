"""The stubs of the contract, generated from proto/ by `make proto`; only this file is written by hand.

The stubs refer to protovalidate's rules, whose package has no stub of its own for google.protobuf: their descriptor is
registered here, before any stub is read.
"""

# Imported so that the descriptors which the rules build on are registered before them.
from google.protobuf import (  # noqa: F401
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    timestamp_pb2,
)
from protovalidate import ViolationPb

descriptor_pool.Default().AddSerializedFile(ViolationPb.desc().file.proto.to_binary())
