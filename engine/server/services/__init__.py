"""The gRPC services, one module for each group of rpcs."""
