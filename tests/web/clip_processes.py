"""What a clip's process may do instead of painting; each process imports this module, which is light for that."""

import time


def painted(connection, folder, job):
    """What a clip's process does, without painting anything."""
    (folder / "painted").write_bytes(job.data)
    for done in (1, 2):
        connection.send(("frame", (done, 2, 0.5 * (2 - done))))
    connection.send(("painted", job.data))


def endless(connection, folder, job):
    (folder / "painted").write_bytes(job.data)
    connection.send(("frame", (1, 100, 50.0)))
    time.sleep(200)


def dying(connection, folder, job):
    (folder / "painted").write_bytes(job.data)
    raise SystemExit(1)
