"""The fakes and contract suites that we ship: typed, and held to the same claims as the real things."""
