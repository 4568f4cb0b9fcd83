"""The queries of query.ts in polars, on the same rows, two threads: prints JSON of the median milliseconds of each."""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("POLARS_MAX_THREADS", "2")
import polars as pl

total, rounds = int(sys.argv[1]), int(sys.argv[2])
i = pl.int_range(0, total, dtype=pl.Int64, eager=True)
frame = pl.DataFrame({"i": i}).with_columns(
    upid=pl.col("i") % 7,
    time_=1_700_000_000_000_000_000 + pl.col("i") * 10_000,
    goid_=pl.col("i") % 1000,
    latency=pl.col("i") * 7919 % 1_000_003,
    size=pl.col("i") % 4096,
    status=(pl.col("i") % 7).replace_strict(dict(enumerate([200, 200, 200, 404, 200, 500, 200])), return_dtype=pl.Int64),
    path=pl.format("/api/v1/things/{}", pl.col("i") % 500),
    method=(pl.col("i") % 4).replace_strict(dict(enumerate(["GET", "POST", "DELETE", "PUT"])), return_dtype=pl.String),
).drop("i")
owners = pl.DataFrame({"path": [f"/api/v1/things/{n}" for n in range(500)], "owner": [f"team {n % 12}" for n in range(500)]})
calls = frame.lazy()
latency = pl.col("latency")
queries = {
    "filter, group, quantiles": calls.filter(pl.col("status") < 400)
    .group_by("path", maintain_order=True)
    .agg(pl.len(), *[latency.quantile(q, "linear").alias(f"q{q}") for q in (0.5, 0.9, 0.99)]),
    "merge, group": calls.join(owners.lazy(), on="path").group_by("owner").agg(pl.len(), pl.col("size").sum(), latency.max()),
    "rolling, one second": calls.group_by((pl.col("time_") // 1_000_000_000).alias("t"), "method", maintain_order=True).agg(
        pl.len(), latency.mean()
    ),
    "group by two, mean": calls.group_by("method", "status", maintain_order=True).agg(pl.len(), latency.mean(), pl.col("size").max()),
    "filter, newest 100": calls.filter(pl.col("path").str.contains("/things/7", literal=True)).sort("latency", descending=True).head(100),
}
times = {}
for name, query in queries.items():
    query.collect()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        query.collect()
        taken.append((time.perf_counter() - began) * 1000)
    times[name] = statistics.median(taken)
print(json.dumps(times))
