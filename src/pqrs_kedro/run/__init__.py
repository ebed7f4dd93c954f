"""Run identity, configuration, recording, acceptance and reproduction."""
