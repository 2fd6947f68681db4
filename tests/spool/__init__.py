"""Tests of the spool; none but the contract and the scale of it touches a real disk."""
