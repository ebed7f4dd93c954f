"""The sections of the report: a module each, whose `context` fills the template of its name."""
