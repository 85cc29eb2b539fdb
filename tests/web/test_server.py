"""The server's sockets."""

import errno
import socket
import sys

import pytest

from artlives.web import server


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no such limit")
def test_the_connection_of_a_client_that_does_not_read_ends(monkeypatch):
    monkeypatch.setattr(server, "UNREAD_SECONDS", 1)
    with server._listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        connection.settimeout(30)
        with connection, pytest.raises(TimeoutError) as error:
            connection.sendall(bytes(1 << 26))
        # That of the test's own patience has no number.
        assert error.value.errno == errno.ETIMEDOUT
