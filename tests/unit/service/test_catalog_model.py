"""Machine types as catalogs write them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from outrider_service.catalog import KubernetesPlacement, MachineType

SIZE = {"name": "a100", "cpu": 1, "memory_mb": 64}


def test_what_earlier_catalogs_have_beside_the_others_is_read() -> None:
    flat = MachineType.model_validate(
        {**SIZE, "node_selector": {"pool": "gpu"}, "tolerations": [{"key": "x"}], "scales_from_zero": True}
    )
    nested = MachineType.model_validate(
        {
            **SIZE,
            "kubernetes": {"node_selector": {"pool": "gpu"}, "tolerations": [{"key": "x"}], "scales_from_zero": True},
        }
    )
    assert flat == nested
    assert MachineType.model_validate(flat.model_dump()) == flat
    assert MachineType.model_validate(SIZE).kubernetes == KubernetesPlacement()


@pytest.mark.parametrize("wrong", [{"kubernetes": {"node_selectors": {}}}, {"kubernetes": {"gpu_resource": ""}}])
def test_a_typo_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"kubernetes\.(node_selectors|gpu_resource)"):
        MachineType.model_validate({**SIZE, **wrong})
