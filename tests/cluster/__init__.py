"""Tests of the shared view; its hubs have a suite of their own under `contract`."""
