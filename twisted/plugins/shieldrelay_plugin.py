"""Tells twistd of shieldrelay."""

from twisted.application.service import ServiceMaker

shieldrelay = ServiceMaker("shieldrelay", "shieldrelay.tap", "Inbound SMTP relay with a durable spool", "shieldrelay")
