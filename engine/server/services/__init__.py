"""The gRPC services, one module per group of rpcs."""
