"""Runs scripts by Pixie's Python package as its users do. One JSON object on standard input says what; one line of JSON on standard output, what came."""
import asyncio
import json
import sys
import time
import uuid

import grpc
import grpc.aio
import pxapi


def plain(value):
    if isinstance(value, bytes):
        return {"bytes": value.decode("utf-8")}
    if isinstance(value, uuid.UUID):
        return {"uuid": str(value)}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"int": str(value)}
    return value


def connect(order):
    kwargs = {"use_encryption": order.get("encryption", False)}
    if order.get("plaintext"):
        kwargs["channel_fn"] = grpc.insecure_channel
        kwargs["conn_channel_fn"] = grpc.aio.insecure_channel
    client = pxapi.Client(token=order["token"], server_url=order["address"], **kwargs)
    return client.connect_to_cluster(client.list_healthy_clusters()[0])


def query(order):
    """All rows of all tables that the script shows."""
    script = connect(order).prepare_script(order["script"])
    tables = {}

    async def take(sub):
        rows = tables.setdefault(sub.table_name, [])
        async for row in sub:
            columns = [column.column_name for column in row.relation._columns]
            rows.append({name: plain(row[i]) for i, name in enumerate(columns)})

    async def run():
        subscriptions = script.subscribe_all_tables()

        async def each():
            async with asyncio.TaskGroup() as group:
                async for sub in subscriptions():
                    group.create_task(take(sub))

        await asyncio.gather(script.run_async(), each())

    asyncio.run(run())
    stats = script._exec_stats
    return {"tables": tables, "records": stats.records_processed, "timed": stats.timing.execution_time_ns > 0}


def drain(order):
    """Only counts the rows of `table`, and adds up its column `n`."""
    script = connect(order).prepare_script(order["script"])
    seen = {"rows": 0, "sum": 0}

    def add(row):
        seen["rows"] += 1
        seen["sum"] += row["n"]

    script.add_callback(order["table"], add)
    began = time.monotonic()
    asyncio.run(script.run_async())
    return {**seen, "seconds": time.monotonic() - began}


def cancel(order):
    """Begins so many queries, one after the other, and cancels each at its first row."""
    conn = connect(order)

    async def once():
        script = conn.prepare_script(order["script"])
        sub = script.subscribe(order["table"])

        async def first():
            async for _ in sub:
                return

        running = asyncio.create_task(script.run_async())
        await first()
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            return

    async def run():
        for _ in range(order["times"]):
            await once()

    asyncio.run(run())
    return {"cancelled": order["times"]}


def main():
    order = json.load(sys.stdin)
    try:
        answer = {"query": query, "drain": drain, "cancel": cancel}[order["do"]](order)
    except grpc.RpcError as error:
        answer = {"rpc": error.code().name, "details": error.details()}
    except Exception as error:  # the test says which it expects
        group = getattr(error, "exceptions", None)
        error = group[0] if group else error
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), flush=True)


main()
