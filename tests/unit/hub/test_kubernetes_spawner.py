"""What a notebook's pod is told of its machine, without a cluster."""

from __future__ import annotations

from outrider_hub.config_kubernetes import pod_name_template
from outrider_hub.spawner.kubernetes import KubernetesSpawner
from outrider_service.schema.resources import PodParts, SpawnSpec

POD = PodParts(
    image="python",
    pull_policy="IfNotPresent",
    namespace="jobs",
    uid=1000,
    command=["start"],
    env={},
    volumes=[],
    volume_mounts=[],
    init_containers=[],
    resources={},
    node_selector={},
    tolerations=[],
    pull_secrets=[],
)
SPEC = SpawnSpec(
    lease="notebook/ann",
    image="python",
    environment="",
    machine="small",
    cpu=1,
    memory_mb=2048,
    gpus=[],
    price_per_hour=0,
    mounts=[],
    home="/home/ann",
    env={},
    pod=POD,
)


def test_the_memory_that_programs_are_told_is_the_pods_limit() -> None:
    # Its __init__ wants a cluster to talk to.
    spawner = KubernetesSpawner.__new__(KubernetesSpawner)
    spawner._apply(SPEC, POD)
    limit = 2 * 2**30
    assert spawner.mem_limit == limit  # type: ignore[comparison-overlap]
    # Over what JupyterHub says by itself, which is the limit.
    assert spawner.environment.get("MEM_LIMIT", str(limit)) == str(limit)


def test_no_two_releases_have_a_name_of_a_pod_in_common() -> None:
    """Whatever they and their users are called: the Hub ends a pod that has the name which it is about to give."""
    pairs = {("a", "b-c"), ("a-b", "c"), ("a-b-c", ""), ("outrider", "ann"), ("outrider-ann", "")}
    names = {pod_name_template(release).format(user_server=user) for release, user in pairs}
    assert len(names) == len(pairs)
    assert all(len(name) <= 63 for name in names)
