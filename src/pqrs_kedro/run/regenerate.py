"""All that synthesis makes, generated once more in a fresh process to compare with the lake's."""

from datetime import date
from typing import Any

from loky import ProcessPoolExecutor

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.defects import DEFECT_LABELS
from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import logical_key, object_key, raw_key
from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.lake.parquet import encode_object
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.parameters_defects import NO_DEFECTS
from pqrs_kedro.pipelines.synthesis.generator import generate_objects
from pqrs_kedro.pipelines.synthesis.raw_objects import RawObject
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.truth import TruthPart


def parameters_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a run's data came from, as `--params` would give them.

    Runs of older versions had the law as it was then, and say nothing of the calendar, nor of
    thresholds of quality; nor of defects, of which they had none; and all had a breach rate.
    """
    inputs = manifest["inputs"]
    chosen = inputs["parameters"]
    said = {name: chosen[name] for name in ("calendar", "quality", "response") if name in chosen}
    # Every rate is given, so that configuration changed since then has no say.
    rates = dict.fromkeys(DEFECT_LABELS, 0.0) | chosen.get("defects", {})
    found = said | {
        "seed": inputs["seed"],
        "date_min": inputs["date_min"],
        "date_max": inputs["date_max"],
        "profile": inputs["profile"],
        "profiles": {inputs["profile"]: chosen["profile"]},
        "breach_rate": chosen["breach_rate"],
        "volume_scale": chosen["volume_scale"],
        "observe_until": chosen.get("observe_until"),
        "territory": inputs["territory"],
        "defects": {"profile": NO_DEFECTS, "rates": rates},
    }
    if "external" in chosen:
        found["external"] = {
            "declared": manifest["declared"],
            "source": chosen["external"]["source"],
            "copy_of": manifest["run_id"],
            "read": manifest["sources"],
        }
    return found


def regenerate(manifest: dict[str, Any]) -> dict[str, LakeObject]:
    """Counts and hashes of a run's raw objects and ledgers, by logical key; nothing is written."""
    with ProcessPoolExecutor(max_workers=1) as pool:
        return dict(pool.submit(_regenerate, manifest).result())


def _regenerate(manifest: dict[str, Any]) -> dict[str, LakeObject]:
    typed = RunParameters.model_validate(parameters_of(manifest))
    generated = generate_objects(
        build_scenario(typed),
        typed.date_min,
        typed.date_max,
        typed.days_per_chunk,
        1,
        typed.observe_until,
    )
    run_id, found = manifest["run_id"], list[LakeObject]()
    for objects, *ledgers in generated:
        found += [_raw_object(run_id, item) for item in objects]
        found += [_ledger_object(run_id, part) for parts in ledgers for part in parts]
    return {item.key: item for item in found}


def _raw_object(run_id: str, item: RawObject) -> LakeObject:
    key = logical_key(raw_key(item.source, item.day, run_id))
    content = item.content()
    return LakeObject(key, item.rows, content.size, sha256_hex(content))


def _ledger_object(run_id: str, part: TruthPart) -> LakeObject:
    table = TABLES[part.table_name]
    # Of no consequence: a logical key has no start day.
    key = object_key(table, {"month": part.month}, run_id, part.number, date.min)
    content, logical = encode_object(table, part.table())
    return LakeObject(logical_key(key), len(part.rows), content.size, sha256_hex(content), logical)
