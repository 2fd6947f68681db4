"""The fakes that we ship, held to what they promise."""
