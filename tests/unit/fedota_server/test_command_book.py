"""A command is sent until it is answered, and answered once."""

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.command_book import CommandBook


def pause(command_id: str) -> pb.Command:
    return pb.Command(command_id=command_id, pause=True)


def reply(command_id: str, message: str = "paused") -> pb.CommandReply:
    return pb.CommandReply(command_id=command_id, done=True, message=message)


def test_commands_wait_in_order_until_answered() -> None:
    book = CommandBook()
    assert book.give(pause("a"))
    assert book.give(pause("b"))
    assert [command.command_id for command in book.waiting()] == ["a", "b"]
    assert book.answered(reply("a"))
    assert [command.command_id for command in book.waiting()] == ["b"]


def test_a_repeated_command_gets_the_first_answer() -> None:
    book = CommandBook()
    book.give(pause("a"))
    assert not book.give(pause("a"))
    book.answered(reply("a", "first"))
    assert not book.give(pause("a"))
    assert not book.answered(reply("a", "second"))
    answer = book.answer("a")
    assert answer is not None
    assert answer.message == "first"
    assert book.waiting() == []


def test_a_withdrawn_command_is_never_sent() -> None:
    book = CommandBook()
    book.give(pause("a"))
    book.withdraw("a")
    book.withdraw("a")
    assert book.waiting() == []
    assert book.answer("a") is None


def test_answers_to_nobody_are_dropped_and_old_ones_forgotten() -> None:
    book = CommandBook()
    assert not book.answered(reply("x"))
    for number in range(1_001):
        book.give(pause(str(number)))
        book.answered(reply(str(number)))
    assert book.answer("0") is None
    assert book.answer("1000") is not None
