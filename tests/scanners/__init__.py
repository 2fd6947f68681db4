"""Tests of `shieldrelay.scanners`."""
