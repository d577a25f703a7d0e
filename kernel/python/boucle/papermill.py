"""Makes papermill write parameters for Rust notebooks. papermill loads this module by the entry point in pyproject.toml.

There are entry points for engines, but none for languages; so the language is registered when the engine is loaded. The engine
is papermill's own.
"""

from papermill.engines import NBClientEngine as Engine
from papermill.translators import papermill_translators

from .parameters import RustTranslator

__all__ = ["Engine"]

papermill_translators.register("rust", RustTranslator)
