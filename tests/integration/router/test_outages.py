"""Whatever part is away, the others go on, and all are in step again when it is back."""

import asyncio

from moto.server import ThreadedMotoServer

from local.parts import EmbeddedValkey, temporary_home
from tests.integration.kit.faults import frozen
from tests.integration.router.conftest import url_of
from tests.integration.router.pool import CloudMap, Pool, Router, eventually, running_pool


async def test_traffic_and_state_go_on_while_cloud_map_is_away(
    pool: Pool, moto_server: ThreadedMotoServer, cloud_map: CloudMap
) -> None:
    (first,) = await pool.serve_from(1)
    second = await pool.add_worker(is_registered=False)
    port = moto_server.get_host_and_port()[1]

    await asyncio.to_thread(moto_server.stop)
    first.waiting = 3
    await pool.state_is(waiting=3, ready=1)
    during = await pool.ask("s1")
    moto_server._port = port
    await asyncio.to_thread(moto_server.start)
    await cloud_map.register(pool.name, second)

    await pool.serves_from(first, second)
    assert (during.status, during.worker) == (200, first.name)


async def test_a_registrar_that_restarts_changes_nothing(pool: Pool) -> None:
    workers = await pool.serve_from(2)
    sessions = [f"s{number}" for number in range(20)]
    before = await pool.who_answers(sessions)
    (session,) = await pool.sessions_of(workers[0], 1)
    stream = asyncio.create_task(pool.ask(session, "words 20 every 0.1"))

    await pool.stop_registrar()
    without = await pool.who_answers(sessions)
    last = await pool.state()
    pool.start_registrar()

    async def is_written_anew() -> bool:
        return (await pool.state()) != last

    await eventually(is_written_anew)
    assert without == before
    assert await pool.who_answers(sessions) == before
    assert (await stream).status == 200
    await pool.state_is(workers=2, ready=2, saturated=False)


async def test_a_router_that_restarts_gets_its_workers_back(pool: Pool) -> None:
    workers = await pool.serve_from(2)
    sessions = [f"s{number}" for number in range(20)]
    before = await pool.who_answers(sessions)

    await pool.router.kill()
    workers[0].waiting = 2
    await pool.state_is(waiting=2, ready=2)
    await pool.router.start()

    await pool.serves_from(*workers)
    assert await pool.who_answers(sessions) == before


async def test_a_dead_worker_is_removed_while_valkey_is_frozen(cloud_map: CloudMap, router: Router) -> None:
    with temporary_home() as home, EmbeddedValkey(home) as valkey:
        async with running_pool(cloud_map, url_of(valkey), router) as pool:
            doomed, other = await pool.serve_from(2)
            await pool.state_is(ready=2)

            with frozen(valkey._process.pid or 0):
                await doomed.kill()
                await pool.serves_from(other, within_s=5)

            await pool.state_is(workers=2, ready=1)
