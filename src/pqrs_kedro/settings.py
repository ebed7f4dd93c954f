"""Kedro settings of the project."""

import warnings

# omegaconf deprecates the resolver call that Kedro's config loader makes; it says so three times.
warnings.filterwarnings(
    "ignore", r"register_new_resolver\(\) is deprecated", module=r"kedro\.config"
)

from pqrs_kedro.run.config_loader import MERGE_STRATEGY, RunConfigLoader  # noqa: E402
from pqrs_kedro.run.session import RunSession  # noqa: E402

CONFIG_LOADER_CLASS = RunConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": MERGE_STRATEGY,
}
SESSION_CLASS = RunSession
# Nothing about a run leaves the machine.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
