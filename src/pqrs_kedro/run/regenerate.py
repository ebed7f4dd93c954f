"""The raw layer generated once more, in a fresh process, to compare with the lake's."""

from typing import Any

from loky import ProcessPoolExecutor

from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import logical_key, raw_key
from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.pipelines.synthesis.generator import generate_raw_objects
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario


def parameters_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a run's data came from, as `--params` would give them."""
    inputs = manifest["inputs"]
    chosen = inputs["parameters"]
    return {
        "seed": inputs["seed"],
        "date_min": inputs["date_min"],
        "date_max": inputs["date_max"],
        "profile": inputs["profile"],
        "profiles": {inputs["profile"]: chosen["profile"]},
        "breach_rate": chosen["breach_rate"],
        "volume_scale": chosen["volume_scale"],
        "territory": inputs["territory"],
    }


def regenerate_raw(manifest: dict[str, Any]) -> dict[str, LakeObject]:
    """Counts and hashes of a run's raw objects, generated anew elsewhere; nothing is written."""
    with ProcessPoolExecutor(max_workers=1) as pool:
        return dict(pool.submit(_regenerate, manifest).result())


def _regenerate(manifest: dict[str, Any]) -> dict[str, LakeObject]:
    typed = RunParameters.model_validate(parameters_of(manifest))
    generated = generate_raw_objects(
        build_scenario(typed), typed.date_min, typed.date_max, typed.days_per_chunk, 1
    )
    found = {}
    for item in (item for objects in generated for item in objects):
        key = logical_key(raw_key(item.source, item.day, manifest["run_id"]))
        content = item.content()
        found[key] = LakeObject(key, len(item.lines), content.size, sha256_hex(content))
    return found
