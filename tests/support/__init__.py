"""What tests share: real services on loopback ports, each a fixture."""
