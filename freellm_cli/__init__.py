"""freellm: one dependable model endpoint out of the free LLM tiers a person has."""

__version__ = "0.1.0"
