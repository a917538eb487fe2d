"""The selector: the door of a problem that its clients connect to; numpy and gRPC, nothing more."""
