"""Starting and stopping, in this process and in one of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import socket
import sys
from datetime import UTC, datetime

import aiohttp
import pytest

from brevo_balance_async.sandbox import Sandbox, serve
from brevo_balance_async.sandbox.options import main


async def test_addresses_are_known_while_it_runs():
    sandbox = Sandbox()
    with pytest.raises(RuntimeError):
        _ = sandbox.base_url
    async with sandbox:
        assert sandbox.base_url == f"{sandbox.origin}/v3"
        with pytest.raises(RuntimeError):
            await sandbox.start()
    with pytest.raises(RuntimeError):
        _ = sandbox.base_url
    await sandbox.stop()


async def test_the_clock_starts_now_unless_told_otherwise():
    before = datetime.now(UTC)
    now = Sandbox().clock.now()
    assert abs((now - before).total_seconds()) < 60


async def test_a_stopped_sandbox_starts_again_with_its_state():
    sandbox = Sandbox(seed={"program": "27aa1d7a-af67-4020-8a65-19d6b0f0a26e", "contacts": [1]})
    async with sandbox:
        first = sandbox.base_url
    async with sandbox:
        assert sandbox.base_url == first
        assert len(list(sandbox.ledger.catalogue)) == 1


async def test_two_sandboxes_do_not_meet():
    async with Sandbox() as one, Sandbox() as two:
        assert one.origin != two.origin
        async with aiohttp.ClientSession() as session, session.get(one.base_url):
            pass
        assert (one.hits(), two.hits()) == (1, 0)


async def test_a_taken_port_is_an_error_that_leaves_nothing():
    async with Sandbox() as one:
        two = Sandbox(port=int(one.origin.rsplit(":", 1)[1]))
        with pytest.raises(OSError, match="address"):
            await two.start()
        await two.stop()
    gc.collect()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_only_loopback_unless_allowed_by_name(host):
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(host=host)
    Sandbox(host=host, allow_public=True)


async def test_stopping_does_not_wait_for_idle_connections():
    async with aiohttp.ClientSession() as session:
        async with Sandbox() as sandbox, session.get(sandbox.base_url) as response:
            await response.read()
        assert sandbox.hits() == 1


async def test_nothing_is_left_after_stopping():
    before = asyncio.all_tasks()
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        await asyncio.gather(*[(await session.get(sandbox.base_url)).read() for _ in range(20)])
    assert asyncio.all_tasks() == before
    gc.collect()


async def test_serve_runs_until_it_is_told_to_stop(capsys):
    sandbox, stop = Sandbox(), asyncio.Event()
    serving = asyncio.create_task(serve(sandbox, stop=stop))
    asyncio.get_running_loop().call_later(0, stop.set)
    await serving
    line = capsys.readouterr().out
    assert line.startswith("listening on http://127.0.0.1:")
    assert line.endswith("/v3\n")
    assert line.count("\n") == 1
    with pytest.raises(RuntimeError):
        _ = sandbox.base_url


async def command(*arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "brevo_balance_async.sandbox",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_serves_until_a_signal(end):
    process = await command("--port", "0", "--rph", "600", "--switch", "history_offset=pages0")
    line = (await process.stdout.readline()).decode()
    assert line.startswith("listening on http://127.0.0.1:")
    assert line.endswith("/v3\n")
    base = line.split()[-1]
    async with aiohttp.ClientSession() as session:
        async with session.get(base + "/nothing") as response:
            assert response.status == 401
            assert response.headers["x-sib-ratelimit-limit"] == "600"
        async with session.get(base.removesuffix("/v3") + "/_sandbox/switches") as response:
            assert (await response.json())["history_offset"] == "pages0"
        async with session.post(
            base.removesuffix("/v3") + "/_sandbox/faults", json={"effect": "stall"}
        ) as response:
            assert response.status == 200
        stalled = asyncio.create_task(session.get(base + "/stalled"))
        seen = []
        while len(seen) < 2:
            async with session.get(base.removesuffix("/v3") + "/_sandbox/requests") as response:
                seen = (await response.json())["requests"]
        process.send_signal(end)
        out, err = await process.communicate()
        with pytest.raises(aiohttp.ClientError):
            await stalled
    assert (process.returncode, out) == (0, b"")
    key = "xkeysib-sandbox-0123456789abcdef-LOCAL"
    page = base.removesuffix("/v3") + "/_sandbox/"
    assert err.decode().splitlines() == [
        f"# imitates api.brevo.com; to look at it: {page}",
        f"export BREVO_BASE_URL={base}",
        f"export BREVO_API_KEY={key}",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--host", "0.0.0.0"), "0.0.0.0 is not a loopback address"),
        (("--port", "99999"), "a port is from 0 to 65535, not 99999"),
        (("--port", "-1"), "a port is from 0 to 65535"),
        (("--port", "http"), "expected a whole number in digits, of 19 at most, not 'http'"),
        (("--port", "TAKEN"), "address already in use"),
        (("--switch", "no_such=1"), "no such switch: no_such"),
        (("--switch", "history_offset=rows"), "history_offset must be one of records, pages0, "),
        (("--switch", "x"), "expected NAME=VALUE, not 'x'"),
        (("--rph", "1_000"), "expected a whole number in digits, of 19 at most, not '1_000'"),
        (("--api", "x"), "unrecognized arguments: --api x"),
        (("--control-token", ""), "control_token must not be empty"),
        (("--seed", "/nowhere/at/all"), "No such file or directory"),
        (("--state", "/nowhere/at/all"), "the state file /nowhere/at/all cannot be opened"),
        (("--rph", "0"), "a quota is a whole number of requests, at least 1, or None (null), not 0"),
        (("--switch", "rph=3"), "no such switch: rph"),
        (("--switch", "log_size=3"), "no such switch: log_size"),
        (("--api-key", ""), "api_key must not be empty"),
        (("--seed", "SEED", '{"definitions": 5}'), "definitions must be a list"),
        (("--seed", "SEED", '{"coupons": []}'), "a seed has no coupons; it may have program, contacts, "),
        (
            ("--seed", "SEED", '{"definitions": [{"name": "a", "unit": "b"}]}'),
            "the seed is refused: unit must be ",
        ),
        (
            ("--seed", "SEED", '{"definitions": [{"name": "a", "unit": "b"}]}', "--state", "NEW"),
            "the seed is refused: unit must be ",
        ),
        (("--switch", "history_lag=soon"), "history_lag must be a number of seconds, 0 or more, "),
        (
            ("--switch", "rounding_places=abc"),
            "rounding_places must be a whole number, at least 0, at most 12, not 'abc'",
        ),
    ],
)
def test_the_command_refuses_what_makes_no_sense(arguments, reason, monkeypatch, capsys, tmp_path):
    if arguments[1] == "SEED":
        seed = {"program": "27aa1d7a-af67-4020-8a65-19d6b0f0a26e", **json.loads(arguments[2])}
        (tmp_path / "seed.json").write_text(json.dumps(seed))
        arguments = ["--seed", str(tmp_path / "seed.json"), *arguments[3:]]
    arguments = [str(tmp_path / "new.db") if each == "NEW" else each for each in arguments]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_port = str(taken.getsockname()[1])
        arguments = [taken_port if each == "TAKEN" else each for each in arguments]
        monkeypatch.setattr(sys, "argv", ["sandbox", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    usage, line = err.rstrip().rsplit("\n", 1)
    assert usage.startswith("usage: ")
    assert "error: " in line
    assert reason in line
    assert "<" not in line  # no dump of an object


async def test_requests_in_flight_are_finished_when_it_is_told_to_end():
    process = await command()
    base = (await process.stdout.readline()).decode().split()[-1]
    faults = base.removesuffix("/v3") + "/_sandbox/faults"
    key = {"api-key": "xkeysib-sandbox-0123456789abcdef-LOCAL"}
    url = f"{base}/loyalty/balance/programs/27aa1d7a-af67-4020-8a65-19d6b0f0a26e/balance-definitions"
    async with aiohttp.ClientSession(headers=key) as session:
        for effect in ({"effect": "delay", "arguments": {"seconds": 0.5}}, {"effect": "stall"}):
            (
                await session.post(faults, json=effect | {"nth": 1 if effect["effect"] == "delay" else 2})
            ).close()
        waiting = [asyncio.create_task(session.get(url)) for _ in range(2)]
        hits = 0
        while hits < 2:
            async with session.get(base.removesuffix("/v3") + "/_sandbox/hits") as response:
                hits = (await response.json())["hits"]
        process.send_signal(signal.SIGTERM)
        delayed, stalled = await asyncio.gather(*waiting, return_exceptions=True)
        assert (delayed.status, await delayed.json()) == (200, {"items": []})
        assert isinstance(stalled, aiohttp.ClientError)
    await process.communicate()
    assert process.returncode == 0


async def test_a_second_signal_waits_for_nobody():
    process = await command()
    base = (await process.stdout.readline()).decode().split()[-1]
    sandbox = base.removesuffix("/v3") + "/_sandbox/"
    async with aiohttp.ClientSession() as session:
        effect = {"effect": "delay", "arguments": {"seconds": 100}}
        (await session.post(sandbox + "faults", json=effect)).close()
        waiting = asyncio.create_task(session.get(base + "/nothing"))
        hits = 0
        while not hits:
            async with session.get(sandbox + "hits") as response:
                hits = (await response.json())["hits"]
        process.send_signal(signal.SIGTERM)
        while True:  # until the first signal has been noticed: no more connections are taken
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(base.split(":")[2].split("/")[0]))
            except OSError:
                break
            writer.transport.abort()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientError):
            await waiting
    assert await process.wait() == 0


async def test_a_key_that_was_given_is_not_printed(capsys):
    stop = asyncio.Event()
    stop.set()
    await serve(Sandbox(api_key="xkeysib-real-CANARY"), stop=stop)
    out, err = capsys.readouterr()
    assert "CANARY" not in out + err
    assert "the API key is the one that was given" in err
    assert "export BREVO_BASE_URL=http://127.0.0.1:" in err


async def test_the_command_takes_a_seed_a_state_file_and_a_token(tmp_path):
    seed, state = tmp_path / "seed.json", tmp_path / "state.db"
    program = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
    seed.write_text(f'{{"program": "{program}", "contacts": [1, 2]}}')
    options = ("--seed", str(seed), "--state", str(state), "--control-token", "let-me-in")
    for _ in range(2):
        process = await command(*options)
        line = (await process.stdout.readline()).decode()
        url = line.split()[-1].removesuffix("/v3") + "/_sandbox/state"
        headers = {"host": "container", "authorization": "Bearer let-me-in"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            (found,) = (await response.json())["programs"]
        assert (found["id"], found["members"]) == (program, 2)
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0


async def test_a_request_whose_body_is_still_coming_is_finished(serve):
    async with serve() as api:
        host, port = api.sandbox.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /v3/loyalty/balance/programs/{api.program}/balance-definitions HTTP/1.1\r\nHost: sandbox\r\n"
        body = b'{"name": "Points", "unit": "POINTS"}'
        writer.write(f"{head}api-key: {api.sandbox.api_key}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        while not api.sandbox._server._in_flight._connections:
            await asyncio.sleep(0)
        draining = asyncio.create_task(api.sandbox.drain())
        await asyncio.sleep(0)
        writer.write(body)
        answer = await asyncio.wait_for(reader.read(), 60)  # up to the end of the connection
        await asyncio.wait_for(draining, 60)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"name":"Points"' in answer


async def test_an_address_of_all_interfaces_is_printed_as_one_to_go_to(capsys):
    stop = asyncio.Event()
    stop.set()
    await serve(Sandbox(host="0.0.0.0", allow_public=True), stop=stop)
    told = capsys.readouterr()
    port = told.out.removeprefix("listening on http://0.0.0.0:").removesuffix("/v3\n")
    assert f"export BREVO_BASE_URL=http://127.0.0.1:{port}/v3\n" in told.err
    assert f"http://127.0.0.1:{port}/_sandbox/" in told.err
