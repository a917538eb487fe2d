"""The worker's mailbox, over pipes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fedota_client.worker.mailbox import ClientGoneError, Mailbox
from fedota_client.worker_protocol import FrameReader, write_frame


class Client:
    """The other ends of a mailbox's pipes."""

    def __init__(self) -> None:
        read_fd, self.to_worker = os.pipe()
        self.from_worker, write_fd = os.pipe()
        self.mailbox = Mailbox(read_fd, write_fd)
        self._open = {read_fd, self.to_worker, self.from_worker, write_fd}

    def close(self, *fds: int) -> None:
        for fd in fds or tuple(self._open):
            os.close(fd)
            self._open.discard(fd)


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


def test_frames_come_in_order_also_after_a_look_for_cancellations(client: Client) -> None:
    write_frame(client.to_worker, "task", {"task_id": 1})
    write_frame(client.to_worker, "cancel", {"task_id": 8})
    write_frame(client.to_worker, "stop")

    assert client.mailbox.next().fields == {"task_id": 1}
    assert not client.mailbox.is_cancelled(1)
    assert [client.mailbox.next().kind for _ in range(2)] == ["cancel", "stop"]


def test_only_this_tasks_cancellation_cancels_it(client: Client) -> None:
    assert not client.mailbox.is_cancelled(8)
    write_frame(client.to_worker, "cancel", {"task_id": 7})
    write_frame(client.to_worker, "cancel", {"task_id": 8})

    assert client.mailbox.is_cancelled(8)
    assert client.mailbox.next().fields == {"task_id": 7}


def test_a_client_that_is_gone_is_noticed_everywhere(client: Client) -> None:
    client.close(client.to_worker, client.from_worker)

    with pytest.raises(ClientGoneError):
        client.mailbox.next()
    with pytest.raises(ClientGoneError):
        client.mailbox.is_cancelled(1)
    with pytest.raises(ClientGoneError):
        client.mailbox.send("result", {"task_id": 1})


def test_what_is_sent_arrives_with_its_payload(client: Client) -> None:
    client.mailbox.send("result", {"task_id": 1}, [b"ab", b"", b"c"])

    frame = FrameReader(client.from_worker).read()

    assert frame is not None
    assert (frame.kind, frame.fields, bytes(frame.payload)) == ("result", {"task_id": 1}, b"abc")
