"""Shared by all tests: property tests are judged by what they find, not by how fast a busy machine draws examples."""

from hypothesis import HealthCheck, settings

settings.register_profile("mailgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mailgate")
