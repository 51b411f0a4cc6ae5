"""Stand-ins for what cannot be made to fail on purpose. Each passes the contract test of the real thing."""
