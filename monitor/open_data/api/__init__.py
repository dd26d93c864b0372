"""The public interface for programs, /api/v1/: read only, no login, described by its own OpenAPI."""
